from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

T = TypeVar("T", bound="LegalHold")


@_attrs_define
class LegalHold:
    """`POST …/hold`: which authority forbids that anything is erased, and why."""

    reason: str
    authority: str

    def to_dict(self) -> dict[str, Any]:
        reason = self.reason

        authority = self.authority

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "reason": reason,
                "authority": authority,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        reason = d.pop("reason")

        authority = d.pop("authority")

        legal_hold = cls(
            reason=reason,
            authority=authority,
        )

        return legal_hold
