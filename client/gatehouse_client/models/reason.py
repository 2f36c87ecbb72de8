from typing import Literal

Reason = Literal[
    "confirmation_required",
    "confirmed_by_two_sources",
    "contradicted_findings",
    "duplicate_person",
    "officer_decision",
    "previously_rejected",
    "provider_hold",
    "provider_rejected",
    "provider_retry",
    "retries_exhausted",
    "sanctions_match",
    "single_source_findings",
    "source_unavailable",
    "suspicious_to_two_sources",
    "unconfirmed_findings",
    "unidentified_person",
    "wallet_barred",
]

REASON_VALUES: set[Reason] = {
    "confirmation_required",
    "confirmed_by_two_sources",
    "contradicted_findings",
    "duplicate_person",
    "officer_decision",
    "previously_rejected",
    "provider_hold",
    "provider_rejected",
    "provider_retry",
    "retries_exhausted",
    "sanctions_match",
    "single_source_findings",
    "source_unavailable",
    "suspicious_to_two_sources",
    "unconfirmed_findings",
    "unidentified_person",
    "wallet_barred",
}


def check_reason(value: str) -> Reason:
    if value in REASON_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {REASON_VALUES!r}")
