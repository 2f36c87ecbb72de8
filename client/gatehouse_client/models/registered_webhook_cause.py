from typing import Literal

RegisteredWebhookCause = Literal["gone", "undelivered"]

REGISTERED_WEBHOOK_CAUSE_VALUES: set[RegisteredWebhookCause] = {
    "gone",
    "undelivered",
}


def check_registered_webhook_cause(value: str) -> RegisteredWebhookCause:
    if value in REGISTERED_WEBHOOK_CAUSE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REGISTERED_WEBHOOK_CAUSE_VALUES!r}")
