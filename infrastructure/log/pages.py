"""The log read in pages: each while whoever reads is still busy with the one before.

Events that no projection takes are passed over unread, so a page says for itself how far it came.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import AsyncConnection

from application.envelope import Envelope
from application.mapper import read, unread
from domain.events import EVENTS
from infrastructure.postgres import BATCH_ANSWER, cut_after
from projections.projection import PROJECTED, Projection

_READ: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at
    FROM gatehouse.stored_events WHERE notification_id > %b ORDER BY notification_id LIMIT %b
"""
_OTHERS: Final = frozenset(name for name, event in EVENTS.items() if event not in PROJECTED)


@dataclass(slots=True)
class Page:
    """What comes after a position: the events that projections take, as far as this version can read them."""

    upto: int
    """The last position that was read."""
    events: list[Envelope] = field(default_factory=list)
    fault: Exception | None = None
    """Why the event after `upto` could not be read."""
    full: bool = False
    """Whether there may be more."""


def looked_into(projections: Iterable[Projection[Any]]) -> frozenset[str]:
    """The types of events that at least one of the projections looks into."""
    return frozenset(event.__name__ for each in projections for event in each.reads)


async def read_page(connection: AsyncConnection[Any], after: int, limit: int, reads: frozenset[str]) -> Page:
    """The next `limit` events of the log after a position. What is not in `reads` stays unread."""
    cursor = await connection.execute(_READ, (after, limit), prepare=True, binary=True)
    rows = await cursor.fetchall()
    page = Page(after, full=len(rows) == limit)
    for row in rows:
        if row[2] not in _OTHERS:
            try:
                page.events.append(read(*row) if row[2] in reads else unread(*row[:3], *row[4:]))
            except Exception as fault:  # noqa: BLE001 -- it stops the projections, whatever it is
                page.fault = fault
                break
        page.upto = row[4]
    return page


class Pages:
    """Reads on a connection of its own, one page ahead where there is more."""

    def __init__(self, connection: AsyncConnection[Any], reads: frozenset[str]) -> None:
        self._connection = connection
        self._reads = reads
        self._ahead: tuple[int, asyncio.Task[Page]] | None = None

    async def after(self, position: int, limit: int) -> Page:
        """The page after a position."""
        ahead, self._ahead = self._ahead, None
        page = await ahead[1] if ahead else await self._read(position, limit)
        if ahead and ahead[0] != position:
            page = await self._read(position, limit)
        if page.full and page.fault is None:
            self._ahead = page.upto, asyncio.create_task(self._read(page.upto, limit))
        return page

    async def _read(self, position: int, limit: int) -> Page:
        with cut_after(self._connection, BATCH_ANSWER):
            return await read_page(self._connection, position, limit, self._reads)

    async def close(self) -> None:
        """Wait for what is being read, and forget it."""
        if self._ahead:
            await asyncio.gather(self._ahead[1], return_exceptions=True)


@asynccontextmanager
async def reading(connection: AsyncConnection[Any], projections: Iterable[Projection[Any]]) -> AsyncIterator[Pages]:
    """Pages for projections, read on `connection`, which is closed at the end."""
    async with connection:
        pages = Pages(connection, looked_into(projections))
        try:
            yield pages
        finally:
            await pages.close()
