"""What happened at all, for officers and auditors: events of the whole log by type, actor, time and customer."""

from typing import Final

from starlette.responses import Response

from infrastructure.api_keys import Role
from infrastructure.audit_trail import AuditTrail
from infrastructure.http.audit_models import AuditPage, AuditQuery
from infrastructure.http.cursor import read_cursor, write_cursor
from infrastructure.http.requests import read_query
from infrastructure.http.resources import JsonResponse
from infrastructure.http.routing import Call, Route
from infrastructure.http.stored_events import stored_event
from infrastructure.searching import Search, Searching
from infrastructure.services import Services

INSPECTORS: Final[frozenset[Role]] = frozenset({"officer", "auditor"})


class AuditEventRoutes:
    """The log, searched. Whoever looks for one customer's events is on record as one who read that customer."""

    def __init__(self, services: Services) -> None:
        self._searching = Searching(services.pool)
        self._cursor_key = services.keys.cursor
        self._trail = AuditTrail(services)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "GET",
                "/audit/events",
                self.page,
                INSPECTORS,
                "Search all events, newest first",
                answer=AuditPage,
                query=AuditQuery,
                problems=("invalid_cursor",),
                tag="audit",
            )
        ]

    async def page(self, call: Call) -> Response:
        """As they are stored; personal text is sealed. Part of a long log is searched at a time.

        So a page may be short, or empty, and have a `nextCursor` still: the search is over where there is none.
        """
        query = read_query(call.request, AuditQuery)
        search = Search(query.type, query.actor, query.recorded_from, query.recorded_until, query.customer)
        key, name = self._cursor_key, repr(search)
        upto = read_cursor(key, name, query.cursor) if query.cursor else None
        found = await self._searching.find(search, upto=upto, limit=query.limit)
        if search.customer and found.rows:
            await self._trail.note(call.caller, search.customer, "events")
        body = b'{"events":[%b]' % b",".join(map(stored_event, found.rows))
        if found.upto is not None:
            body += b',"nextCursor":"%b"' % write_cursor(key, name, found.upto).encode()
        return JsonResponse(body + b"}", 200, {})
