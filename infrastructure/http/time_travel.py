"""The funnel at any moment, and what changed between two of them: of all customers, or of one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from domain.vocabulary import Status
from infrastructure.http import models
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_id, read_query
from infrastructure.http.resources import READERS, answer, moment_of, seen_by, shown
from infrastructure.http.routing import Call, Route
from infrastructure.reading import Moment
from infrastructure.services import Services
from projections.customers import CustomerRow

TAG: Final = "time travel"
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


class TimeTravelRoutes:
    """Partners see their own customers, officers and auditors all of them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "GET",
                "/funnel",
                self.funnel,
                READERS,
                "Count customers by status",
                answer=models.Funnel,
                query=models.MomentQuery,
                problems=("as_of_in_future",),
                tag=TAG,
            ),
            Route(
                "GET",
                "/funnel/changes",
                self.funnel_changes,
                READERS,
                "Count who changed status between two moments",
                answer=models.FunnelChanges,
                query=models.MomentsQuery,
                problems=("as_of_in_future",),
                tag=TAG,
            ),
            Route(
                "GET",
                "/customers/{customer_id}/changes",
                self.customer_changes,
                READERS,
                "Compare a customer at two moments",
                answer=models.CustomerChanges,
                query=models.MomentsQuery,
                problems=("malformed_id", "customer_not_found", "as_of_in_future"),
                tag=TAG,
            ),
        ]

    async def funnel(self, call: Call) -> Response:
        """All six statuses, as of now or as of `asOf`."""
        query, as_of = read_query(call.request, models.MomentQuery), self._services.as_of
        asked = query.as_of
        moment = await (as_of.now() if asked is None else moment_of(self._services, asked, query.clock))
        counts = await as_of.funnel(moment, partner=call.caller.partner)
        return answer(
            models.Funnel(position=moment.known, counts={status: counts.get(status.value, 0) for status in Status})
        )

    async def funnel_changes(self, call: Call) -> Response:
        """Customers that were registered between the moments come from `new`."""
        earlier, later = await self._moments(read_query(call.request, models.MomentsQuery))
        moves = await self._services.as_of.moves(earlier, later, partner=call.caller.partner)
        resources = [
            models.FunnelMove(
                before=Status(move.before) if move.before else "new", after=Status(move.after), customers=move.customers
            )
            for move in moves
        ]
        return answer(models.FunnelChanges(from_position=earlier.known, to_position=later.known, moves=resources))

    async def customer_changes(self, call: Call) -> Response:
        """Both views, and the names of the fields that differ."""
        customer_id = read_id(call.request)
        moments = await self._moments(read_query(call.request, models.MomentsQuery))
        before, now = await self._services.reader.customer_as_of(customer_id, *moments)
        after, inside = seen_by(call, now), call.caller.role != "partner"
        views = (before and _view(before, inside=inside), _view(after, inside=inside))
        first, second = (view.model_dump(by_alias=True, exclude_none=True) if view else {} for view in views)
        changed = [field for field, value in second.items() if first.get(field) != value]
        return answer(models.CustomerChanges(before=views[0], after=views[1], changed=changed))

    async def _moments(self, query: models.MomentsQuery) -> tuple[Moment, Moment]:
        """Two moments in order. What is true at both is judged by what is known at the later one."""
        earlier = await moment_of(self._services, query.earlier, query.clock, name="from")
        later = await moment_of(self._services, query.later, query.clock, name="to")
        if _place(later) < _place(earlier):
            raise Problem("invalid_request", errors=[{"pointer": "/to", "code": "before_from"}])
        if earlier.occurred is not None:
            earlier = replace(earlier, known=later.known)
        return earlier, later


def _place(moment: Moment) -> tuple[datetime, int]:
    """Where a moment stands on its clock."""
    return moment.occurred or _BEFORE_ALL, moment.known


def _view(row: CustomerRow, *, inside: bool) -> models.CustomerAsOf:
    return models.CustomerAsOf(**shown(row), detail=row.detail if inside else None)
