"""The customer's story, one line an event, in words that an auditor would use; told from the log when it is read."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain import events as e
from domain.findings import SourceReport
from domain.vocabulary import Event, Reason


class TimelineRow(NamedTuple):
    """Who, what, when and why."""

    customer: UUID
    position: int
    version: int
    type: str
    recorded_at: datetime
    occurred_at: datetime
    actor: str
    what: str
    why: str


def timeline_row(recorded: Envelope) -> TimelineRow:
    """One line of the customer's story."""
    what, why = words(recorded.event)
    context = recorded.context
    return TimelineRow(
        recorded.stream,
        recorded.position,
        recorded.version,
        recorded.type,
        recorded.recorded_at,
        context.occurred_at,
        context.actor,
        what,
        why,
    )


def words(event: Event) -> tuple[str, str]:
    """What happened, and why. Personal text stays sealed: it is opened for who may read it."""
    tell = _WORDS.get(type(event))
    return tell(event) if tell else (type(event).__name__, "")


def _screened(event: e.ScreeningAttempted | e.MonitoringAttempted) -> str:
    parts = [_sources(event.reports)]
    if event.reasons:
        parts.append(_listed(event.reasons))
    if event.due:
        parts.append(f"again at {_moment(event.due)}")
    return "; ".join(parts)


def _sources(reports: Iterable[SourceReport]) -> str:
    return ", ".join(f"{report.source} {_said(report)}" for report in reports)


def _said(report: SourceReport) -> str:
    listed = (
        f" (list {report.list_version}, {report.list_hash[:12]})" if report.list_version and report.list_hash else ""
    )
    if not report.answered:
        return "did not answer"
    if not report.findings:
        return "found nothing" + listed
    return "found " + ", ".join(f"{finding.category} ({finding.severity})" for finding in report.findings) + listed


def _decided(reasons: Iterable[Reason], by: str) -> str:
    return f"{_listed(reasons)}, says {by}"


def _listed(reasons: Iterable[Reason]) -> str:
    return ", ".join(reason.value.replace("_", " ") for reason in reasons)


def _moment(at: datetime) -> str:
    return at.isoformat(" ", "seconds")[:19] + " UTC"


_CHALLENGE_FAILURES: Final = {
    "expired": "The challenge had expired",
    "other_message": "Another message was signed than the one issued",
    "malformed": "The signature is malformed",
    "wrong_signer": "Another wallet signed",
    "unknown_contract": "A contract wallet, which cannot be checked yet",
}

_WORDS: Final[dict[type[Event], Callable[[Any], tuple[str, str]]]] = {
    e.CustomerRegistered: lambda _: ("Registered with a wallet", "The partner asked for onboarding"),
    e.ChallengeIssued: lambda event: ("Was given a challenge to sign", f"Good until {_moment(event.expires_at)}"),
    e.ChallengeFailed: lambda event: ("Failed to prove ownership of the wallet", _CHALLENGE_FAILURES[event.reason]),
    e.ChallengeVerified: lambda event: ("Proved ownership of the wallet", f"The signature holds ({event.method})"),
    e.ScreeningAttempted: lambda event: (
        f"Wallet was screened, attempt {event.attempt}: {event.verdict}",
        _screened(event),
    ),
    e.ScreeningPassed: lambda event: (
        "Passed screening",
        f"Nothing stands against the wallet, says {event.decided_by}",
    ),
    e.ScreeningFailed: lambda event: ("Was rejected: failed screening", _decided(event.reasons, event.decided_by)),
    e.VerificationStarted: lambda event: (
        "Can verify their identity",
        f"{event.provider} opened a session at level {event.level}",
    ),
    e.VerificationRetryRequested: lambda event: (
        f"Was asked to try verification again, {event.attempt}. time",
        _listed(event.reasons),
    ),
    e.VerificationHeld: lambda event: ("Verification waits for an officer", _listed(event.reasons)),
    e.VerificationPassed: lambda event: (
        "Passed verification and is active",
        f"{event.provider} approved, says {event.decided_by}",
    ),
    e.VerificationFailed: lambda event: (
        "Was rejected: failed verification",
        _decided(event.reasons, event.decided_by),
    ),
    e.CustomerDeactivated: lambda event: ("Was deactivated", f"{event.ground.value}, by {event.decided_by}"),
    e.CustomerReactivated: lambda event: ("Was re-activated", f"By {event.decided_by}"),
    e.MonitoringAttempted: lambda event: (
        f"Was looked at again, {event.attempt}. time: {event.verdict}",
        _screened(event),
    ),
    e.AlertRaised: lambda event: (
        "Monitoring raised an alert",
        f"{_listed(event.reasons)}; {_sources(event.reports)}",
    ),
    e.AlertCleared: lambda event: ("The alert was cleared", f"By {event.decided_by}"),
    e.HoldResolved: lambda event: (f"An officer decided the {event.step}: {event.outcome}", f"By {event.officer}"),
    e.RejectionProposed: lambda event: (
        "Rejection was proposed",
        f"By {event.officer}; another officer must confirm",
    ),
    e.RejectionWithdrawn: lambda event: ("The proposal to reject was withdrawn", f"By {event.officer}"),
    e.RejectionRefused: lambda event: ("The proposal to reject was refused", f"By {event.officer}"),
    e.RejectionExpired: lambda event: (
        "The proposal to reject expired",
        f"Nobody confirmed in time what {event.proposed_by} proposed",
    ),
    e.IllicitActivityConfirmed: lambda event: (
        "Was rejected: illicit activity",
        _decided(event.reasons, " and ".join(event.decided_by)),
    ),
    e.LegalHoldPlaced: lambda event: ("Was put under legal hold", f"By {event.authority}"),
    e.LegalHoldLifted: lambda event: ("Legal hold was lifted", f"By {event.authority}"),
    e.SubjectErased: lambda event: ("Personal data was erased", event.legal_basis.replace("_", " ")),
}
"""How each event is told: what happened, and why."""
