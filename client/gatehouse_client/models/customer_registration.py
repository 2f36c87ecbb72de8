from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="CustomerRegistration")


@_attrs_define
class CustomerRegistration:
    """`POST /v1/customers`: a wallet as a CAIP-10 account and the partner's own reference."""

    chain_id: str
    """ A CAIP-10 account of an EVM chain; mixed case carries the EIP-55 checksum. """
    external_id: str
    """ Your reference; nothing personal, please. """

    def to_dict(self) -> dict[str, Any]:
        chain_id = self.chain_id

        external_id = self.external_id

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "chainId": chain_id,
                "externalId": external_id,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        chain_id = d.pop("chainId")

        external_id = d.pop("externalId")

        customer_registration = cls(
            chain_id=chain_id,
            external_id=external_id,
        )

        return customer_registration
