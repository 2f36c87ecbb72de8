from typing import Literal

WebhookDeliveryLastOutcome = Literal["address_refused", "delivered", "gone", "refused", "timed_out", "unreachable"]

WEBHOOK_DELIVERY_LAST_OUTCOME_VALUES: set[WebhookDeliveryLastOutcome] = {
    "address_refused",
    "delivered",
    "gone",
    "refused",
    "timed_out",
    "unreachable",
}


def check_webhook_delivery_last_outcome(value: str) -> WebhookDeliveryLastOutcome:
    if value in WEBHOOK_DELIVERY_LAST_OUTCOME_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {WEBHOOK_DELIVERY_LAST_OUTCOME_VALUES!r}")
