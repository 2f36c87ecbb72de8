"""`timeline`: the customer's story, one line an event, in words that an auditor would use."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain import events as e
from domain.findings import SourceReport
from domain.vocabulary import Event, Reason
from projections.projection import Projection


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


def timeline_row(_: TimelineRow | None, recorded: Envelope) -> TimelineRow:
    """One line of the customer's story."""
    what, why = words(recorded.event)
    return TimelineRow(
        customer=recorded.stream,
        position=recorded.position,
        version=recorded.version,
        type=recorded.type,
        recorded_at=recorded.recorded_at,
        occurred_at=recorded.context.occurred_at,
        actor=recorded.context.actor,
        what=what,
        why=why,
    )


def words(event: Event) -> tuple[str, str]:
    """What happened, and why. Personal text stays sealed: it is opened for who may read it."""
    match event:
        case e.CustomerRegistered():
            return "Registered with a wallet", "The partner asked for onboarding"
        case e.ChallengeIssued():
            return "Was given a challenge to sign", f"Good until {event.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        case e.ChallengeFailed():
            return "Failed to prove ownership of the wallet", _CHALLENGE_FAILURES[event.reason]
        case e.ChallengeVerified():
            return "Proved ownership of the wallet", f"The signature holds ({event.method})"
        case e.ScreeningAttempted():
            return f"Wallet was screened, attempt {event.attempt}: {event.verdict}", _screened(event)
        case e.ScreeningPassed():
            return "Passed screening", f"Nothing stands against the wallet, says {event.decided_by}"
        case e.ScreeningFailed():
            return "Was rejected: failed screening", _decided(event.reasons, event.decided_by)
        case e.VerificationStarted():
            return "Can verify their identity", f"{event.provider} opened a session at level {event.level}"
        case e.VerificationRetryRequested():
            return f"Was asked to try verification again, {event.attempt}. time", _listed(event.reasons)
        case e.VerificationHeld():
            return "Verification waits for an officer", _listed(event.reasons)
        case e.VerificationPassed():
            return "Passed verification and is active", f"{event.provider} approved, says {event.decided_by}"
        case e.VerificationFailed():
            return "Was rejected: failed verification", _decided(event.reasons, event.decided_by)
    return _later_words(event)


def _later_words(event: Event) -> tuple[str, str]:
    """The same, for customers that are in."""
    match event:
        case e.CustomerDeactivated():
            return "Was deactivated", f"{event.ground.value}, by {event.decided_by}"
        case e.CustomerReactivated():
            return "Was re-activated", f"By {event.decided_by}"
        case e.AlertRaised():
            return "Monitoring raised an alert", f"{_listed(event.reasons)}; {_sources(event.reports)}"
        case e.AlertCleared():
            return "The alert was cleared", f"By {event.decided_by}"
        case e.RejectionProposed():
            return "Rejection was proposed", f"By {event.officer}; another officer must confirm"
        case e.RejectionWithdrawn():
            return "The proposal to reject was withdrawn", f"By {event.officer}"
        case e.IllicitActivityConfirmed():
            return "Was rejected: illicit activity", _decided(event.reasons, " and ".join(event.decided_by))
        case e.LegalHoldPlaced():
            return "Was put under legal hold", f"By {event.authority}"
        case e.LegalHoldLifted():
            return "Legal hold was lifted", f"By {event.authority}"
        case e.SubjectErased():
            return "Personal data was erased", event.legal_basis
    return type(event).__name__, ""


_CHALLENGE_FAILURES: Final = {
    "expired": "The challenge had expired",
    "other_message": "Another message was signed than the one issued",
    "malformed": "The signature is malformed",
    "wrong_signer": "Another wallet signed",
    "unknown_contract": "A contract wallet, which cannot be checked yet",
}


def _screened(event: e.ScreeningAttempted) -> str:
    parts = [_sources(event.reports)]
    if event.reasons:
        parts.append(_listed(event.reasons))
    if event.due:
        parts.append(f"again at {event.due:%Y-%m-%d %H:%M:%S} UTC")
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


TIMELINE: Final = Projection(
    name="timeline",
    row=TimelineRow,
    keys=2,
    key=lambda recorded: (recorded.stream, recorded.position),
    evolve=timeline_row,
    append_only=True,
)
