"""The builder: keeps the Merkle tree up with the event log.

One process leads (advisory lock). A page of events and the tiles that they change are one transaction, so the tree is
always that of the log up to its size. What is no entry, or leads to other tiles, stops it, and readiness says so.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from psycopg import AsyncConnection, DataError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege

from application.transparency.entry import IllegibleEntry, entry_of
from application.transparency.tiles import Growth, widths
from application.transparency.tree import leaf_hash
from infrastructure.postgres import AWAY, BATCH_ANSWER, connect, cut_after
from infrastructure.transparency.predecessors import Predecessors, Row
from infrastructure.transparency.tile_store import TilesMissing, read_tiles, tree_size, write_tiles

BATCH: Final = 2000
POLL: Final = 1.0
PACE: Final = 0.5
"""Seconds from one look at the log to the next: nobody waits for a leaf before the next checkpoint, and events that
come in the meantime are taken together, while callers of the API have the cores."""
LOCK: Final = 7166156
# What a crash takes is built again. A checkpoint's own commit waits for the disk, and with it all that is before.
_OPTIONS: Final = "-c synchronous_commit=off"

_READ: Final = """
    SELECT originator_id::text, originator_version, topic, state, notification_id, recorded_at
    FROM gatehouse.stored_events WHERE notification_id > %b ORDER BY notification_id LIMIT %b
"""
_GROWN: Final = "UPDATE gatehouse.tree SET size = %b, stopped_at = NULL, fault = NULL WHERE size = %b"
_STOPPED: Final = "UPDATE gatehouse.tree SET stopped_at = size + 1, fault = %b"
_LEAD: Final = "SELECT pg_try_advisory_lock(%b)"

log = structlog.get_logger()


class LostLead(Exception):
    """Somebody else has built meanwhile."""


class TilesContradict(Exception):
    """The log leads to other tiles than those that are there: somebody changed the one or the other."""


STOPPING: Final = (IllegibleEntry, TilesMissing, TilesContradict, DataError)
"""What no waiting mends, a time that is none included. It is tried again all the same, for whoever mends it."""


class TreeBuilder:
    """Builds until it is cancelled, through broken connections too."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = make_conninfo(conninfo, options=f"{conninfo_to_dict(conninfo).get('options', '')} {_OPTIONS}")
        self._growth: Growth | None = None
        self._predecessors = Predecessors()
        self.grown = asyncio.Event()
        """Set whenever the tree has grown; whoever waits for it clears it."""

    @property
    def leads(self) -> bool:
        """Whether it is this process that builds."""
        return self._growth is not None

    async def run(self) -> None:
        """Follow the log for good."""
        while True:
            try:
                async with await connect(self._conninfo) as connection:
                    with cut_after(connection, BATCH_ANSWER):
                        await connection.execute("LISTEN stored_events")
                    async with _stops_told(connection):
                        await self._follow(connection)
            except (*AWAY, LostLead) as fault:
                log.warning("transparency_interrupted", fault=type(fault).__name__)
            except STOPPING as fault:
                log.error("transparency_stopped", fault=type(fault).__name__)  # noqa: TRY400 -- it is tried again
            self._growth = None
            await asyncio.sleep(POLL)

    async def catch_up(self) -> int:
        """Bring the tree up to the log's end, once; answer its size."""
        async with await connect(self._conninfo) as connection, _stops_told(connection):
            if await self._leads(connection):
                while await self._advance(connection):
                    pass
            return await tree_size(connection)

    async def _follow(self, connection: AsyncConnection[Any]) -> None:
        while True:
            with cut_after(connection, BATCH_ANSWER):
                leads = await self._leads(connection)
            while leads and await self._advance(connection):
                pass
            async for _ in connection.notifies(timeout=POLL, stop_after=1):
                pass
            await asyncio.sleep(PACE)

    async def _leads(self, connection: AsyncConnection[Any]) -> bool:
        """Whether this process builds; it begins with the tree's right edge."""
        if self._growth is not None:
            return True
        row = await (await connection.execute(_LEAD, (LOCK,))).fetchone()
        if row is None or not row[0]:
            return False
        size = await tree_size(connection)
        edge = {(level, index): width for (level, index), width in widths(size).items()}
        self._growth = Growth(size, await read_tiles(connection, edge, size))
        return True

    async def _advance(self, connection: AsyncConnection[Any]) -> bool:
        """Take one page; True when there is more."""
        growth = self._growth
        if growth is None:
            return False
        before = growth.size
        with cut_after(connection, BATCH_ANSWER):
            cursor = await connection.execute(_READ, (before, BATCH), prepare=True, binary=True)
            rows = await cursor.fetchall()
            if not rows:
                return False
            await self._predecessors.prepare(connection, rows)
            leaves, fault = self._leaves(rows, before)
            if leaves:
                await self._keep(connection, growth, leaves)
            if fault is not None:
                raise fault
        return len(rows) == BATCH

    def _leaves(self, rows: list[Row], before: int) -> tuple[list[bytes], IllegibleEntry | None]:
        """The leaf hashes of rows, up to the first that is no entry."""
        leaves: list[bytes] = []
        try:
            for expected, row in enumerate(rows, before + 1):
                leaves.append(self._leaf(row, expected))
        except IllegibleEntry as fault:
            return leaves, fault
        self._predecessors.forget_some()
        return leaves, None

    def _leaf(self, row: Row, expected: int) -> bytes:
        """The leaf hash of the row that must stand at `expected`. Raises `IllegibleEntry`."""
        stream, version, _, _, position, _ = row
        if position != expected:
            raise IllegibleEntry(f"the log has no event at {expected}")
        leaf = leaf_hash(entry_of(*row, self._predecessors.before(stream, version)))
        self._predecessors.remember(stream, version, leaf)
        return leaf

    async def _keep(self, connection: AsyncConnection[Any], growth: Growth, leaves: list[bytes]) -> None:
        """Write the tiles that leaves change, and the tree's new size, in one transaction."""
        before = growth.size
        tiles = growth.extend(leaves)
        async with connection.transaction():
            cursor = await connection.execute(_GROWN, (growth.size, before), prepare=True, binary=True)
            if cursor.rowcount != 1:
                raise LostLead
            try:
                await write_tiles(connection, tiles)
            except InsufficientPrivilege:
                raise TilesContradict from None
        self.grown.set()


@asynccontextmanager
async def _stops_told(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Note, for readiness, what the tree stands still at."""
    try:
        yield
    except STOPPING as fault:
        with cut_after(connection, BATCH_ANSWER):
            await connection.execute(_STOPPED, (type(fault).__name__,))
        raise
