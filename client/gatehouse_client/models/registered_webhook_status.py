from typing import Literal

RegisteredWebhookStatus = Literal["active", "failing"]

REGISTERED_WEBHOOK_STATUS_VALUES: set[RegisteredWebhookStatus] = {
    "active",
    "failing",
}


def check_registered_webhook_status(value: str) -> RegisteredWebhookStatus:
    if value in REGISTERED_WEBHOOK_STATUS_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REGISTERED_WEBHOOK_STATUS_VALUES!r}")
