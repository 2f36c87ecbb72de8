from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="WebhookTestEvent")


@_attrs_define
class WebhookTestEvent:
    """What a test sends; it has no place in the feed."""

    webhook_type: Literal["webhook.test"]
    event_id: UUID
    webhook_id: UUID
    created_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        webhook_type = self.webhook_type

        event_id = str(self.event_id)

        webhook_id = str(self.webhook_id)

        created_at = self.created_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "webhookType": webhook_type,
                "eventId": event_id,
                "webhookId": webhook_id,
                "createdAt": created_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        webhook_type = cast(Literal["webhook.test"], d.pop("webhookType"))
        if webhook_type != "webhook.test":
            raise ValueError(f"webhookType must match const 'webhook.test', got '{webhook_type}'")

        event_id = UUID(d.pop("eventId"))

        webhook_id = UUID(d.pop("webhookId"))

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        webhook_test_event = cls(
            webhook_type=webhook_type,
            event_id=event_id,
            webhook_id=webhook_id,
            created_at=created_at,
        )

        webhook_test_event.additional_properties = d
        return webhook_test_event

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
