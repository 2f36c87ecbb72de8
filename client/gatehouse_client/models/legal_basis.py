from typing import Literal

LegalBasis = Literal["authority_order", "data_subject_request", "partner_request", "retention_over"]

LEGAL_BASIS_VALUES: set[LegalBasis] = {
    "authority_order",
    "data_subject_request",
    "partner_request",
    "retention_over",
}


def check_legal_basis(value: str) -> LegalBasis:
    if value in LEGAL_BASIS_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LEGAL_BASIS_VALUES!r}")
