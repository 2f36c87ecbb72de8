from typing import Literal

ReviewKind = Literal["alert", "rejection_proposal", "screening_hold", "verification_hold"]

REVIEW_KIND_VALUES: set[ReviewKind] = {
    "alert",
    "rejection_proposal",
    "screening_hold",
    "verification_hold",
}


def check_review_kind(value: str) -> ReviewKind:
    if value in REVIEW_KIND_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REVIEW_KIND_VALUES!r}")
