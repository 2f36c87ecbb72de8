"""Adopting a sanctions list over HTTP: the XML itself is the body, parsed beside the event loop as it comes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from application.executor import Outcome
from infrastructure.api_keys import Role
from infrastructure.http import admin_models
from infrastructure.http.problems import Problem
from infrastructure.http.requests import header, read_query
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.sanctions.adoption import Adoption, Giving, adopt, adoption_of
from infrastructure.sanctions.bounded_xml import CHUNK, LARGEST
from infrastructure.sanctions.sdn_advanced import MalformedSanctionsList, Reading, SanctionsList
from infrastructure.services import Services

XML: Final = "application/xml"
ADMINS: Final[frozenset[Role]] = frozenset({"admin"})


class SanctionsRoutes:
    """What admins do with sanctions lists. None is fetched from a URL: the service calls nobody that a caller names."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """The one operation."""
        return [
            Route(
                "POST",
                "/sanctions-lists",
                self.adopt,
                ADMINS,
                "Adopt a sanctions list",
                answer=admin_models.SanctionsListAdoption,
                raw=XML,
                query=admin_models.SanctionsListQuery,
                problems=(
                    "malformed_sanctions_list",
                    "sanctions_list_in_future",
                    "sanctions_list_older",
                    "sanctions_list_smaller",
                ),
                tag="administration",
                render=self._adopted,
            )
        ]

    async def adopt(self, call: Call) -> Response:
        """Put OFAC's sdn_advanced.xml in force, and answer how it differs from the list before it, address by address.

        A list that is malformed or not whole is refused, and without `force` an older or much smaller one.
        """
        query = read_query(call.request, admin_models.SanctionsListQuery)
        given = await _read(call.request)
        by = Giving(actor=call.caller.actor, force=query.force, once=call.once)
        return _shown(await adopt(self._services, given, by))

    async def _adopted(self, _: Call, outcome: Outcome) -> Response:
        return _shown(await adoption_of(self._services.pool, outcome))


def _shown(adoption: Adoption) -> Response:
    listed = adoption.in_force
    return answer(
        admin_models.SanctionsListAdoption(
            changed=adoption.changed,
            list_version=listed.list_version,
            list_hash=listed.list_hash,
            entries=listed.entries,
            addresses=listed.addresses,
            sample=listed.sample,
            previous_hash=listed.previous_hash if adoption.changed else None,
            added=list(adoption.added),
            removed=list(adoption.removed),
        )
    )


async def _read(request: Request) -> SanctionsList:
    """The list in the body; expat is fed by a thread, one piece at a time."""
    media_type = (header(request, b"content-type") or "").partition(";")[0].strip().lower()
    if media_type not in {XML, "text/xml"}:
        raise Problem("unsupported_media_type")
    length = header(request, b"content-length") or "0"
    if not length.isdigit() or int(length) > LARGEST:
        raise Problem("malformed_sanctions_list")
    reading = Reading()
    try:
        async for piece in _pieces(request):
            await asyncio.to_thread(reading.feed, piece)
        return await asyncio.to_thread(reading.finish)
    except MalformedSanctionsList:
        raise Problem("malformed_sanctions_list") from None


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces that are worth a thread's while."""
    piece, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem("invalid_request")  # nobody hears it, but it is no fault of ours
        piece += message.get("body", b"")
        more = message.get("more_body", False)
        if len(piece) >= CHUNK or not more:
            yield bytes(piece)
            piece.clear()
