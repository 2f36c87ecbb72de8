"""`monitoring-1`: does anything stand against a customer that is in?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, Protocol

from domain.findings import SourceReport
from domain.vocabulary import Reason

MONITORING_1: Final = "monitoring-1"
FIRST_LOOK: Final = timedelta(minutes=15)
"""How long after somebody is in the first look is due: a list may have named the wallet since it was screened."""
INTERVAL: Final = timedelta(days=1)
"""How long after one look the next is due."""


@dataclass(frozen=True, slots=True)
class MonitoringVerdict:
    """`clear`, `retry` later, `suspicion` (deactivate) or `evidence` (reject)."""

    verdict: Literal["clear", "retry", "suspicion", "evidence"]
    reasons: tuple[Reason, ...] = ()


class MonitoringPolicy(Protocol):
    """A version of the policy."""

    def __call__(self, reports: Sequence[SourceReport], *, earlier: Sequence[SourceReport] = ()) -> MonitoringVerdict:
        """Judge today's reports, with the `earlier` ones of the alerts that are open."""


def monitoring_1(reports: Sequence[SourceReport], *, earlier: Sequence[SourceReport] = ()) -> MonitoringVerdict:
    """Judge today's reports, with the `earlier` ones of the alerts that are open.

    An exact sanctions match or grave findings of two sources are evidence; grave findings of one are suspicion.
    A source that is unavailable says nothing: it is asked again, and what the others say stands.
    """
    heard = [report for report in (*earlier, *reports) if report.answered]
    grave = {report.source for report in heard if report.grave}
    if any(report.listed for report in heard):
        return MonitoringVerdict("evidence", (Reason.SANCTIONS_MATCH,))
    if len(grave) > 1:
        return MonitoringVerdict("evidence", (Reason.CONFIRMED_BY_TWO_SOURCES,))
    if any(report.grave for report in reports if report.answered):
        return MonitoringVerdict("suspicion", (Reason.SINGLE_SOURCE_FINDINGS,))
    if not reports or not all(report.answered for report in reports):
        return MonitoringVerdict("retry", (Reason.SOURCE_UNAVAILABLE,))
    return MonitoringVerdict("clear")
