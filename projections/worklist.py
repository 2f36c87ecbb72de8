"""`worklist`: what happens next with each customer, and when. Derived from the log, so nothing can be lost."""

from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.customer import LEADS_TO
from domain.events import (
    ChallengeVerified,
    CustomerRegistered,
    ScreeningAttempted,
    ScreeningPassed,
    VerificationHeld,
    VerificationRetryRequested,
    VerificationStarted,
)
from domain.vocabulary import Status
from projections.projection import Projection, by_customer

Kind = Literal["await_signature", "screen", "open_verification", "await_verification", "review"]
_DONE: Final = frozenset({Status.ACTIVE, Status.INACTIVE, Status.REJECTED})


class WorkRow(NamedTuple):
    """The next step. `due` is when a worker takes it; None where it waits for a person."""

    customer: UUID
    kind: str
    attempt: int
    due: datetime | None
    wallet: str
    caused_by: UUID
    """The event that made this the next step."""
    correlation: UUID


def work_row(row: WorkRow | None, recorded: Envelope) -> WorkRow | None:
    """What happens next after `recorded`; None when nothing does."""
    event = recorded.event
    if isinstance(event, CustomerRegistered):
        return WorkRow(
            customer=recorded.stream,
            kind="await_signature",
            attempt=0,
            due=None,
            wallet=event.wallet,
            caused_by=recorded.event_id,
            correlation=recorded.context.correlation_id,
        )
    if row is None or LEADS_TO.get(type(event)) in _DONE:
        return None
    step = _next(recorded, after=row.kind)
    if step is None:
        return row
    kind, attempt, due = step
    caused_by, correlation = recorded.event_id, recorded.context.correlation_id
    return row._replace(kind=kind, attempt=attempt, due=due, caused_by=caused_by, correlation=correlation)


def _next(recorded: Envelope, *, after: str) -> tuple[Kind, int, datetime | None] | None:
    """The step that an event asks for, where it asks for one. A session that opens late ends no review."""
    event = recorded.event
    match event:
        case ChallengeVerified():
            return "screen", 1, recorded.recorded_at
        case ScreeningAttempted() if event.verdict == "retry":
            return "screen", event.attempt + 1, event.due
        case ScreeningAttempted() if event.verdict == "hold":
            return "review", event.attempt, None
        case ScreeningPassed():
            return "open_verification", 1, recorded.recorded_at
        case VerificationStarted() if after == "open_verification":
            return "await_verification", 1, None
        case VerificationRetryRequested():
            return "await_verification", 1, None
        case VerificationHeld():
            return "review", 1, None
    return None


WORKLIST: Final = Projection(name="worklist", row=WorkRow, keys=1, key=by_customer, evolve=work_row)
