from typing import Literal

CustomersPageClock = Literal["occurred", "recorded"]

CUSTOMERS_PAGE_CLOCK_VALUES: set[CustomersPageClock] = {
    "occurred",
    "recorded",
}


def check_customers_page_clock(value: str) -> CustomersPageClock:
    if value in CUSTOMERS_PAGE_CLOCK_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {CUSTOMERS_PAGE_CLOCK_VALUES!r}")
