from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define

T = TypeVar("T", bound="Credentials")


@_attrs_define
class Credentials:
    """`POST /v1/auth/token`: a key's name and its secret."""

    api_key: UUID
    api_secret: str

    def to_dict(self) -> dict[str, Any]:
        api_key = str(self.api_key)

        api_secret = self.api_secret

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "apiKey": api_key,
                "apiSecret": api_secret,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        api_key = UUID(d.pop("apiKey"))

        api_secret = d.pop("apiSecret")

        credentials = cls(
            api_key=api_key,
            api_secret=api_secret,
        )

        return credentials
