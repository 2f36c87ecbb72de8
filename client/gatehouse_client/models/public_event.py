from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.public_event_webhook_type import PublicEventWebhookType, check_public_event_webhook_type
from ..models.status import Status, check_status

T = TypeVar("T", bound="PublicEvent")


@_attrs_define
class PublicEvent:
    """A change of what a partner sees of a customer, and the customer as it looks from then on.

    `sequence` counts a partner's events without a gap; `previousSequence` is that of the customer's event before, and
    null at its first: whoever has seen all of one customer need not wait for others.

    """

    webhook_type: PublicEventWebhookType
    event_id: UUID
    id: UUID
    external_id: str
    chain_id: str
    status: Status
    """ What a partner sees, and all it sees. """
    created_at: datetime.datetime
    updated_at: datetime.datetime
    sequence: int
    previous_sequence: int | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        webhook_type: str = self.webhook_type

        event_id = str(self.event_id)

        id = str(self.id)

        external_id = self.external_id

        chain_id = self.chain_id

        status: str = self.status

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        sequence = self.sequence

        previous_sequence: int | None
        previous_sequence = self.previous_sequence

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "webhookType": webhook_type,
                "eventId": event_id,
                "id": id,
                "externalId": external_id,
                "chainId": chain_id,
                "status": status,
                "createdAt": created_at,
                "updatedAt": updated_at,
                "sequence": sequence,
                "previousSequence": previous_sequence,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        webhook_type = check_public_event_webhook_type(d.pop("webhookType"))

        event_id = UUID(d.pop("eventId"))

        id = UUID(d.pop("id"))

        external_id = d.pop("externalId")

        chain_id = d.pop("chainId")

        status = check_status(d.pop("status"))

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        sequence = d.pop("sequence")

        def _parse_previous_sequence(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        previous_sequence = _parse_previous_sequence(d.pop("previousSequence"))

        public_event = cls(
            webhook_type=webhook_type,
            event_id=event_id,
            id=id,
            external_id=external_id,
            chain_id=chain_id,
            status=status,
            created_at=created_at,
            updated_at=updated_at,
            sequence=sequence,
            previous_sequence=previous_sequence,
        )

        public_event.additional_properties = d
        return public_event

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
