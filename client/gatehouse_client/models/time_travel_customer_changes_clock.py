from typing import Literal

TimeTravelCustomerChangesClock = Literal["occurred", "recorded"]

TIME_TRAVEL_CUSTOMER_CHANGES_CLOCK_VALUES: set[TimeTravelCustomerChangesClock] = {
    "occurred",
    "recorded",
}


def check_time_travel_customer_changes_clock(value: str) -> TimeTravelCustomerChangesClock:
    if value in TIME_TRAVEL_CUSTOMER_CHANGES_CLOCK_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TIME_TRAVEL_CUSTOMER_CHANGES_CLOCK_VALUES!r}")
