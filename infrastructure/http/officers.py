"""What officers and auditors read: a customer's story in words, and its events as they are stored."""

from typing import Final

from starlette.responses import Response

from domain.refusals import UnknownCustomer
from domain.vocabulary import Status
from infrastructure.api_keys import Role
from infrastructure.http import models
from infrastructure.http.requests import read_id
from infrastructure.http.resources import answer, etag
from infrastructure.http.routing import Call, Route
from infrastructure.http.stored_events import stored_event
from infrastructure.reading import Reader
from infrastructure.searching import StoredRow

INSPECTORS: Final[frozenset[Role]] = frozenset({"officer", "auditor"})


class OfficerRoutes:
    """The inside of a customer. Never for partners: it would tip the customer off."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        gone = ("malformed_id", "customer_not_found")
        return [
            Route(
                "GET",
                "/customers/{customer_id}/timeline",
                self.timeline,
                INSPECTORS,
                "Read a customer's story, in words",
                answer=models.Timeline,
                headers=("ETag",),
                problems=gone,
                tag="officers and auditors",
            ),
            Route(
                "GET",
                "/customers/{customer_id}/events",
                self.events,
                INSPECTORS,
                "Read a customer's events, as stored",
                answer=models.StoredEvents,
                problems=gone,
                tag="officers and auditors",
            ),
        ]

    async def timeline(self, call: Call) -> Response:
        """Who, what, when and why."""
        customer_id = read_id(call.request)
        row, story = await self._reader.timeline(customer_id)
        if row is None:
            raise UnknownCustomer
        entries = [
            models.TimelineEntry(
                position=entry.position,
                version=entry.version,
                type=entry.type,
                recorded_at=entry.recorded_at,
                occurred_at=entry.occurred_at,
                who=entry.actor,
                what=entry.what,
                why=entry.why,
            )
            for entry in story
        ]
        resource = models.Timeline(id=customer_id, status=Status(row.status), detail=row.detail, entries=entries)
        return answer(resource, headers=etag(call, row))

    async def events(self, call: Call) -> Response:
        """The stored bytes themselves stand under `event`."""
        customer_id = read_id(call.request)
        if await self._reader.customer(customer_id) is None:
            raise UnknownCustomer
        lines = [
            stored_event(StoredRow(customer_id, version, topic, state, position, recorded_at))
            for version, topic, state, position, recorded_at in await self._reader.stored(customer_id)
        ]
        return Response(b'{"events":[%b]}' % b",".join(lines), media_type="application/json")
