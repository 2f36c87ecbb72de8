"""The projector: keeps every read model up with the log.

One process leads each projection (advisory lock). A batch of events and the new position are one transaction. A
notification wakes it, a poll is the safety net. An event that a projection cannot take stops that projection alone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from zlib import crc32

import structlog
from psycopg import AsyncConnection

from application.envelope import Envelope
from application.mapper import read
from infrastructure.postgres import AWAY, connect, cut_after
from infrastructure.tables import Key, Table
from projections.projection import CUSTOMER_EVENTS, Projection

BATCH: Final = 2000
POLL: Final = 1.0
PACE: Final = 0.04
"""Seconds from one look at the log to the next: events that come faster are taken together, at a third of the cost."""
LOCKS: Final = 7166154
PATIENCE: Final = 10.0
"""Seconds that the database has for a batch, and for whatever else it is asked."""

_READ: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at
    FROM gatehouse.stored_events WHERE notification_id > %b ORDER BY notification_id LIMIT %b
"""
_POSITION: Final = """
    INSERT INTO gatehouse.tracking (projection, position) VALUES (%b, 0)
    ON CONFLICT (projection) DO UPDATE SET stopped_at = NULL, fault = NULL RETURNING position
"""
_ADVANCE: Final = "UPDATE gatehouse.tracking SET position = %b WHERE projection = %b AND position = %b"
_STOP: Final = "UPDATE gatehouse.tracking SET stopped_at = %b, fault = %b WHERE projection = %b AND position = %b"
_FREED: Final = "SELECT position FROM gatehouse.tracking WHERE projection = %b AND stopped_at IS NULL"

log = structlog.get_logger()


class LostLead(Exception):
    """Another process moved the projection on."""


@dataclass(slots=True)
class Follower:
    """One projection on its way through the log."""

    projection: Projection[Any]
    table: Table[Any]
    leads: bool = False
    position: int = 0
    stopped: bool = False

    @property
    def follows(self) -> bool:
        """Whether this process moves it on."""
        return self.leads and not self.stopped

    async def fold(self, connection: AsyncConnection[Any], news: Sequence[Envelope]) -> None:
        """Write what the events make of the rows, and the new position, in one transaction.

        The position comes first: who holds its row holds the projection, and waits for nobody in its table.
        """
        if not news:
            return
        projection, at = self.projection, news[-1].position
        keyed = [(projection.key(envelope), envelope) for envelope in news if type(envelope.event) in CUSTOMER_EVENTS]
        begun = {key for key, envelope in keyed if envelope.version == 1 and key == (envelope.stream,)}
        known = {key for key, _ in keyed} - begun
        async with connection.transaction():
            cursor = await connection.execute(_ADVANCE, (at, self.table.name, self.position), prepare=True)
            if cursor.rowcount != 1:
                raise LostLead
            rows: dict[Key, Any] = {}
            if known and not self.table.append_only:
                rows = await self.table.read(connection, known)
            changed: dict[Key, Any] = {}
            for key, envelope in keyed:
                before = rows.get(key)
                after = projection.evolve(before, envelope)
                if after is not before:
                    rows[key] = changed[key] = after
            await self.table.write(connection, changed)
        self.position = at


class Projector:
    """Runs projections until it is cancelled, through broken connections too."""

    def __init__(self, conninfo: str, projections: Sequence[Projection[Any]]) -> None:
        self._conninfo = conninfo
        self.moved = asyncio.Event()
        """Set whenever read models have changed; whoever waits for it clears it."""
        self._followers = [Follower(projection, Table(projection)) for projection in projections]

    async def run(self) -> None:
        """Follow the log for good."""
        while True:
            try:
                async with await self._connect() as connection:
                    with cut_after(connection, PATIENCE):
                        await connection.execute("LISTEN stored_events")
                    await self._follow(connection)
            except (*AWAY, LostLead) as fault:
                log.warning("projector_interrupted", fault=type(fault).__name__)
                await asyncio.sleep(POLL / 2)

    async def catch_up(self) -> None:
        """Bring everything up to the log's end, once."""
        async with await self._connect() as connection:
            await self._take_lead(connection)
            while await self._advance(connection):
                pass

    async def _connect(self) -> AsyncConnection[Any]:
        """A connection whose commits do not wait for the disk: what a crash takes is projected again.

        Rows are found by their keys, whatever the planner thought of a table when it was new and small.
        """
        connection = await connect(self._conninfo)
        with cut_after(connection, PATIENCE):
            await connection.execute("SET synchronous_commit = off")
            await connection.execute("SET enable_seqscan = off")
        return connection

    async def _follow(self, connection: AsyncConnection[Any]) -> None:
        for follower in self._followers:
            follower.leads = False
        while True:
            with cut_after(connection, PATIENCE):
                await self._take_lead(connection)
            begun = monotonic()
            while await self._advance(connection):
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

    async def _advance(self, connection: AsyncConnection[Any]) -> bool:
        """Take one batch through all projections, in bounded time; True when there is more."""
        with cut_after(connection, PATIENCE):
            return await self._take_batch(connection)

    async def _take_batch(self, connection: AsyncConnection[Any]) -> bool:
        following = [follower for follower in self._followers if follower.follows]
        if not following:
            return False
        start = min(follower.position for follower in following)
        recorded, fault, count = await read_log(connection, start, BATCH)
        if not count:
            return False
        legible = recorded[-1].position if recorded else start
        for follower in following:
            await self._project(connection, follower, recorded, fault if follower.position <= legible else None)
        self.moved.set()
        return count == BATCH or fault is not None

    async def _project(
        self, connection: AsyncConnection[Any], follower: Follower, recorded: list[Envelope], fault: Exception | None
    ) -> None:
        """Take what is new to one projection; stop it at the first event that it cannot take."""
        news = [envelope for envelope in recorded if envelope.position > follower.position]
        try:
            await follower.fold(connection, news)
        except (*AWAY, LostLead):
            raise
        except Exception as poison:  # noqa: BLE001 -- it stops this projection, whatever it is
            fault = poison if len(news) == 1 else fault
            for envelope in news if len(news) > 1 else ():  # which of them it is shows one by one
                if follower.follows:
                    await self._project(connection, follower, [envelope], None)
        if fault is not None and follower.follows:
            await self._stop(connection, follower, fault)

    async def _stop(self, connection: AsyncConnection[Any], follower: Follower, fault: Exception) -> None:
        name, stopped_at = follower.projection.name, follower.position + 1
        cursor = await connection.execute(_STOP, (stopped_at, type(fault).__name__, name, follower.position))
        if cursor.rowcount != 1:
            raise LostLead
        follower.stopped = True
        log.error("projection_stopped", projection=name, position=stopped_at, fault=type(fault).__name__)


async def read_log(
    connection: AsyncConnection[Any], after: int, limit: int
) -> tuple[list[Envelope], Exception | None, int]:
    """What comes after a position, as far as this version can read it; why no farther; how many events it is in all."""
    cursor = await connection.execute(_READ, (after, limit), prepare=True, binary=True)
    rows = await cursor.fetchall()
    recorded: list[Envelope] = []
    for row in rows:
        try:
            recorded.append(read(*row))
        except Exception as fault:  # noqa: BLE001 -- it stops the projections, whatever it is
            return recorded, fault, len(rows)
    return recorded, None, len(rows)
