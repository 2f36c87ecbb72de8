from typing import Literal

PublicEventWebhookType = Literal["customer.created", "customer.updated"]

PUBLIC_EVENT_WEBHOOK_TYPE_VALUES: set[PublicEventWebhookType] = {
    "customer.created",
    "customer.updated",
}


def check_public_event_webhook_type(value: str) -> PublicEventWebhookType:
    if value in PUBLIC_EVENT_WEBHOOK_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {PUBLIC_EVENT_WEBHOOK_TYPE_VALUES!r}")
