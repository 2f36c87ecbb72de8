from typing import Literal

TimeTravelFunnelChangesClock = Literal["occurred", "recorded"]

TIME_TRAVEL_FUNNEL_CHANGES_CLOCK_VALUES: set[TimeTravelFunnelChangesClock] = {
    "occurred",
    "recorded",
}


def check_time_travel_funnel_changes_clock(value: str) -> TimeTravelFunnelChangesClock:
    if value in TIME_TRAVEL_FUNNEL_CHANGES_CLOCK_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TIME_TRAVEL_FUNNEL_CHANGES_CLOCK_VALUES!r}")
