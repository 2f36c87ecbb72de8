from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="PolicyChange")


@_attrs_define
class PolicyChange:
    """Decisions that a policy would take otherwise: what they were, what they would be, and why."""

    was: str
    would_be: str
    reasons: list[str]
    decisions: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        was = self.was

        would_be = self.would_be

        reasons = self.reasons

        decisions = self.decisions

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "was": was,
                "wouldBe": would_be,
                "reasons": reasons,
                "decisions": decisions,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        was = d.pop("was")

        would_be = d.pop("wouldBe")

        reasons = cast(list[str], d.pop("reasons"))

        decisions = d.pop("decisions")

        policy_change = cls(
            was=was,
            would_be=would_be,
            reasons=reasons,
            decisions=decisions,
        )

        policy_change.additional_properties = d
        return policy_change

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
