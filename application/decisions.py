"""Recorded decisions: where a stream holds one, who took it, and the command that it answered.

A decision is the event that opens it, with those that followed from it at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from application.rereading import Rereading
from domain.commands import ConfirmRejection, RecordMonitoring, RecordScreening, RecordVerification, ResolveHold
from domain.customer import Customer
from domain.events import (
    AlertRaised,
    CustomerDeactivated,
    HoldResolved,
    IllicitActivityConfirmed,
    MonitoringAttempted,
    ScreeningAttempted,
    ScreeningFailed,
    ScreeningPassed,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
)
from domain.findings import SourceReport
from domain.policies.registry import Step
from domain.vocabulary import Confirmation, Event, Reason

Look = MonitoringAttempted | AlertRaised | IllicitActivityConfirmed
OfficersCommand = ResolveHold | ConfirmRejection
PolicyCommand = RecordScreening | RecordVerification | RecordMonitoring

OPENING: Final[Mapping[type[Event], Step]] = {
    HoldResolved: "screening",
    ScreeningAttempted: "screening",
    ScreeningPassed: "screening",
    ScreeningFailed: "screening",
    VerificationPassed: "verification",
    VerificationFailed: "verification",
    VerificationHeld: "verification",
    VerificationRetryRequested: "verification",
    MonitoringAttempted: "monitoring",
    AlertRaised: "monitoring",
    IllicitActivityConfirmed: "monitoring",
}
FOLLOWING: Final[Mapping[type[Event], tuple[type[Event], ...]]] = {
    ScreeningAttempted: (ScreeningPassed, ScreeningFailed),
    MonitoringAttempted: (AlertRaised, CustomerDeactivated, IllicitActivityConfirmed),
    AlertRaised: (CustomerDeactivated,),
}
"""What a policy's decision goes on with at once, by the event that opens it."""
RESOLVED: Final = (ScreeningPassed, ScreeningFailed, VerificationPassed, VerificationFailed)
"""What an officer's word on a hold goes on with."""
PROPOSER_AND_ANOTHER: Final = 2
_NO_ALERT: Final = UUID(int=0)


class Decision(NamedTuple):
    """One decision as it is recorded, and who took it: policies or officers."""

    step: Step
    recorded: tuple[Envelope, ...]
    by: tuple[str, ...]

    @property
    def opening(self) -> Envelope:
        """The event that opens it."""
        return self.recorded[0]

    @property
    def by_policy(self) -> bool:
        """Whether no person took part."""
        return _of_policies(self.by)


def decision_at(history: Sequence[Envelope], index: int) -> Decision | None:
    """The decision that begins at an index of a stream, if one does."""
    opening = history[index].event
    step = OPENING.get(type(opening))
    if step is None:
        return None
    if isinstance(opening, HoldResolved):
        return Decision(
            opening.step, tuple(history[index : index + 1 + _is_resolved(history, index)]), (opening.officer,)
        )
    following, end = FOLLOWING.get(type(opening), ()), index + 1
    while end < len(history) and isinstance(history[end].event, following) and _of_policies(_deciders(history[end])):
        end += 1
    return Decision(step, tuple(history[index:end]), _deciders(history[index]))


def _is_resolved(history: Sequence[Envelope], index: int) -> bool:
    """Whether what an officer's word on a hold leads to stands next to it."""
    return index + 1 < len(history) and isinstance(history[index + 1].event, RESOLVED)


def command_of(decision: Decision, customer: Customer, reading: Rereading) -> PolicyCommand | None:
    """The command that a policy's decision answered, made of the evidence; None for what no policy decides alone.

    What the log knew of the wallet and the person, the handler finds out again.
    """
    event = decision.opening.event
    match event:
        case ScreeningAttempted():
            return RecordScreening(
                attempt=event.attempt,
                reports=reading.reports(event.reports, customer.wallet),
                now=decision.opening.context.occurred_at,
                confirmation=_confirmation(required=Reason.CONFIRMATION_REQUIRED in event.reasons),
                policy=event.policy,
            )
        case VerificationPassed() | VerificationFailed() | VerificationHeld() | VerificationRetryRequested():
            required = Reason.CONFIRMATION_REQUIRED in getattr(event, "reasons", ())
            if (result := reading.result(event, customer)) is not None:
                return RecordVerification(result, confirmation=_confirmation(required=required), policy=event.policy)
        case MonitoringAttempted() | AlertRaised() | IllicitActivityConfirmed():
            return _look(decision, event, reading.reports(event.reports, customer.wallet))
    return None


def _look(decision: Decision, event: Look, reports: tuple[SourceReport, ...]) -> RecordMonitoring:
    """Evidence leaves a customer in, or raises an alert, only where officers have to confirm what it leads to."""
    alerts = (envelope.event.alert for envelope in decision.recorded if isinstance(envelope.event, AlertRaised))
    evidence = Reason.SINGLE_SOURCE_FINDINGS not in event.reasons
    if isinstance(event, MonitoringAttempted):
        evidence = event.verdict == "evidence" and event.due is not None
    return RecordMonitoring(
        alert=next(alerts, _NO_ALERT),
        reports=reports,
        now=decision.opening.context.occurred_at,
        attempt=event.attempt if isinstance(event, MonitoringAttempted) else None,
        confirmation=_confirmation(required=evidence and not isinstance(event, IllicitActivityConfirmed)),
        policy=event.policy,
    )


def officers_command(decision: Decision) -> OfficersCommand | None:
    """The command of the officers who decided; None where none of theirs is on record that could have."""
    event, at = decision.opening.event, decision.opening.context.occurred_at
    if isinstance(event, HoldResolved):
        return ResolveHold(event.step, event.outcome, event.officer, event.reason, now=at)  # type: ignore[arg-type] # sealed
    if len(decision.by) == PROPOSER_AND_ANOTHER:
        return ConfirmRejection(decision.by[1], now=at)
    return None


def _deciders(envelope: Envelope) -> tuple[str, ...]:
    """Who decided. An event that names nobody is always a policy's."""
    event: Any = envelope.event
    if isinstance(event, HoldResolved):
        return (event.officer,)
    by = getattr(event, "decided_by", None)
    if by is None:
        return (f"policy:{event.policy}",)
    return by if isinstance(by, tuple) else tuple(by.split(" and "))


def _of_policies(by: Sequence[str]) -> bool:
    return all(name.startswith("policy:") for name in by)


def _confirmation(*, required: bool) -> Confirmation:
    """The setting of the time, as far as the decision was touched by it."""
    return Confirmation.ALWAYS if required else Confirmation.NEVER
