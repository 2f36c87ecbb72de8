from typing import Literal

WebhookTestOutcome = Literal["address_refused", "delivered", "gone", "refused", "timed_out", "unreachable"]

WEBHOOK_TEST_OUTCOME_VALUES: set[WebhookTestOutcome] = {
    "address_refused",
    "delivered",
    "gone",
    "refused",
    "timed_out",
    "unreachable",
}


def check_webhook_test_outcome(value: str) -> WebhookTestOutcome:
    if value in WEBHOOK_TEST_OUTCOME_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {WEBHOOK_TEST_OUTCOME_VALUES!r}")
