from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="VerificationSession")


@_attrs_define
class VerificationSession:
    """Where the person verifies themselves."""

    provider: str
    session_url: str
    session_token: str
    expires_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        provider = self.provider

        session_url = self.session_url

        session_token = self.session_token

        expires_at = self.expires_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "provider": provider,
                "sessionUrl": session_url,
                "sessionToken": session_token,
                "expiresAt": expires_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        provider = d.pop("provider")

        session_url = d.pop("sessionUrl")

        session_token = d.pop("sessionToken")

        expires_at = datetime.datetime.fromisoformat(d.pop("expiresAt"))

        verification_session = cls(
            provider=provider,
            session_url=session_url,
            session_token=session_token,
            expires_at=expires_at,
        )

        verification_session.additional_properties = d
        return verification_session

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
