from dataclasses import dataclass

import pytest

from domain.findings import Severity, SourceReport
from domain.policies.monitoring import MONITORING_1, monitoring_1
from domain.vocabulary import Reason
from tests.domain.samples import clean, grave, listed, silent


@dataclass(frozen=True)
class Case:
    """What the sources say today and what open alerts say, and what comes of it."""

    today: tuple[SourceReport, ...]
    verdict: str
    reason: Reason | None = None
    alerts: tuple[SourceReport, ...] = ()


OUT = ("retry", Reason.SOURCE_UNAVAILABLE)
SUSPICION = ("suspicion", Reason.SINGLE_SOURCE_FINDINGS)
MATCH = ("evidence", Reason.SANCTIONS_MATCH)
CONFIRMED = ("evidence", Reason.CONFIRMED_BY_TWO_SOURCES)

CASES = {
    "clean is clear": Case((clean("ofac"), clean("trm")), "clear"),
    "an outage is asked about again": Case((silent("ofac"), silent("trm")), *OUT),
    "no source at all is an outage": Case((), *OUT),
    "one source high is suspicion": Case((grave("ofac"), clean("trm")), *SUSPICION),
    "one source severe is suspicion": Case((grave("ofac", Severity.SEVERE),), *SUSPICION),
    "one source high is suspicion though another is out": Case((grave("ofac"), silent("trm")), *SUSPICION),
    "a source that did not answer suspects nobody": Case((grave("ofac").model_copy(update={"answered": False}),), *OUT),
    "an exact match is evidence": Case((listed(),), *MATCH),
    "an exact match is evidence whatever its severity": Case((listed(severity=Severity.LOW),), *MATCH),
    "two sources are evidence": Case((grave("ofac"), grave("trm")), *CONFIRMED),
    "the same source again is suspicion": Case((grave("ofac"),), *SUSPICION, alerts=(grave("ofac"),)),
    "another source than the alert's is evidence": Case((grave("trm"),), *CONFIRMED, alerts=(grave("ofac"),)),
    "clean today adds nothing to an alert": Case((clean("ofac"),), "clear", alerts=(grave("ofac"),)),
    "an outage adds nothing to an alert": Case((silent("trm"),), *OUT, alerts=(grave("ofac"),)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_monitoring_1(case: Case) -> None:
    judged = monitoring_1(case.today, earlier=case.alerts)

    assert judged.verdict == case.verdict
    assert judged.reasons == ((case.reason,) if case.reason else ())


def test_the_policy_says_its_version() -> None:
    assert MONITORING_1 == "monitoring-1"
