"""The Customer state machine, on one screen.

LEADS_TO says what an event means: it is history, and never changes.
ALLOWED says what may happen next: it is today's rule, and may change.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain.events import (
    AlertCleared,
    AlertRaised,
    ChallengeFailed,
    ChallengeIssued,
    ChallengeVerified,
    CustomerDeactivated,
    CustomerReactivated,
    CustomerRegistered,
    HoldResolved,
    IllicitActivityConfirmed,
    LegalHoldLifted,
    LegalHoldPlaced,
    MonitoringAttempted,
    RejectionExpired,
    RejectionProposed,
    RejectionRefused,
    RejectionWithdrawn,
    ScreeningAttempted,
    ScreeningFailed,
    ScreeningPassed,
    SubjectErased,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
    VerificationStarted,
)
from domain.findings import SourceReport
from domain.vocabulary import Event, Ground, Moment, Reason, Status

LEADS_TO: Final[dict[type[Event], Status]] = {
    CustomerRegistered: Status.INITIATING,
    ChallengeVerified: Status.SCREENING,
    ScreeningPassed: Status.VERIFYING,
    ScreeningFailed: Status.REJECTED,
    VerificationPassed: Status.ACTIVE,
    VerificationFailed: Status.REJECTED,
    CustomerDeactivated: Status.INACTIVE,
    CustomerReactivated: Status.ACTIVE,
    IllicitActivityConfirmed: Status.REJECTED,
}

_PROPOSALS: Final[set[type[Event]]] = {RejectionProposed, RejectionWithdrawn, RejectionRefused, RejectionExpired}
_HOLDS: Final[set[type[Event]]] = {LegalHoldPlaced, LegalHoldLifted}
_MONITORED: Final[set[type[Event]]] = {
    MonitoringAttempted,
    AlertRaised,
    AlertCleared,
    IllicitActivityConfirmed,
    CustomerDeactivated,
}
_PAUSED: Final[set[type[Event]]] = {CustomerReactivated, SubjectErased}

ALLOWED: Final[dict[Status | None, set[type[Event]]]] = {
    None: {CustomerRegistered},
    Status.INITIATING: _HOLDS | {ChallengeIssued, ChallengeFailed, ChallengeVerified, SubjectErased},
    Status.SCREENING: _PROPOSALS
    | _HOLDS
    | {ScreeningAttempted, HoldResolved, ScreeningPassed, ScreeningFailed, SubjectErased},
    Status.VERIFYING: _PROPOSALS
    | _HOLDS
    | {
        VerificationStarted,
        VerificationRetryRequested,
        VerificationHeld,
        HoldResolved,
        VerificationPassed,
        VerificationFailed,
        SubjectErased,
    },
    Status.ACTIVE: _MONITORED | _PROPOSALS | _HOLDS,
    Status.INACTIVE: _MONITORED | _PROPOSALS | _HOLDS | _PAUSED,
    Status.REJECTED: _HOLDS | {SubjectErased},
}


class Challenge(NamedTuple):
    """The message that waits to be signed."""

    message: str
    expires_at: Moment
    failed: bool = False


class Customer(NamedTuple):
    """What a decision reads, and nothing else."""

    status: Status
    partner: UUID
    wallet: str
    external_id: str
    challenge: Challenge | None = None
    attempts: int = 0
    doubts: int = 0
    """Screening attempts that found something grave from one source alone."""
    reports: tuple[SourceReport, ...] = ()
    """What the sources answered in earlier attempts."""
    held: bool = False
    held_for: tuple[Reason, ...] = ()
    """Why verification is on hold."""
    provider: str | None = None
    applicant: str | None = None
    retries: int = 0
    reported_at: Moment | None = None
    """The provider's time of the newest result on record."""
    polled: bool = False
    """Whether it was asked for."""
    evidence: str | None = None
    identity: str | None = None
    """The evidence of who the person is, where it is not a part of the other."""
    person: str | None = None
    grounds: frozenset[Ground] = frozenset()
    looks: int = 0
    """Monitoring attempts so far."""
    unanswered: int = 0
    """Monitoring attempts since the last that all sources answered."""
    alerts: tuple[AlertRaised, ...] = ()
    proposal: RejectionProposed | None = None
    legal_hold: bool = False
    erased: bool = False


def evolve(customer: Customer | None, event: Event) -> Customer | None:
    """What `event` makes of `customer`. Refuses nothing and reads no rule, so every old stream loads."""
    if isinstance(event, CustomerRegistered):
        return Customer(Status.INITIATING, event.partner, event.wallet, event.external_id)
    if customer is None:
        return None
    changes: dict[str, Any] = {}
    if (status := LEADS_TO.get(type(event))) is not None:
        changes = {"status": status, "held": False, "held_for": ()}
        if status is Status.REJECTED:
            changes["proposal"] = None
    changes.update(_details(customer, event))
    return customer._replace(**changes) if changes else customer


def fold(events: Iterable[Event]) -> Customer | None:
    """The customer that a whole stream tells of; None for a stream that is not a customer's."""
    customer: Customer | None = None
    for event in events:
        customer = evolve(customer, event)
    return customer


def _details(customer: Customer, event: Event) -> dict[str, Any]:
    """What changes beside the status."""
    match event:
        case ChallengeIssued():
            return {"challenge": Challenge(event.message, event.expires_at)}
        case ChallengeFailed() if customer.challenge:
            return {"challenge": customer.challenge._replace(failed=True)}
        case ScreeningAttempted():
            answered = tuple(report for report in event.reports if report.answered)
            return {
                "attempts": event.attempt,
                "doubts": customer.doubts + any(report.grave for report in answered),
                "reports": _newest(customer.reports + answered),
                "held": event.verdict == "hold",
            }
        case VerificationStarted():
            return {"provider": event.provider, "applicant": event.applicant}
        case VerificationRetryRequested():
            return {
                "retries": event.attempt,
                "person": event.person or customer.person,
                "held": False,
                "held_for": (),
                "reported_at": event.reported_at,
                "polled": bool(event.polled),
            }
        case VerificationHeld():
            return {
                "held": True,
                "held_for": event.reasons,
                "reported_at": event.reported_at,
                "polled": bool(event.polled),
                "evidence": event.evidence,
                "identity": event.identity or customer.identity,
                "person": event.person or customer.person,
            }
        case VerificationPassed() | VerificationFailed():
            return {"reported_at": event.reported_at, "person": event.person or customer.person}
        case CustomerDeactivated():
            return {"grounds": customer.grounds | {event.ground}}
        case CustomerReactivated():
            return {"grounds": frozenset()}
        case MonitoringAttempted():
            return {"looks": event.attempt, "unanswered": customer.unanswered + 1 if event.verdict == "retry" else 0}
        case AlertRaised():
            return {"alerts": (*customer.alerts, event)}
        case AlertCleared():
            left = tuple(alert for alert in customer.alerts if alert.alert != event.alert)
            return {
                "alerts": left,
                "grounds": customer.grounds if left else customer.grounds - {Ground.SUSPICION},
            }
        case RejectionProposed():
            return {"proposal": event}
        case RejectionWithdrawn() | RejectionRefused() | RejectionExpired():
            return {"proposal": None}
        case LegalHoldPlaced():
            return {"legal_hold": True}
        case LegalHoldLifted():
            return {"legal_hold": False}
        case SubjectErased():
            return {"erased": True}
    return {}


def _newest(reports: tuple[SourceReport, ...]) -> tuple[SourceReport, ...]:
    """The last clean and the last grave report of each source: all that a policy asks of the past."""
    return tuple({(report.source, report.grave): report for report in reports}.values())
