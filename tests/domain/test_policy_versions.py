"""Policies by version: a command names the one that judges it, and so does every event that follows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.commands import RecordMonitoring, RecordScreening, RecordVerification
from domain.customer import fold
from domain.decide import decide
from domain.events import ScreeningAttempted
from domain.findings import SourceReport
from domain.policies.registry import MONITORING, SCREENING, STEPS, VERIFICATION
from domain.policies.screening import screening_1, screening_2
from domain.vocabulary import Reason
from tests.domain.histories import ACTIVE, CHALLENGE_VERIFIED, VERIFYING_IN_SESSION
from tests.domain.samples import clean, grave, listed, monitoring, result, screening, silent

SUSPICIOUS = ("hold", (Reason.SUSPICIOUS_TO_TWO_SOURCES,))
NOTHING = SourceReport(source="elliptic", answered=True)
REPORTS = st.sampled_from(
    [maker(source) for maker in (clean, grave, listed, silent) for source in ("ofac", "trm")] + [NOTHING]
)


@pytest.mark.parametrize(
    ("now", "earlier", "judged"),
    [
        ((clean("ofac"), clean("trm")), (), SUSPICIOUS),
        ((clean("trm"), NOTHING), (clean("ofac"),), SUSPICIOUS),
        ((clean("ofac"), NOTHING), (), ("clear", ())),
        ((clean("ofac"),), (clean("ofac"),), ("clear", ())),
        ((NOTHING,), (clean("elliptic"), clean("ofac")), ("clear", ())),
        ((clean("ofac"), clean("trm"), silent("elliptic")), (), ("retry", (Reason.SOURCE_UNAVAILABLE,))),
        ((clean("ofac"), grave("trm")), (), ("retry", (Reason.SINGLE_SOURCE_FINDINGS,))),
        ((listed(), clean("trm")), (), ("fail", (Reason.SANCTIONS_MATCH,))),
    ],
)
def test_screening_2_holds_what_is_suspicious_to_two_sources(
    now: tuple[SourceReport, ...], earlier: tuple[SourceReport, ...], judged: tuple[str, tuple[Reason, ...]]
) -> None:
    verdict = screening_2(now, earlier=earlier)

    assert (verdict.verdict, verdict.reasons) == judged


@settings(derandomize=True)
@given(st.lists(REPORTS, max_size=3), st.lists(REPORTS, max_size=3), st.integers(0, 3), st.booleans())
def test_screening_2_differs_from_screening_1_only_where_that_would_pass(
    now: list[SourceReport],
    earlier: list[SourceReport],
    doubts: int,
    barred: bool,  # noqa: FBT001 -- drawn
) -> None:
    one = screening_1(now, earlier=earlier, doubts=doubts, barred=barred)
    two = screening_2(now, earlier=earlier, doubts=doubts, barred=barred)

    assert one == two or (one.verdict, two.verdict) == ("clear", "hold")


def test_a_decision_is_taken_by_the_version_that_the_command_names_and_says_so() -> None:
    customer = fold(CHALLENGE_VERIFIED)

    one, passed = decide(customer, screening(clean("ofac"), clean("trm")))
    (two,) = decide(customer, screening(clean("ofac"), clean("trm"), policy="screening-2"))

    assert isinstance(one, ScreeningAttempted)
    assert isinstance(two, ScreeningAttempted)
    assert (one.policy, one.verdict, getattr(passed, "decided_by", None)) == (
        "screening-1",
        "clear",
        "policy:screening-1",
    )
    assert (two.policy, two.verdict) == ("screening-2", "hold")


@pytest.mark.parametrize(
    ("history", "command"),
    [
        (CHALLENGE_VERIFIED, RecordScreening(1, (clean(),), screening().now, policy="screening-0")),
        (VERIFYING_IN_SESSION, RecordVerification(result("approved"), policy="screening-1")),
        (ACTIVE, monitoring(listed(), policy="verification-1")),
    ],
)
def test_what_no_policy_of_this_name_can_judge_is_not_judged(
    history: tuple[object, ...], command: RecordScreening | RecordVerification | RecordMonitoring
) -> None:
    with pytest.raises(KeyError):
        decide(fold(history), command)  # type: ignore[arg-type] # events of different types


def test_every_version_belongs_to_one_step() -> None:
    assert len(STEPS) == len(SCREENING) + len(VERIFICATION) + len(MONITORING)
    assert {"screening-1", "screening-2", "verification-1", "monitoring-1"} <= STEPS.keys()
    assert all(name.startswith(f"{step}-") for name, step in STEPS.items())
