"""The projector: keeps every read model up with the log.

One process leads each projection (advisory lock). A batch of events and the new position are one transaction. A
notification wakes it, a poll is the safety net. An event that a projection cannot take stops that projection alone.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final
from zlib import crc32

import structlog
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from application.envelope import Envelope
from infrastructure.following import Follower, LostLead, halves, move_on
from infrastructure.log.pages import Pages, reading
from infrastructure.postgres import AWAY, BATCH_ANSWER, connect, cut_after
from infrastructure.tables import Table
from projections.projection import Projection

BATCH: Final = 8000
POLL: Final = 1.0
PACE: Final = 0.04
"""Seconds from one look at the log to the next: events that come faster are taken together, at a third of the cost."""
LOCKS: Final = 7166154
# Commits do not wait for the disk: what a crash takes is projected again. And rows are found by their keys, whatever
# the planner thought of a table when it was new and small.
_OPTIONS: Final = "-c synchronous_commit=off -c enable_seqscan=off"

_POSITION: Final = """
    INSERT INTO gatehouse.tracking (projection, position) VALUES (%b, 0)
    ON CONFLICT (projection) DO UPDATE SET stopped_at = NULL, fault = NULL RETURNING position
"""
_STOP: Final = "UPDATE gatehouse.tracking SET stopped_at = %b, fault = %b WHERE projection = %b AND position = %b"
_FREED: Final = "SELECT position FROM gatehouse.tracking WHERE projection = %b AND stopped_at IS NULL"

log = structlog.get_logger()


class Projector:
    """Runs projections until it is cancelled, through broken connections too."""

    def __init__(self, conninfo: str, projections: Sequence[Projection[Any]]) -> None:
        self._conninfo = make_conninfo(conninfo, options=f"{conninfo_to_dict(conninfo).get('options', '')} {_OPTIONS}")
        self._projections = projections
        self._batch = BATCH
        self.moved = asyncio.Event()
        """Set whenever read models have changed; whoever waits for it clears it."""
        self._followers = [Follower(projection, Table(projection)) for projection in projections]

    async def run(self) -> None:
        """Follow the log for good."""
        while True:
            try:
                async with await connect(self._conninfo) as connection, self._pages() as pages:
                    with cut_after(connection, BATCH_ANSWER):
                        await connection.execute("LISTEN stored_events")
                    await self._follow(connection, pages)
            except (*AWAY, LostLead) as fault:
                log.warning("projector_interrupted", fault=type(fault).__name__)
                self._batch = max(1, self._batch // 2)  # if it took too long, the same again would, too
                await asyncio.sleep(POLL / 2)

    async def catch_up(self) -> None:
        """Bring everything up to the log's end, once."""
        async with await connect(self._conninfo) as connection, self._pages() as pages:
            await self._take_lead(connection)
            while await self._advance(connection, pages):
                pass

    @asynccontextmanager
    async def _pages(self) -> AsyncIterator[Pages]:
        async with reading(await connect(self._conninfo), self._projections) as pages:
            yield pages

    async def _follow(self, connection: AsyncConnection[Any], pages: Pages) -> None:
        for follower in self._followers:
            follower.leads = False
        while True:
            with cut_after(connection, BATCH_ANSWER):
                await self._take_lead(connection)
            begun = monotonic()
            while await self._advance(connection, pages):
                pass
            async for _ in connection.notifies(timeout=POLL, stop_after=1):
                pass
            await asyncio.sleep(begun + PACE - monotonic())

    async def _take_lead(self, connection: AsyncConnection[Any]) -> None:
        """Become the leader of what nobody leads, and go on with what was rebuilt since it stopped."""
        for follower in self._followers:
            name = follower.projection.name
            if follower.stopped:
                cursor = await connection.execute(_FREED, (name,))
                if row := await cursor.fetchone():
                    follower.position, follower.stopped = row[0], False
            if follower.leads:
                continue
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%b, %b)", (LOCKS, crc32(name.encode()) >> 1))
            row = await cursor.fetchone()
            if row and row[0]:
                cursor = await connection.execute(_POSITION, (name,))
                row = await cursor.fetchone()
                follower.position = row[0] if row else 0
                follower.leads, follower.stopped = True, False

    async def _advance(self, connection: AsyncConnection[Any], pages: Pages) -> bool:
        """Take one page through all projections; True when there is more."""
        following = [follower for follower in self._followers if follower.follows]
        if not following:
            return False
        start = min(follower.position for follower in following)
        page = await pages.after(start, self._batch)
        for position in sorted({follower.position for follower in following if follower.position < page.upto}):
            together = [follower for follower in following if follower.follows and follower.position == position]
            events = [event for event in page.events if event.position > position]
            await self._project(connection, together, events, page.upto)
        self._batch = min(BATCH, 2 * self._batch)
        if page.fault is not None:
            for follower in following:
                if follower.follows and follower.position == page.upto:
                    await self._stop(connection, follower, page.fault)
        if page.upto > start:
            self.moved.set()
        return page.full or page.fault is not None

    async def _project(
        self, connection: AsyncConnection[Any], followers: Sequence[Follower], events: Sequence[Envelope], upto: int
    ) -> None:
        """Take what is new to followers at one position; stop each at the first event that it cannot take."""
        try:
            with cut_after(connection, BATCH_ANSWER):
                await move_on(connection, followers, events, upto)
        except (*AWAY, LostLead):
            raise
        except Exception as fault:  # noqa: BLE001 -- whose fault it is, whatever it is, shows one by one
            log.warning("projections_taken_one_by_one", fault=type(fault).__name__, position=upto)
            for follower in followers:
                await self._project_alone(connection, follower, events, upto)

    async def _project_alone(
        self, connection: AsyncConnection[Any], follower: Follower, events: Sequence[Envelope], upto: int
    ) -> None:
        """The same for one, presuming nothing."""
        try:
            with cut_after(connection, BATCH_ANSWER):
                await move_on(connection, [follower], events, upto, presuming=False)
        except (*AWAY, LostLead):
            raise
        except Exception as poison:
            if not events:
                raise
            if len(events) == 1:
                await move_on(connection, [follower], (), events[0].position - 1)
                await self._stop(connection, follower, poison)
                return
            for half, last in halves(events, upto):  # which of them it is shows soon
                if follower.follows:
                    await self._project_alone(connection, follower, half, last)

    async def _stop(self, connection: AsyncConnection[Any], follower: Follower, fault: Exception) -> None:
        name, stopped_at = follower.projection.name, follower.position + 1
        cursor = await connection.execute(_STOP, (stopped_at, type(fault).__name__, name, follower.position))
        if cursor.rowcount != 1:
            raise LostLead
        follower.stopped = True
        log.error("projection_stopped", projection=name, position=stopped_at, fault=type(fault).__name__)
