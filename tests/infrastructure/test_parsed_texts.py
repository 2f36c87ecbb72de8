"""What people say is not kept by the parser that read it: pydantic's keeps short texts unless it is told not to."""

from collections.abc import Callable

import pytest

from infrastructure.http.models import StatedReason
from infrastructure.http.review_models import LegalHold
from infrastructure.sandbox.provider import Callback
from infrastructure.verification.sumsub_messages import SAID, Applicant

REASON = b'{"reason": "jane-doe-P7654321"}'
HOLD = b'{"reason": "because", "authority": "jane-doe-P7654321"}'
CALLBACK = b"""{
    "applicant": "01930000-0000-7000-8000-000000000000", "answer": "retry", "reportedAt": "2026-01-01T00:00:00Z",
    "person": {"name": "jane-doe-P7654321", "documentNumber": "1", "documentCountry": "UTO"}
}"""
APPLICANT = b'{"id": "a1", "info": {"idDocs": [{"number": "jane-doe-P7654321"}]}}'


def number_of(applicant: object) -> object:
    assert isinstance(applicant, Applicant)
    assert applicant.info
    assert applicant.info.id_docs
    return applicant.info.id_docs[0].number


@pytest.mark.parametrize(
    "read",
    [
        lambda: StatedReason.model_validate_json(REASON).reason,
        lambda: LegalHold.model_validate_json(HOLD).authority,
        lambda: Callback.model_validate_json(CALLBACK).person.name,
        lambda: number_of(Applicant.model_validate_json(APPLICANT)),
        lambda: number_of(SAID.validate_json(APPLICANT)),
    ],
    ids=["an officer's word", "a legal hold", "the sandbox's callback", "an applicant", "a provider's word"],
)
def test_a_text_that_is_read_twice_is_two_texts(read: Callable[[], object]) -> None:
    first, second = read(), read()

    assert first == second == "jane-doe-P7654321"
    assert first is not second
