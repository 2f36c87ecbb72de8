from typing import Literal

Status = Literal["active", "inactive", "initiating", "rejected", "screening", "verifying"]

STATUS_VALUES: set[Status] = {
    "active",
    "inactive",
    "initiating",
    "rejected",
    "screening",
    "verifying",
}


def check_status(value: str) -> Status:
    if value in STATUS_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {STATUS_VALUES!r}")
