from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.webhook_registration_types_item import WebhookRegistrationTypesItem, check_webhook_registration_types_item

T = TypeVar("T", bound="WebhookRegistration")


@_attrs_define
class WebhookRegistration:
    """`PUT /v1/webhooks`: where public events go, and which. One callback URL has one webhook."""

    callback_url: str
    """ https, a public host by its name, port 443 or above 1023. Redirects are not followed. """
    types: list[WebhookRegistrationTypesItem]

    def to_dict(self) -> dict[str, Any]:
        callback_url = self.callback_url

        types = []
        for types_item_data in self.types:
            types_item: str = types_item_data
            types.append(types_item)

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "callbackUrl": callback_url,
                "types": types,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        callback_url = d.pop("callbackUrl")

        types = []
        _types = d.pop("types")
        for types_item_data in _types:
            types_item = check_webhook_registration_types_item(types_item_data)

            types.append(types_item)

        webhook_registration = cls(
            callback_url=callback_url,
            types=types,
        )

        return webhook_registration
