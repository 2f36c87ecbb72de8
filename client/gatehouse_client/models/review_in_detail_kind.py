from typing import Literal

ReviewInDetailKind = Literal["alert", "rejection_proposal", "screening_hold", "verification_hold"]

REVIEW_IN_DETAIL_KIND_VALUES: set[ReviewInDetailKind] = {
    "alert",
    "rejection_proposal",
    "screening_hold",
    "verification_hold",
}


def check_review_in_detail_kind(value: str) -> ReviewInDetailKind:
    if value in REVIEW_IN_DETAIL_KIND_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REVIEW_IN_DETAIL_KIND_VALUES!r}")
