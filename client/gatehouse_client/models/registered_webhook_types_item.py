from typing import Literal

RegisteredWebhookTypesItem = Literal["customer.created", "customer.updated"]

REGISTERED_WEBHOOK_TYPES_ITEM_VALUES: set[RegisteredWebhookTypesItem] = {
    "customer.created",
    "customer.updated",
}


def check_registered_webhook_types_item(value: str) -> RegisteredWebhookTypesItem:
    if value in REGISTERED_WEBHOOK_TYPES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REGISTERED_WEBHOOK_TYPES_ITEM_VALUES!r}")
