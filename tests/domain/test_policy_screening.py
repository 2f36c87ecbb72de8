from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.findings import Severity, SourceReport
from domain.policies.screening import SCREENING_1, delay, screening_1
from domain.vocabulary import Reason
from tests.domain.samples import clean, grave, listed, silent


@dataclass(frozen=True)
class Case:
    """What the sources say now and said earlier, and what comes of it."""

    now: tuple[SourceReport, ...]
    verdict: str
    reasons: tuple[Reason, ...] = ()
    earlier: tuple[SourceReport, ...] = ()
    doubts: int = 0
    barred: bool = False


RETRY_UNAVAILABLE = ("retry", (Reason.SOURCE_UNAVAILABLE,))
RETRY_ALONE = ("retry", (Reason.SINGLE_SOURCE_FINDINGS,))
FAIL_MATCH = ("fail", (Reason.SANCTIONS_MATCH,))
FAIL_CONFIRMED = ("fail", (Reason.CONFIRMED_BY_TWO_SOURCES,))
HOLD_CONTRADICTED = ("hold", (Reason.CONTRADICTED_FINDINGS,))
HOLD_UNCONFIRMED = ("hold", (Reason.UNCONFIRMED_FINDINGS,))

OFAC = (grave("ofac"),)

CASES = {
    "no findings pass": Case((SourceReport(source="ofac", answered=True),), "clear"),
    "findings below high pass": Case((clean("ofac"), clean("trm")), "clear"),
    "an exact match fails": Case((listed(),), *FAIL_MATCH),
    "an exact match fails whatever its severity": Case((listed(severity=Severity.LOW),), *FAIL_MATCH),
    "an exact match needs no second source": Case((listed(), clean("trm")), *FAIL_MATCH),
    "an exact match fails though another source is out": Case((listed(), silent("trm")), *FAIL_MATCH),
    "an exact match of an earlier attempt fails": Case((clean(),), *FAIL_MATCH, earlier=(listed(),)),
    "a match that did not come through is no match": Case(
        (listed().model_copy(update={"answered": False}),), *RETRY_UNAVAILABLE
    ),
    "one source high is asked again": Case(OFAC, *RETRY_ALONE),
    "one source severe is asked again": Case((grave("ofac", Severity.SEVERE),), *RETRY_ALONE),
    "one source high is asked again though another is clean": Case((grave("ofac"), clean("trm")), *RETRY_ALONE),
    "one source high is asked again a second time": Case(OFAC, *RETRY_ALONE, earlier=OFAC, doubts=1),
    "one source high three times is held": Case(OFAC, *HOLD_UNCONFIRMED, earlier=OFAC, doubts=2),
    "one source high against a clean one three times is held": Case(
        (grave("ofac"), clean("trm")), *HOLD_UNCONFIRMED, earlier=(grave("ofac"), clean("trm")), doubts=2
    ),
    "two sources high at once fail": Case((grave("ofac"), grave("trm")), *FAIL_CONFIRMED),
    "two sources fail though a third is clean": Case((grave("ofac"), grave("trm"), clean("elliptic")), *FAIL_CONFIRMED),
    "two sources fail though a third is out": Case((grave("ofac"), grave("trm"), silent("elliptic")), *FAIL_CONFIRMED),
    "a second source confirms the first of an earlier attempt": Case((grave("trm"),), *FAIL_CONFIRMED, earlier=OFAC),
    "a second source confirms at the last attempt": Case((grave("trm"),), *FAIL_CONFIRMED, earlier=OFAC, doubts=2),
    "a second source confirms though the first takes it back": Case(
        (clean("ofac"), grave("trm")), *FAIL_CONFIRMED, earlier=OFAC
    ),
    "one source that repeats itself confirms nothing": Case((grave("ofac"), grave("ofac")), *RETRY_ALONE),
    "a source that takes its finding back is held": Case((clean("ofac"),), *HOLD_CONTRADICTED, earlier=OFAC, doubts=1),
    "a second source that contradicts is held": Case(
        (grave("ofac"), clean("trm")), *HOLD_CONTRADICTED, earlier=OFAC, doubts=1
    ),
    "a second source that contradicts alone is held": Case((clean("trm"),), *HOLD_CONTRADICTED, earlier=OFAC, doubts=1),
    "an outage is asked again": Case((silent(),), *RETRY_UNAVAILABLE),
    "no source at all is an outage": Case((), *RETRY_UNAVAILABLE),
    "an outage of one source passes nobody": Case((clean("ofac"), silent("trm")), *RETRY_UNAVAILABLE),
    "an outage decides no doubt": Case((silent("trm"),), *RETRY_UNAVAILABLE, earlier=OFAC, doubts=1),
    "an outage decides no doubt at the last attempt": Case(
        (silent("trm"),), *RETRY_UNAVAILABLE, earlier=OFAC, doubts=9
    ),
    "an outage beside a finding decides nothing": Case((grave("ofac"), silent("trm")), *RETRY_UNAVAILABLE, doubts=2),
    "an outage does not even reject a barred wallet": Case((silent(),), *RETRY_UNAVAILABLE, barred=True),
    "clean after an outage passes": Case((clean("ofac"), clean("trm")), "clear", earlier=(clean("ofac"),)),
    "a barred wallet fails": Case((clean(),), "fail", (Reason.WALLET_BARRED,), barred=True),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_screening_1(case: Case) -> None:
    judged = screening_1(case.now, earlier=case.earlier, doubts=case.doubts, barred=case.barred)

    assert (judged.verdict, judged.reasons) == (case.verdict, case.reasons)


def test_a_verdict_rests_on_all_that_was_found() -> None:
    judged = screening_1((clean("trm"), silent("elliptic")), earlier=(grave("ofac"),), doubts=1)

    assert judged.findings == grave("ofac").findings + clean("trm").findings


def test_the_policy_says_its_version() -> None:
    assert SCREENING_1 == "screening-1"


REPORTS = st.sampled_from(
    [maker(source) for maker in (clean, grave, listed, silent) for source in ("ofac", "trm", "elliptic")]
)


@settings(derandomize=True)
@given(
    now=st.lists(REPORTS, max_size=4),
    earlier=st.lists(REPORTS, max_size=4),
    doubts=st.integers(0, 5),
    barred=st.booleans(),
)
def test_whatever_is_said_nobody_passes_or_fails_without_grounds(
    *, now: list[SourceReport], earlier: list[SourceReport], doubts: int, barred: bool
) -> None:
    heard = [report for report in earlier if report.answered]

    judged = screening_1(now, earlier=heard, doubts=doubts, barred=barred)

    answers = [report for report in (*heard, *now) if report.answered]
    against = {report.source for report in answers if report.grave}
    if judged.verdict == "clear":
        assert now
        assert all(report.answered for report in now)
        assert not against
        assert not barred
    if judged.verdict == "fail":
        assert len(against) > 1 or any(report.listed for report in answers) or barred
    if all(not report.answered for report in now) and not any(report.listed for report in heard) and len(against) < 2:
        assert judged.verdict == "retry"
    if judged.verdict == "hold":
        assert len(against) == 1
    assert bool(judged.reasons) == (judged.verdict != "clear")


@pytest.mark.parametrize(
    ("attempt", "expected"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 32), (7, 60), (8, 60), (10_000, 60)]
)
def test_the_delay_doubles_from_a_minute_to_an_hour(attempt: int, expected: int) -> None:
    assert delay(attempt) == timedelta(minutes=expected)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(0, 60), (59, 60), (61, 61), (3_599, 3_599), (3_600, 3_600), (3_601, 3_600), (10**18, 3_600)],
)
def test_retry_after_is_honoured_and_capped_at_an_hour(asked: int, expected: int) -> None:
    assert delay(1, retry_after=asked) == timedelta(seconds=expected)


@settings(derandomize=True)
@given(st.integers(1, 10_000), st.integers(0, 10**12), st.floats(0, 1, exclude_max=True))
def test_jitter_adds_up_to_a_quarter_and_never_takes_away(attempt: int, asked: int, jitter: float) -> None:
    plain, spread = delay(attempt, retry_after=asked), delay(attempt, retry_after=asked, jitter=jitter)

    assert timedelta(minutes=1) <= plain <= spread <= min(plain * 1.25, timedelta(hours=1))


def test_no_later_attempt_waits_for_less_time() -> None:
    waits = [delay(attempt) for attempt in range(1, 20)]

    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert delay(1, jitter=0.5) == timedelta(seconds=67.5)
