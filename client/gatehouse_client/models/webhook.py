from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.webhook_cause import WebhookCause, check_webhook_cause
from ..models.webhook_status import WebhookStatus, check_webhook_status
from ..models.webhook_types_item import WebhookTypesItem, check_webhook_types_item
from ..types import UNSET, Unset

T = TypeVar("T", bound="Webhook")


@_attrs_define
class Webhook:
    """A webhook. While it is `failing`, nothing is sent; a test or a redelivery that is taken ends that."""

    id: UUID
    callback_url: str
    types: list[WebhookTypesItem]
    status: WebhookStatus
    created_at: datetime.datetime
    updated_at: datetime.datetime
    cause: WebhookCause | Unset = UNSET
    previous_secret_until: datetime.datetime | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        callback_url = self.callback_url

        types = []
        for types_item_data in self.types:
            types_item: str = types_item_data
            types.append(types_item)

        status: str = self.status

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        cause: str | Unset = UNSET
        if not isinstance(self.cause, Unset):
            cause = self.cause

        previous_secret_until: str | Unset = UNSET
        if not isinstance(self.previous_secret_until, Unset):
            previous_secret_until = self.previous_secret_until.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "callbackUrl": callback_url,
                "types": types,
                "status": status,
                "createdAt": created_at,
                "updatedAt": updated_at,
            }
        )
        if cause is not UNSET:
            field_dict["cause"] = cause
        if previous_secret_until is not UNSET:
            field_dict["previousSecretUntil"] = previous_secret_until

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = UUID(d.pop("id"))

        callback_url = d.pop("callbackUrl")

        types = []
        _types = d.pop("types")
        for types_item_data in _types:
            types_item = check_webhook_types_item(types_item_data)

            types.append(types_item)

        status = check_webhook_status(d.pop("status"))

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        _cause = d.pop("cause", UNSET)
        cause: WebhookCause | Unset
        if isinstance(_cause, Unset):
            cause = UNSET
        else:
            cause = check_webhook_cause(_cause)

        _previous_secret_until = d.pop("previousSecretUntil", UNSET)
        previous_secret_until: datetime.datetime | Unset
        if isinstance(_previous_secret_until, Unset):
            previous_secret_until = UNSET
        else:
            previous_secret_until = datetime.datetime.fromisoformat(_previous_secret_until)

        webhook = cls(
            id=id,
            callback_url=callback_url,
            types=types,
            status=status,
            created_at=created_at,
            updated_at=updated_at,
            cause=cause,
            previous_secret_until=previous_secret_until,
        )

        webhook.additional_properties = d
        return webhook

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
