"""Readers of public events over real connections: what came, and as it came."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx2

from application.handlers import append
from infrastructure.administration import issue_key
from infrastructure.api_keys import revoke
from tests.support.world import World


class Reading:
    """An open stream, read event by event."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        """The next block of lines, by field; a comment's field is empty."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line:
                return fields
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        raise EOFError

    async def event(self) -> dict[str, Any]:
        """The next event's body, which agrees with the lines around it."""
        while "data" not in (fields := await self.block()):
            pass
        body: dict[str, Any] = json.loads(fields["data"])
        assert fields["id"] == str(body["sequence"])
        assert fields["event"] == body["webhookType"]
        return body

    async def events(self, how_many: int) -> list[dict[str, Any]]:
        return [await self.event() for _ in range(how_many)]

    async def rest(self) -> list[dict[str, str]]:
        """Everything up to the end of the stream."""
        blocks = []
        try:
            while True:
                blocks.append(await self.block())
        except EOFError:
            return blocks


@asynccontextmanager
async def streaming(client: httpx2.AsyncClient, query: str = "", **headers: str) -> AsyncIterator[Reading]:
    """A stream that is open, and was answered 200."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.stream("GET", f"/v1/events/stream{query}", headers=named) as response:
        assert response.status_code == 200, await response.aread()
        yield Reading(response)


async def all_events(client: httpx2.AsyncClient) -> list[dict[str, Any]]:
    """Every event there is, page by page."""
    events: list[dict[str, Any]] = []
    after = 0
    while True:
        response = await client.get(f"/v1/events?after={after}&limit=200")
        assert response.status_code == 200, response.text
        page = response.json()
        if not page["events"]:
            assert page["next"] == after
            return events
        events += page["events"]
        after = page["next"]


async def last_sequence(world: World, name: str = "partner") -> int:
    """The number of a partner's newest event."""
    events = await all_events(world.clients[name])
    return int(events[-1]["sequence"]) if events else 0


async def another_key(world: World, of: str = "partner") -> tuple[UUID, httpx2.AsyncClient]:
    """One more key of a partner, and a client with it, to be closed by the test."""
    partner = next(UUID(key["partner"]) for key in await world.services.directory.all() if key["name"] == of)
    issued = await issue_key(world.services, role="partner", name="another", partner=partner)
    headers = {"Authorization": f"Bearer {issued.key}"}
    return issued.key_id, httpx2.AsyncClient(base_url=world.url, headers=headers, timeout=30)


async def revoked(world: World, key_id: UUID, client: httpx2.AsyncClient) -> None:
    """End a key, and wait until the service knows."""
    await world.services.execute(lambda: append(key_id, revoke), actor="admin:console")
    while (await client.get("/v1/events?limit=1")).status_code == 200:
        pass


async def meanwhile(world: World) -> None:
    """Requests enough for whatever was begun to have come as far as it does."""
    for _ in range(20):
        assert (await world.partner.get("/health/live")).status_code == 200
