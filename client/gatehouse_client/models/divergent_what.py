from typing import Literal

DivergentWhat = Literal["different", "extra", "missing"]

DIVERGENT_WHAT_VALUES: set[DivergentWhat] = {
    "different",
    "extra",
    "missing",
}


def check_divergent_what(value: str) -> DivergentWhat:
    if value in DIVERGENT_WHAT_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {DIVERGENT_WHAT_VALUES!r}")
