from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TimelineEntry")


@_attrs_define
class TimelineEntry:
    """One line of a customer's story."""

    position: int
    version: int
    type_: str
    recorded_at: datetime.datetime
    occurred_at: datetime.datetime
    who: str
    what: str
    why: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        position = self.position

        version = self.version

        type_ = self.type_

        recorded_at = self.recorded_at.isoformat()

        occurred_at = self.occurred_at.isoformat()

        who = self.who

        what = self.what

        why = self.why

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "position": position,
                "version": version,
                "type": type_,
                "recordedAt": recorded_at,
                "occurredAt": occurred_at,
                "who": who,
                "what": what,
                "why": why,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        position = d.pop("position")

        version = d.pop("version")

        type_ = d.pop("type")

        recorded_at = datetime.datetime.fromisoformat(d.pop("recordedAt"))

        occurred_at = datetime.datetime.fromisoformat(d.pop("occurredAt"))

        who = d.pop("who")

        what = d.pop("what")

        why = d.pop("why")

        timeline_entry = cls(
            position=position,
            version=version,
            type_=type_,
            recorded_at=recorded_at,
            occurred_at=occurred_at,
            who=who,
            what=what,
            why=why,
        )

        timeline_entry.additional_properties = d
        return timeline_entry

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
