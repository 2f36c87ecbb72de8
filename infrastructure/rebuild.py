"""Rebuilding a read model beside the one in force: blue-green.

A new table takes the log from its beginning until it stands where the one in force stands. In one snapshot, with both
at one position, their rows are compared; then they swap. Until then nobody waits, and a rebuild that was killed goes on
from where it stood.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, Final, LiteralString
from zlib import crc32

import psycopg
from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from application.envelope import Envelope
from infrastructure.faults import CannotStart
from infrastructure.following import Follower, LostLead, halves, move_on
from infrastructure.log.pages import looked_into, read_page
from infrastructure.migrate import FOLDER as MIGRATIONS
from infrastructure.postgres import AWAY, connect
from infrastructure.projector import BATCH, LOCKS
from infrastructure.swap import Successor, successor_of
from infrastructure.tables import Table
from projections.projection import Projection

ROOT: Final = Path(__file__).parent.parent
_MAKERS: Final = ("domain/**/*.py", "application/**/*.py", "projections/**/*.py")
_WRITERS: Final = ("infrastructure/following.py", "infrastructure/tables.py")
PATIENCE: Final = 60.0
"""Seconds for which others may hold on to the table before the swap is given up."""
PAUSE: Final = 0.2

_SETTINGS: Final = """
    SELECT set_config('synchronous_commit', 'off', false), set_config('enable_seqscan', 'off', false),
        set_config('timezone', 'UTC', false), set_config('lock_timeout', '2s', false)
"""
# Whoever reads while we wait for the table waits behind us: not long. And a swap that was reported is on disk.
_BRIEFLY: Final = "SELECT set_config('lock_timeout', '200ms', true), set_config('synchronous_commit', 'on', true)"
_ALONE: Final = "SELECT pg_advisory_lock(%b, %b)"
_POSITION: Final = "SELECT position FROM gatehouse.tracking WHERE projection = %b"
_HOLD: Final = "SELECT position FROM gatehouse.tracking WHERE projection = %b FOR UPDATE"
_ONE_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"

Report = Callable[[int, int], None]
"""Is told position and goal after each batch."""


class RebuildFailed(CannotStart):
    """Why there is no new table; the one in force stays."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild came to. `before` and `after`: SHA-256 of all rows of the old and the new table at `position`."""

    position: int
    events: int
    seconds: float
    before: str
    after: str


async def rebuild(conninfo: str, projection: Projection[Any], report: Report) -> Rebuilt:
    """Build a projection's table anew as the database's owner, and put it in force, whatever the old one held."""
    async with await connect(conninfo) as connection:
        await connection.execute(_SETTINGS)
        try:
            await connection.execute(_ALONE, _lock(projection.name))
        except psycopg.errors.LockNotAvailable:
            raise RebuildFailed(f"{projection.name} is being rebuilt already") from None
        return await Rebuild(connection, projection, report).run()


class Rebuild:
    """One projection's rebuild, under way."""

    def __init__(self, connection: AsyncConnection[Any], projection: Projection[Any], report: Report) -> None:
        self._connection = connection
        self._name = projection.name
        self._known: Table[Any] = Table(projection)
        self._successor = Successor(connection, projection.name)
        self._made = Follower(projection, Table(projection, self._successor.name))
        self._report = report

    async def run(self) -> Rebuilt:
        """Fill, compare, swap."""
        begun = monotonic()
        await self._begin()
        first = self._made.position
        await self._approach()
        await self._connection.execute(SQL("VACUUM (ANALYZE) gatehouse.{}").format(Identifier(self._successor.name)))
        position, before, after = await self._compare()
        await self._take_over()
        return Rebuilt(position, self._made.position - first, monotonic() - begun, before, after)

    async def _begin(self) -> None:
        """Go on with what this version began; anything else is begun anew."""
        made_by = _made_by()
        position = await self._successor.position(made_by)
        if position is None or position > await self._stands():
            await self._successor.begin(made_by)
            position = 0
        self._made.position = position

    async def _stands(self, query: LiteralString = _POSITION) -> int:
        """Where the table in force stands."""
        row = await (await self._connection.execute(query, (self._name,))).fetchone()
        position: int = row[0] if row else 0
        if position < self._made.position:
            raise RebuildFailed(f"{self._name} was set back meanwhile: rebuild it again")
        return position

    async def _approach(self) -> None:
        """Take batches, each in a transaction of its own, until less than one is missing."""
        while (goal := await self._stands()) - self._made.position >= BATCH:
            await self._take(goal)

    async def _compare(self) -> tuple[int, str, str]:
        """Both tables' digests at one position: where the one in force stands as this transaction sees it."""
        async with self._connection.transaction():
            await self._connection.execute(_ONE_SNAPSHOT)
            goal = await self._stands()
            while self._made.position < goal:
                await self._take(goal)
            before = await self._known.digest(self._connection)
            after = await self._made.table.digest(self._connection)
        return goal, before, after

    async def _take_over(self) -> None:
        """Swap once nobody moves the projection and nobody reads the table, which is soon."""
        deadline = monotonic() + PATIENCE
        while True:
            await self._approach()
            position = self._made.position
            try:
                async with self._connection.transaction():
                    await self._connection.execute(_BRIEFLY)
                    goal = await self._stands(_HOLD)
                    while self._made.position < goal:
                        await self._take(goal)
                    await self._successor.take_over()
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                self._made.position = position
                if monotonic() > deadline:
                    raise RebuildFailed(f"somebody holds on to {self._name}: rebuild it again later") from None
                await asyncio.sleep(PAUSE)
            else:
                return

    async def _take(self, goal: int) -> None:
        """Take the next batch, up to `goal` at most."""
        count = min(BATCH, goal - self._made.position)
        page = await read_page(self._connection, self._made.position, count, looked_into([self._made.projection]))
        if page.upto == self._made.position:
            cause = type(page.fault).__name__ if page.fault else "the log ends before it"
            raise RebuildFailed(f"{self._name} cannot take the event at {page.upto + 1}: {cause}")
        await self._move_on(page.events, page.upto)
        self._report(self._made.position, goal)

    async def _move_on(self, events: Sequence[Envelope], upto: int) -> None:
        try:
            await move_on(self._connection, [self._made], events, upto)
        except (*AWAY, LostLead):
            raise
        except Exception as poison:
            if not events:
                raise
            if len(events) == 1:
                at, fault = events[0].position, type(poison).__name__
                raise RebuildFailed(f"{self._name} cannot take the event at {at}: {fault}") from poison
            for half, last in halves(events, upto):  # which of them it is shows soon
                await self._move_on(half, last)


def _lock(name: str) -> tuple[int, int]:
    """What only one rebuild of a projection may hold."""
    return LOCKS, crc32(successor_of(name).encode()) >> 1


def _made_by() -> str:
    """What makes rows what they are, code and schema: what other code left half-made is of no use."""
    digest = sha256()
    makers = (path for pattern in (*_MAKERS, *_WRITERS) for path in ROOT.glob(pattern))
    for path in sorted((*makers, *MIGRATIONS.glob("*.sql"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()
