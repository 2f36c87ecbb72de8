"""The event feed: what a partner hears of its customers, forever and in order. A lost webhook is recovered from it."""

import asyncio
import re
from typing import Final

from starlette.responses import Response

from infrastructure.feed import Feed
from infrastructure.http.event_stream import MEDIA_TYPE, Places, Streams, until_gone
from infrastructure.http.feed_models import EventPage, EventQuery, PublicEvent, StreamQuery, page_of
from infrastructure.http.problems import Problem
from infrastructure.http.requests import header, read_query
from infrastructure.http.resources import PARTNER, JsonResponse, partner_of
from infrastructure.http.routing import Call, Route
from infrastructure.services import Services
from projections.feed import FeedRow

TAG: Final = "events"
_SEQUENCE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class FeedRoutes:
    """Pages, long polls and streams over one feed."""

    def __init__(self, services: Services) -> None:
        self._feed = Feed(services.pool, services.conninfo)
        self._places = Places()
        self._streams = Streams(self._feed, self._places)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "GET",
                "/events",
                self.page,
                PARTNER,
                "Read public events in order",
                shows="feed",
                answer=EventPage,
                query=EventQuery,
                problems=("too_many_streams",),
                tag=TAG,
            ),
            Route(
                "GET",
                "/events/stream",
                self.stream,
                PARTNER,
                "Follow public events",
                answer=PublicEvent,
                media_type=MEDIA_TYPE,
                query=StreamQuery,
                problems=("too_many_streams",),
                tag=TAG,
                resumes=True,
            ),
        ]

    async def run(self) -> None:
        """Serve who waits, until cancelled: then nobody waits any more."""
        async with asyncio.TaskGroup() as lives:
            lives.create_task(self._feed.run())
            lives.create_task(self._streams.run())

    async def page(self, call: Call) -> Response:
        """The events after `after`, oldest first. `next` is where to go on: whoever does so misses nothing.

        With `wait`, an answer that would be empty is held back until there is an event, or the time is over.
        """
        query, partner = read_query(call.request, EventQuery), partner_of(call)
        events = await self._feed.page(partner, query.after, query.limit)
        if not events and query.wait:
            events = await self._awaited(call, query)
        return JsonResponse(page_of(events, query.after), 200, {})

    async def _awaited(self, call: Call, query: EventQuery) -> list[FeedRow]:
        """What came while the caller waited. The place is free as soon as nobody is there any more."""
        self._places.take(call.caller.key_id)
        gone = asyncio.create_task(until_gone(call.request.receive))
        try:
            events = await self._feed.awaited((partner_of(call), query.after), query.limit, query.wait, gone)
        finally:
            gone.cancel()
            self._places.leave(call.caller.key_id)
        if not await call.admitted():
            raise Problem("unauthenticated")
        return events

    async def stream(self, call: Call) -> Response:
        """Server-sent events after `Last-Event-ID`, or `after`, or from the first on; the stream has no end.

        `id` is the sequence, `event` the webhook type, and `data` the event on one line.
        """
        query = read_query(call.request, StreamQuery)
        return self._streams.open(call, (partner_of(call), _last_event(call, query)))


def _last_event(call: Call, query: StreamQuery) -> int:
    """The sequence after which to go on. What the header says is newer than the URL that a browser calls again."""
    given = header(call.request, b"last-event-id")
    if not given:
        return query.after
    if not _SEQUENCE.fullmatch(given):
        raise Problem("invalid_request", errors=[{"code": "last_event_id"}])
    return int(given)
