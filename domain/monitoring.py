"""What follows when the sources were asked about a customer that is in: one look, and what it leads to."""

from collections.abc import Iterator

from domain.commands import (
    RecordMonitoring,
)
from domain.customer import Customer
from domain.events import (
    AlertRaised,
    CustomerDeactivated,
    IllicitActivityConfirmed,
    MonitoringAttempted,
)
from domain.findings import asked_for, digests_of
from domain.policies.monitoring import INTERVAL, MonitoringVerdict
from domain.policies.registry import (
    MONITORING,
)
from domain.policies.screening import delay
from domain.vocabulary import Confirmation, Event, Ground, Moment, Status


def of_monitoring(customer: Customer, command: RecordMonitoring) -> Iterator[Event]:
    """One look. Suspicion deactivates, evidence rejects; what an open alert says already is not said again."""
    if customer.status is Status.REJECTED or command.attempt not in {None, customer.looks + 1}:
        return
    earlier = tuple(report for alert in customer.alerts for report in alert.reports)
    judged = MONITORING[command.policy](command.reports, earlier=earlier)
    grave = {(report.source, report.listed) for report in command.reports if report.answered and report.grave}
    known = {(report.source, report.listed) for report in earlier if report.grave}
    digests = digests_of((*earlier, *command.reports))
    by = f"policy:{command.policy}"
    rejects = judged.verdict == "evidence" and command.confirmation is not Confirmation.ALWAYS
    yield MonitoringAttempted(
        attempt=customer.looks + 1,
        reports=command.reports,
        verdict=judged.verdict,
        reasons=judged.reasons,
        policy=command.policy,
        due=None if rejects else _next_look(customer, command, judged),
    )
    if rejects:
        yield IllicitActivityConfirmed(
            reasons=judged.reasons,
            evidence=digests,
            reports=command.reports,
            policy=command.policy,
            decided_by=(by,),
        )
    elif judged.verdict in {"suspicion", "evidence"} and not grave <= known:
        yield AlertRaised(alert=command.alert, reports=command.reports, reasons=judged.reasons, policy=command.policy)
        if Ground.SUSPICION not in customer.grounds:
            yield CustomerDeactivated(ground=Ground.SUSPICION, decided_by=by)


def _next_look(customer: Customer, command: RecordMonitoring, judged: MonitoringVerdict) -> Moment:
    if judged.verdict != "retry":
        return command.now + INTERVAL
    again = delay(customer.unanswered + 1, retry_after=asked_for(command.reports), jitter=command.jitter)
    return command.now + again
