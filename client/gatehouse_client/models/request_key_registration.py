from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="RequestKeyRegistration")


@_attrs_define
class RequestKeyRegistration:
    """`PUT /v1/keys/{keyId}/public-key`: the public half of an ECDSA P-384 or Ed25519 pair, in PEM."""

    public_key: str

    def to_dict(self) -> dict[str, Any]:
        public_key = self.public_key

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "publicKey": public_key,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        public_key = d.pop("publicKey")

        request_key_registration = cls(
            public_key=public_key,
        )

        return request_key_registration
