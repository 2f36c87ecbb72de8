from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="SignedChallenge")


@_attrs_define
class SignedChallenge:
    """`POST …/challenge/sign`: the challenge as it was given, and its signature as 0x-hex or base64 of that."""

    chain_id: str
    """ A CAIP-10 account of an EVM chain; mixed case carries the EIP-55 checksum. """
    challenge: str
    signature: str

    def to_dict(self) -> dict[str, Any]:
        chain_id = self.chain_id

        challenge = self.challenge

        signature = self.signature

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "chainId": chain_id,
                "challenge": challenge,
                "signature": signature,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        chain_id = d.pop("chainId")

        challenge = d.pop("challenge")

        signature = d.pop("signature")

        signed_challenge = cls(
            chain_id=chain_id,
            challenge=challenge,
            signature=signature,
        )

        return signed_challenge
