"""What waits for officers: the list, one review in detail, and their word on holds and alerts."""

from typing import Final, Literal
from uuid import UUID

from starlette.responses import Response

from application.envelope import Envelope
from domain.commands import ClearAlert, ResolveHold
from domain.events import RejectionProposed
from domain.refusals import NothingToDecide
from domain.vocabulary import Sealed
from infrastructure.audit_trail import AuditTrail
from infrastructure.http import review_models as models
from infrastructure.http.cursor import read_cursor, write_cursor
from infrastructure.http.inspection import OFFICER, TAG, Inspection, inspected, members_of, reviews_of
from infrastructure.http.models import StatedReason
from infrastructure.http.officers import INSPECTORS
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id, read_query
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.keys.keyring import Destroyed
from infrastructure.keys.sealing import open_text
from infrastructure.reviewing import ReviewList
from infrastructure.services import Services
from projections.reviews import Review

_STEPS: Final[dict[str, Literal["screening", "verification"]]] = {
    "screening_hold": "screening",
    "verification_hold": "verification",
}


class ReviewRoutes:
    """Never for partners: it would tip the customer off."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reviews = ReviewList(services.pool)
        self._inspection = Inspection(services)
        self._trail = AuditTrail(services)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        gone = ("malformed_id", "review_not_found")
        decided = (*gone, "nothing_to_decide", "wrong_status", "customer_erased", "version_mismatch")
        return [
            Route(
                "GET",
                "/reviews",
                self.page,
                INSPECTORS,
                "List what waits for an officer, oldest first",
                answer=models.ReviewPage,
                query=models.ReviewQuery,
                problems=("invalid_cursor",),
                shows="reviews",
                tag=TAG,
            ),
            Route(
                "GET",
                "/reviews/{review_id}",
                self.show,
                INSPECTORS,
                "Read a review",
                answer=models.ReviewInDetail,
                headers=("ETag",),
                problems=gone,
                shows="reviews",
                tag=TAG,
            ),
            Route(
                "POST",
                "/reviews/{review_id}/decision",
                self.decide,
                OFFICER,
                "Decide a hold",
                answer=models.ReviewedCustomer,
                headers=("ETag",),
                body=models.Decision,
                problems=(*decided, "onboarding_barred"),
                tag=TAG,
                render=inspected,
            ),
            Route(
                "POST",
                "/alerts/{alert_id}/clear",
                self.clear,
                OFFICER,
                "Clear an alert",
                answer=models.ReviewedCustomer,
                headers=("ETag",),
                body=StatedReason,
                problems=decided,
                tag=TAG,
                render=inspected,
            ),
        ]

    async def page(self, call: Call) -> Response:
        """One page; the cursor goes on where it ends, whatever is opened or closed meanwhile."""
        query = read_query(call.request, models.ReviewQuery)
        key, name = self._services.keys.cursor, repr(("reviews", query.kind))
        after = read_cursor(key, name, query.cursor) if query.cursor else 0
        found = await self._reviews.waiting(query.kind, after=after, limit=query.limit + 1)
        listed = found[: query.limit]
        cursor = write_cursor(key, name, listed[-1].opened or 0) if len(found) > query.limit else None
        reviews = [models.Review.model_validate(members_of(review)) for review in listed]
        return answer(models.ReviewPage(reviews=reviews, next_cursor=cursor))

    async def show(self, call: Call) -> Response:
        """As of now, open or closed, with the words of whoever proposed. `ETag` is the customer's version."""
        known = await self._found(read_id(call.request, "review_id"))
        history = (await self._services.reader.streams([known.customer]))[known.customer]
        review = next(one for one in reviews_of(history) if one.id == known.id)
        members = members_of(review) | {"reason": await self._reason(review, history)}
        await self._trail.note(call.caller, review.customer, "review")
        return answer(models.ReviewInDetail.model_validate(members), headers={"ETag": f'"{len(history)}"'})

    async def decide(self, call: Call) -> Response:
        """The customer after it. `fail` is a proposal where a second officer must agree; a repeat changes nothing."""
        review_id = read_id(call.request, "review_id")
        body = await read_body(call.request, models.Decision)
        review = await self._found(review_id)
        if review.kind not in _STEPS:
            raise NothingToDecide
        command = ResolveHold(
            step=_STEPS[review.kind],
            outcome=body.outcome,
            officer=call.caller.actor,
            reason=body.reason,
            confirmation=self._services.confirmation,
            now=self._services.clock(),
        )
        return await self._inspection.change(call, review.customer, command, review=review_id)

    async def clear(self, call: Call) -> Response:
        """The customer after it: active again, where nothing else stands against it. A repeat changes nothing."""
        alert_id = read_id(call.request, "alert_id")
        body = await read_body(call.request, StatedReason)
        review = await self._found(alert_id)
        if review.kind != "alert":
            raise Problem("review_not_found")
        command = ClearAlert(alert_id, call.caller.actor, body.reason)
        return await self._inspection.change(call, review.customer, command)

    async def _found(self, review_id: UUID) -> Review:
        review = await self._reviews.find(review_id)
        if review is None:
            raise Problem("review_not_found")
        return review

    async def _reason(self, review: Review, history: list[Envelope]) -> str | None:
        """What the officer who proposed says; None where nobody did, or where it is gone with the key."""
        first = next(envelope for envelope in history if envelope.position == review.position)
        if not isinstance(first.event, RejectionProposed) or not isinstance(first.event.reason, Sealed):
            return None
        try:
            async with self._services.keyring.key_of(review.customer) as key:
                return open_text(key, first.event.reason, stream=first.stream, version=first.version, field="reason")
        except Destroyed:
            return None
