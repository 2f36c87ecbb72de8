"""A policy version on trial: what each recorded decision was, and what it would be."""

from collections.abc import Sequence
from typing import NamedTuple

from application.retaking import Retaken
from domain.events import (
    AlertRaised,
    IllicitActivityConfirmed,
    MonitoringAttempted,
    ScreeningAttempted,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
)
from domain.vocabulary import Event, Reason


class Judged(NamedTuple):
    """What a decision comes to, and why."""

    verdict: str
    """The policy's own word; `nothing` where it leads to no event, `refused` where a rule forbids what it would do."""
    reasons: tuple[Reason, ...] = ()


class Trial(NamedTuple):
    """One decision, as it was and as it would be."""

    was: Judged
    would_be: Judged

    @property
    def otherwise(self) -> bool:
        """Whether the customer would have been treated otherwise; another reason alone is not that."""
        return self.was.verdict != self.would_be.verdict


def tried(retaken: Retaken) -> Trial | None:
    """The trial of one decision; None where what is recorded is no decision that could be taken again."""
    if retaken.command is None:
        return None
    was = judged([envelope.event for envelope in retaken.decision.recorded])
    return Trial(was, Judged("refused") if retaken.refusal else judged(retaken.events))


def judged(events: Sequence[Event]) -> Judged:
    """What a policy's decision came to, by the event that opens it."""
    match events[0] if events else None:
        case ScreeningAttempted() | MonitoringAttempted() as event:
            return Judged(event.verdict, event.reasons)
        case VerificationPassed():
            return Judged("pass")
        case VerificationFailed() as event:
            return Judged("fail", event.reasons)
        case VerificationHeld() as event:
            return Judged("hold", event.reasons)
        case VerificationRetryRequested() as event:
            return Judged("retry", event.reasons)
        case AlertRaised() as event:
            return Judged("suspicion", event.reasons)
        case IllicitActivityConfirmed() as event:
            return Judged("evidence", event.reasons)
    return Judged("nothing")
