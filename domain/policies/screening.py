"""`screening-1` and `screening-2`: is there anything against this wallet?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, Protocol

from domain.findings import Finding, Severity, SourceReport
from domain.vocabulary import Reason

SCREENING_1: Final = "screening-1"
SCREENING_2: Final = "screening-2"
ATTEMPTS_IN_DOUBT: Final = 3
FIRST_DELAY: Final = timedelta(minutes=1)
LONGEST_DELAY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ScreeningVerdict:
    """`clear`, `fail`, `hold` for an officer, or `retry` later. `findings` are those it rests on."""

    verdict: Literal["clear", "retry", "hold", "fail"]
    reasons: tuple[Reason, ...] = ()
    findings: tuple[Finding, ...] = ()


class ScreeningPolicy(Protocol):
    """A version of the policy."""

    def __call__(
        self,
        reports: Sequence[SourceReport],
        *,
        earlier: Sequence[SourceReport] = (),
        doubts: int = 0,
        barred: bool = False,
    ) -> ScreeningVerdict:
        """Judge one attempt by what the sources say now and what they said `earlier`."""


def screening_1(
    reports: Sequence[SourceReport],
    *,
    earlier: Sequence[SourceReport] = (),
    doubts: int = 0,
    barred: bool = False,
) -> ScreeningVerdict:
    """Judge one attempt by what the sources say now and what they said `earlier`.

    An exact sanctions match fails. So do grave findings of two independent sources. Grave findings of one source may be
    a false positive: ask again, another source too, `ATTEMPTS_IN_DOUBT` times at most; contradicted, an officer
    decides. A source that is unavailable says nothing: it neither passes nor rejects anybody.
    """
    answered = [report for report in reports if report.answered]
    grave = {report.source for report in (*earlier, *answered) if report.grave}
    findings = tuple(finding for report in (*earlier, *answered) for finding in report.findings)
    if any(report.listed for report in (*earlier, *answered)):
        return ScreeningVerdict("fail", (Reason.SANCTIONS_MATCH,), findings)
    if len(grave) > 1:
        return ScreeningVerdict("fail", (Reason.CONFIRMED_BY_TWO_SOURCES,), findings)
    if len(answered) < len(reports) or not reports:
        return ScreeningVerdict("retry", (Reason.SOURCE_UNAVAILABLE,), findings)
    if grave:
        return _in_doubt(grave, earlier=earlier, answered=answered, doubts=doubts)
    if barred:
        return ScreeningVerdict("fail", (Reason.WALLET_BARRED,), findings)
    return ScreeningVerdict("clear", (), findings)


def screening_2(
    reports: Sequence[SourceReport],
    *,
    earlier: Sequence[SourceReport] = (),
    doubts: int = 0,
    barred: bool = False,
) -> ScreeningVerdict:
    """As `screening_1`, but what two independent sources find suspicious, though not grave, an officer looks at.

    A candidate: it is not in force, and shows in a trial whom it would stop.
    """
    judged = screening_1(reports, earlier=earlier, doubts=doubts, barred=barred)
    newest = {report.source: report for report in (*earlier, *reports) if report.answered}
    suspicious = [report for report in newest.values() if _suspicious(report)]
    if judged.verdict == "clear" and len(suspicious) > 1:
        return ScreeningVerdict("hold", (Reason.SUSPICIOUS_TO_TWO_SOURCES,), judged.findings)
    return judged


def _suspicious(report: SourceReport) -> bool:
    return any(finding.severity is Severity.MEDIUM for finding in report.findings)


def _in_doubt(
    grave: set[str], *, earlier: Sequence[SourceReport], answered: Sequence[SourceReport], doubts: int
) -> ScreeningVerdict:
    """One source alone has grave findings: another look, or an officer's."""
    findings = tuple(finding for report in (*earlier, *answered) for finding in report.findings)
    asked_before = {report.source for report in earlier}
    contradicted = any(
        not report.grave and (report.source in grave or report.source not in asked_before) for report in answered
    )
    if any(report.grave for report in earlier) and contradicted:
        return ScreeningVerdict("hold", (Reason.CONTRADICTED_FINDINGS,), findings)
    if doubts + 1 >= ATTEMPTS_IN_DOUBT:
        return ScreeningVerdict("hold", (Reason.UNCONFIRMED_FINDINGS,), findings)
    return ScreeningVerdict("retry", (Reason.SINGLE_SOURCE_FINDINGS,), findings)


def delay(attempt: int, *, retry_after: int = 0, jitter: float = 0.0) -> timedelta:
    """How long to wait after `attempt` (from 1): doubling from a minute, at most an hour.

    `retry_after` is what a source asked for, in seconds; `jitter` in [0, 1) adds up to a quarter.
    """
    doubled: timedelta = FIRST_DELAY * 2 ** min(attempt - 1, 10) * (1 + jitter / 4)
    asked = timedelta(seconds=min(retry_after, LONGEST_DELAY.seconds))
    return min(max(doubled, asked), LONGEST_DELAY)
