from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.webhook_delivery_last_outcome import WebhookDeliveryLastOutcome, check_webhook_delivery_last_outcome
from ..models.webhook_delivery_status import WebhookDeliveryStatus, check_webhook_delivery_status
from ..types import UNSET, Unset

T = TypeVar("T", bound="WebhookDelivery")


@_attrs_define
class WebhookDelivery:
    """One public event on its way to one webhook. `id` is the `webhook-id` of every attempt.

    It is `waiting` while an earlier event of the same customer is not delivered.

    """

    id: UUID
    event_id: UUID
    sequence: int
    customer_id: UUID
    status: WebhookDeliveryStatus
    attempts: int
    last_outcome: WebhookDeliveryLastOutcome | Unset = UNSET
    last_status: int | Unset = UNSET
    last_attempt_at: datetime.datetime | Unset = UNSET
    next_attempt_at: datetime.datetime | Unset = UNSET
    delivered_at: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        event_id = str(self.event_id)

        sequence = self.sequence

        customer_id = str(self.customer_id)

        status: str = self.status

        attempts = self.attempts

        last_outcome: str | Unset = UNSET
        if not isinstance(self.last_outcome, Unset):
            last_outcome = self.last_outcome

        last_status = self.last_status

        last_attempt_at: str | Unset = UNSET
        if not isinstance(self.last_attempt_at, Unset):
            last_attempt_at = self.last_attempt_at.isoformat()

        next_attempt_at: str | Unset = UNSET
        if not isinstance(self.next_attempt_at, Unset):
            next_attempt_at = self.next_attempt_at.isoformat()

        delivered_at: str | Unset = UNSET
        if not isinstance(self.delivered_at, Unset):
            delivered_at = self.delivered_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "eventId": event_id,
                "sequence": sequence,
                "customerId": customer_id,
                "status": status,
                "attempts": attempts,
            }
        )
        if last_outcome is not UNSET:
            field_dict["lastOutcome"] = last_outcome
        if last_status is not UNSET:
            field_dict["lastStatus"] = last_status
        if last_attempt_at is not UNSET:
            field_dict["lastAttemptAt"] = last_attempt_at
        if next_attempt_at is not UNSET:
            field_dict["nextAttemptAt"] = next_attempt_at
        if delivered_at is not UNSET:
            field_dict["deliveredAt"] = delivered_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = UUID(d.pop("id"))

        event_id = UUID(d.pop("eventId"))

        sequence = d.pop("sequence")

        customer_id = UUID(d.pop("customerId"))

        status = check_webhook_delivery_status(d.pop("status"))

        attempts = d.pop("attempts")

        _last_outcome = d.pop("lastOutcome", UNSET)
        last_outcome: WebhookDeliveryLastOutcome | Unset
        if isinstance(_last_outcome, Unset):
            last_outcome = UNSET
        else:
            last_outcome = check_webhook_delivery_last_outcome(_last_outcome)

        last_status = d.pop("lastStatus", UNSET)

        _last_attempt_at = d.pop("lastAttemptAt", UNSET)
        last_attempt_at: datetime.datetime | Unset
        if isinstance(_last_attempt_at, Unset):
            last_attempt_at = UNSET
        else:
            last_attempt_at = datetime.datetime.fromisoformat(_last_attempt_at)

        _next_attempt_at = d.pop("nextAttemptAt", UNSET)
        next_attempt_at: datetime.datetime | Unset
        if isinstance(_next_attempt_at, Unset):
            next_attempt_at = UNSET
        else:
            next_attempt_at = datetime.datetime.fromisoformat(_next_attempt_at)

        _delivered_at = d.pop("deliveredAt", UNSET)
        delivered_at: datetime.datetime | Unset
        if isinstance(_delivered_at, Unset):
            delivered_at = UNSET
        else:
            delivered_at = datetime.datetime.fromisoformat(_delivered_at)

        webhook_delivery = cls(
            id=id,
            event_id=event_id,
            sequence=sequence,
            customer_id=customer_id,
            status=status,
            attempts=attempts,
            last_outcome=last_outcome,
            last_status=last_status,
            last_attempt_at=last_attempt_at,
            next_attempt_at=next_attempt_at,
            delivered_at=delivered_at,
        )

        webhook_delivery.additional_properties = d
        return webhook_delivery

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
