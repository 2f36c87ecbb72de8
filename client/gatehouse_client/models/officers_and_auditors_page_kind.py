from typing import Literal

OfficersAndAuditorsPageKind = Literal["alert", "rejection_proposal", "screening_hold", "verification_hold"]

OFFICERS_AND_AUDITORS_PAGE_KIND_VALUES: set[OfficersAndAuditorsPageKind] = {
    "alert",
    "rejection_proposal",
    "screening_hold",
    "verification_hold",
}


def check_officers_and_auditors_page_kind(value: str) -> OfficersAndAuditorsPageKind:
    if value in OFFICERS_AND_AUDITORS_PAGE_KIND_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {OFFICERS_AND_AUDITORS_PAGE_KIND_VALUES!r}")
