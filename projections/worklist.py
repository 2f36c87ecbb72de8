"""`worklist`: what happens next with each customer, and when. Derived from the log, so nothing can be lost."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.customer import LEADS_TO
from domain.events import (
    ChallengeVerified,
    CustomerRegistered,
    CustomersRescreened,
    MonitoringAttempted,
    SanctionsListPublished,
    ScreeningAttempted,
    ScreeningPassed,
    SubjectErased,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
    VerificationStarted,
)
from domain.policies.monitoring import FIRST_LOOK
from domain.vocabulary import Event, Reason, Status
from projections.projection import Projection, Small, by_customer

Kind = Literal[
    "await_signature",
    "screen",
    "confirm",
    "open_verification",
    "await_verification",
    "review",
    "monitor",
    "rescreen",
]
Step = tuple[Kind, int, datetime | None]
POLLED_AFTER: Final = timedelta(minutes=15)
"""A result that the provider has not called back with until then is asked for: the callback may be lost."""


class WorkRow(NamedTuple):
    """The next step. `due` is when a worker takes it; None where it waits for a person alone."""

    customer: UUID
    """Or the sanctions list that was published: whom it names is looked at again."""
    kind: str
    attempt: Small
    due: datetime | None
    wallet: str
    caused_by: UUID
    """The event that made this the next step."""
    correlation: UUID


def work_row(row: WorkRow | None, recorded: Envelope) -> WorkRow | None:
    """What happens next after `recorded`; None when nothing does."""
    event = recorded.event
    kind = type(event)
    if kind is CustomerRegistered:
        return _begun(event, recorded)  # type: ignore[arg-type] # as the line above says
    if kind is SanctionsListPublished:
        return _published(recorded)
    if row is None or kind in _ENDING:
        return None
    ask = _STEPS.get(kind)
    step = ask(event, recorded.recorded_at, row.kind) if ask else None
    if step is None:
        return row
    return WorkRow(row.customer, *step, row.wallet, recorded.event_id, recorded.context.correlation_id)


def _begun(event: CustomerRegistered, recorded: Envelope) -> WorkRow:
    return WorkRow(
        customer=recorded.stream,
        kind="await_signature",
        attempt=0,
        due=None,
        wallet=event.wallet,
        caused_by=recorded.event_id,
        correlation=recorded.context.correlation_id,
    )


def _published(recorded: Envelope) -> WorkRow:
    return WorkRow(
        customer=recorded.stream,
        kind="rescreen",
        attempt=recorded.version,
        due=recorded.recorded_at,
        wallet="",
        caused_by=recorded.event_id,
        correlation=recorded.context.correlation_id,
    )


def _after_attempt(event: ScreeningAttempted, _at: datetime, after: str) -> Step | None:
    """Another attempt, a review, or nothing: what a verdict came to is an event of its own.

    What one source alone found is to be confirmed by others, and still is when one of them was out.
    """
    if event.verdict == "retry":
        in_doubt = after == "confirm" or Reason.SINGLE_SOURCE_FINDINGS in event.reasons
        return "confirm" if in_doubt else "screen", event.attempt + 1, event.due
    return ("review", event.attempt, None) if event.verdict == "hold" else None


def _opened(_event: Event, at: datetime, after: str) -> Step | None:
    """A session that opens late ends no review."""
    return ("await_verification", 1, at + POLLED_AFTER) if after == "open_verification" else None


def _held(event: VerificationHeld, at: datetime, _after: str) -> Step:
    """An officer decides; or the provider itself, whose word may be lost on its way."""
    if Reason.PROVIDER_HOLD in event.reasons:
        return "await_verification", 1, at + POLLED_AFTER
    return "review", 1, None


_ENDING: Final[frozenset[type[Event]]] = frozenset(
    (
        SubjectErased,
        CustomersRescreened,
        *(event for event, status in LEADS_TO.items() if status is Status.REJECTED),
    )
)
_STEPS: Final[dict[type[Event], Callable[[Any, datetime, str], Step | None]]] = {
    ChallengeVerified: lambda _, at, __: ("screen", 1, at),
    ScreeningAttempted: _after_attempt,
    ScreeningPassed: lambda _, at, __: ("open_verification", 1, at),
    VerificationStarted: _opened,
    VerificationRetryRequested: lambda event, at, _: ("await_verification", event.attempt + 1, at + POLLED_AFTER),
    VerificationHeld: _held,
    VerificationPassed: lambda _, at, __: ("monitor", 1, at + FIRST_LOOK),
    MonitoringAttempted: lambda event, *_: ("monitor", event.attempt + 1, event.due),
}
"""The step that an event asks for, where it asks for one: from the event, when it was recorded, and the step before."""

_READ: Final[frozenset[type[Event]]] = frozenset((CustomerRegistered, SanctionsListPublished, *_STEPS))

WORKLIST: Final = Projection(
    name="worklist",
    row=WorkRow,
    keys=1,
    key=by_customer,
    evolve=work_row,
    takes=_READ | _ENDING,
    reads=_READ,
)
