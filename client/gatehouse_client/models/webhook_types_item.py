from typing import Literal

WebhookTypesItem = Literal["customer.created", "customer.updated"]

WEBHOOK_TYPES_ITEM_VALUES: set[WebhookTypesItem] = {
    "customer.created",
    "customer.updated",
}


def check_webhook_types_item(value: str) -> WebhookTypesItem:
    if value in WEBHOOK_TYPES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {WEBHOOK_TYPES_ITEM_VALUES!r}")
