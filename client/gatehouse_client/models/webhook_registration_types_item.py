from typing import Literal

WebhookRegistrationTypesItem = Literal["customer.created", "customer.updated"]

WEBHOOK_REGISTRATION_TYPES_ITEM_VALUES: set[WebhookRegistrationTypesItem] = {
    "customer.created",
    "customer.updated",
}


def check_webhook_registration_types_item(value: str) -> WebhookRegistrationTypesItem:
    if value in WEBHOOK_REGISTRATION_TYPES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {WEBHOOK_REGISTRATION_TYPES_ITEM_VALUES!r}")
