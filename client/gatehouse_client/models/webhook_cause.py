from typing import Literal

WebhookCause = Literal["gone", "undelivered"]

WEBHOOK_CAUSE_VALUES: set[WebhookCause] = {
    "gone",
    "undelivered",
}


def check_webhook_cause(value: str) -> WebhookCause:
    if value in WEBHOOK_CAUSE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {WEBHOOK_CAUSE_VALUES!r}")
