from typing import Literal

CustomersShowClock = Literal["occurred", "recorded"]

CUSTOMERS_SHOW_CLOCK_VALUES: set[CustomersShowClock] = {
    "occurred",
    "recorded",
}


def check_customers_show_clock(value: str) -> CustomersShowClock:
    if value in CUSTOMERS_SHOW_CLOCK_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CUSTOMERS_SHOW_CLOCK_VALUES!r}")
