from dataclasses import dataclass

import pytest

from domain.policies.verification import VERIFICATION_1, verification_1
from domain.vocabulary import Reason
from tests.domain.samples import PERSON, result


@dataclass(frozen=True)
class Case:
    """What the provider says, what the log knows, and what comes of it."""

    answer: str
    verdict: str
    reason: Reason | None = None
    retries: int = 0
    barred: bool = False
    known_elsewhere: bool = False
    person: str | None = PERSON


CASES = {
    "approved passes": Case("approved", "pass"),
    "approved passes after any number of retries": Case("approved", "pass", retries=5),
    "approved fails for a barred person": Case("approved", "fail", Reason.PREVIOUSLY_REJECTED, barred=True),
    "approved is held for another live customer": Case(
        "approved", "hold", Reason.DUPLICATE_PERSON, known_elsewhere=True
    ),
    "a bar weighs more than a duplicate": Case(
        "approved", "fail", Reason.PREVIOUSLY_REJECTED, barred=True, known_elsewhere=True
    ),
    "approved is held where nobody says who it is": Case("approved", "hold", Reason.UNIDENTIFIED_PERSON, person=None),
    "a bar on the wallet weighs more than that": Case(
        "approved", "fail", Reason.PREVIOUSLY_REJECTED, barred=True, person=None
    ),
    "rejected fails whoever it is": Case("rejected", "fail", Reason.PROVIDER_REJECTED, person=None),
    "the first retry is granted": Case("retry", "retry", Reason.PROVIDER_RETRY),
    "the fifth retry is granted": Case("retry", "retry", Reason.PROVIDER_RETRY, retries=4),
    "the sixth retry is held": Case("retry", "hold", Reason.RETRIES_EXHAUSTED, retries=5),
    "every later retry is held": Case("retry", "hold", Reason.RETRIES_EXHAUSTED, retries=6),
    "rejected fails": Case("rejected", "fail", Reason.PROVIDER_REJECTED),
    "rejected fails though retries are left": Case("rejected", "fail", Reason.PROVIDER_REJECTED, retries=1),
    "rejected fails for a duplicate": Case("rejected", "fail", Reason.PROVIDER_REJECTED, known_elsewhere=True),
    "on hold is held": Case("on_hold", "hold", Reason.PROVIDER_HOLD),
    "on hold is held for a barred person": Case("on_hold", "hold", Reason.PROVIDER_HOLD, barred=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_verification_1(case: Case) -> None:
    judged = verification_1(
        result(case.answer, person=case.person),
        retries=case.retries,
        barred=case.barred,
        known_elsewhere=case.known_elsewhere,
    )

    assert judged.verdict == case.verdict
    assert judged.reasons == ((case.reason,) if case.reason else ())


def test_the_policy_says_its_version() -> None:
    assert VERIFICATION_1 == "verification-1"
