"""What an officer is answered after a word on a customer, made from the log itself."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final
from uuid import UUID

from starlette.responses import Response

from application.envelope import Envelope
from application.executor import Outcome
from application.handlers import Handler, where
from domain.commands import Command, ResolveHold
from domain.customer import fold
from domain.events import HoldResolved, RejectionProposed
from domain.refusals import NothingToDecide
from domain.vocabulary import Status
from infrastructure.api_keys import Role
from infrastructure.audit_trail import AuditTrail
from infrastructure.http import review_models as models
from infrastructure.http.resources import answer, etag, if_match, row_of
from infrastructure.http.routing import Call
from infrastructure.services import Services
from projections.reviews import Review, Reviews, reviews_row

OFFICER: Final[frozenset[Role]] = frozenset({"officer"})
TAG: Final = "officers and auditors"
OF_CUSTOMER: Final = ("malformed_id", "customer_not_found", "customer_erased", "version_mismatch")


class Inspection:
    """Runs officers' commands, and answers each with the customer as officers see it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._trail = AuditTrail(services)

    async def change(self, call: Call, customer_id: UUID, command: Command, *, review: UUID | None = None) -> Response:
        """Run a command, if its `review` still waits. A repeat changes nothing, and is on record as a look."""
        handler = self._services.change(customer_id, command, if_match=if_match(call))
        if review is not None:
            handler = _while_open(customer_id, review, handler, command)
        outcome = await self._services.execute_once(handler, actor=call.caller.actor, once=call.once)
        if not outcome.added:
            await self._trail.note(call.caller, customer_id, "customer")
        return await inspected(call, outcome)


def _while_open(customer_id: UUID, review: UUID, handler: Handler, command: Command) -> Handler:
    """An officer decides on what was shown: another hold that has come in its place is another review.

    Raises `NothingToDecide` where it does not wait any more, unless the same word ended it.
    """

    def waits(history: Sequence[Envelope]) -> bool:
        if any(one.open and one.id == review for one in reviews_of(history)):
            return True
        if not _ended_by(history, review, command):
            raise NothingToDecide
        return False

    return lambda: where(customer_id, waits, handler())


def _ended_by(history: Sequence[Envelope], review: UUID, command: Command) -> bool:
    """Whether a word as this command says it was what ended a review."""
    for number, envelope in enumerate(history):
        event = envelope.event
        if isinstance(event, HoldResolved | RejectionProposed) and isinstance(command, ResolveHold):
            outcome = event.outcome if isinstance(event, HoldResolved) else "fail"
            open_then = any(one.open and one.id == review for one in reviews_of(history[:number]))
            if open_then and outcome == command.outcome:
                return True
    return False


def reviews_of(history: Iterable[Envelope]) -> tuple[Review, ...]:
    """All reviews of a customer, from its stream."""
    nothing: Reviews | None = None
    row = reduce(reviews_row, history, nothing)
    return row.reviews if row else ()


def members_of(review: Review) -> dict[str, object]:
    """What officers are shown of a review."""
    return {
        "id": review.id,
        "customer_id": review.customer,
        "kind": review.kind,
        "since": review.since,
        "reasons": review.reasons.split(),
        "evidence": review.evidence.split(),
        "officer": review.officer,
        "expires_at": review.expires_at,
        "closed_at": review.closed_at,
        "closed_by": review.closed_by,
    }


async def inspected(call: Call, outcome: Outcome) -> Response:
    """The customer after a word on it."""
    row = row_of(outcome)
    customer = fold(envelope.event for envelope in outcome.history)
    resource = models.ReviewedCustomer(
        id=row.id,
        status=Status(row.status),
        detail=row.detail,
        legal_hold=customer is not None and customer.legal_hold,
        reviews=[models.Review.model_validate(members_of(one)) for one in reviews_of(outcome.history) if one.open],
    )
    return answer(resource, headers=etag(call, row))
