from typing import Literal

TimeTravelFunnelClock = Literal["occurred", "recorded"]

TIME_TRAVEL_FUNNEL_CLOCK_VALUES: set[TimeTravelFunnelClock] = {
    "occurred",
    "recorded",
}


def check_time_travel_funnel_clock(value: str) -> TimeTravelFunnelClock:
    if value in TIME_TRAVEL_FUNNEL_CLOCK_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {TIME_TRAVEL_FUNNEL_CLOCK_VALUES!r}")
