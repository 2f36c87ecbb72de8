from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.stored_event_event import StoredEventEvent


T = TypeVar("T", bound="StoredEvent")


@_attrs_define
class StoredEvent:
    """An event as it is stored."""

    position: int
    stream: UUID
    version: int
    type_: str
    recorded_at: datetime.datetime
    event: StoredEventEvent
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        position = self.position

        stream = str(self.stream)

        version = self.version

        type_ = self.type_

        recorded_at = self.recorded_at.isoformat()

        event = self.event.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "position": position,
                "stream": stream,
                "version": version,
                "type": type_,
                "recordedAt": recorded_at,
                "event": event,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.stored_event_event import StoredEventEvent  # noqa: PLC0415

        d = dict(src_dict)
        position = d.pop("position")

        stream = UUID(d.pop("stream"))

        version = d.pop("version")

        type_ = d.pop("type")

        recorded_at = datetime.datetime.fromisoformat(d.pop("recordedAt"))

        event = StoredEventEvent.from_dict(d.pop("event"))

        stored_event = cls(
            position=position,
            stream=stream,
            version=version,
            type_=type_,
            recorded_at=recorded_at,
            event=event,
        )

        stored_event.additional_properties = d
        return stored_event

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
