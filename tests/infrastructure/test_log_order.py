"""Whoever follows the log by position misses nothing, however many write: eight writers in two processes here."""

import asyncio
import os
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from application.envelope import Context, Envelope
from application.ports import Batch, Conflict, Receipt
from domain.events import ApiKeyRevoked
from infrastructure.ids import now
from infrastructure.keys.keyring import Keyring
from infrastructure.keys.masters import MasterKeys
from infrastructure.log.journal import PostgresJournal, log_on
from infrastructure.postgres import Connection, service_conninfo

ROOT: Final = Path(__file__).parents[2]
EVENTS: Final = 20_000
PROCESSES: Final = 2
WRITERS: Final = 4
SHARE: Final = EVENTS // PROCESSES // WRITERS
PROGRAM: Final = """
import asyncio, sys
from tests.infrastructure.test_log_order import write_all
asyncio.run(write_all(sys.argv[1]))
"""
FOLLOW: Final = """
    SELECT notification_id, originator_id, originator_version, recorded_at FROM gatehouse.stored_events
    WHERE notification_id > %s ORDER BY notification_id
"""
PLAIN: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)
    SELECT %s, version, 'ApiKeyRevoked', '{}' FROM generate_series(1, %s) AS version
"""


class Writer:
    """Appends in every way there is, and prints the streams that it has committed with their lengths."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = service_conninfo(conninfo)
        self._connection = Connection(self._conninfo, at_most=1)
        self._journal = PostgresJournal(
            self._connection, log_on(conninfo), Keyring(self._connection, MasterKeys([bytes(32)]))
        )
        self._chance = random.Random()  # noqa: S311 -- mixes, decides nothing
        self._newest = uuid4()

    async def write(self) -> None:
        """Commit this writer's share of events."""
        left = SHARE
        await self._append(self._newest, 1)
        left -= 1
        while left:
            count = min(self._chance.randint(1, 8), left)
            what = self._chance.random()
            if what < 0.1:
                await self._conflict()
            elif what < 0.2:
                await self._insert(count, commit=False)
            elif what < 0.3:
                await self._insert(count, commit=True)
                left -= count
            else:
                self._newest = uuid4()
                await self._append(self._newest, count)
                left -= count
        await self._connection.close()

    async def _append(self, stream: UUID, count: int) -> None:
        context = Context("system:test", uuid4(), uuid4(), now())
        envelopes = [Envelope(stream, version + 1, uuid4(), context, ApiKeyRevoked()) for version in range(count)]
        await self._journal.append(Batch(envelopes, [Receipt(context.command_id, stream, count)]))
        assert [envelope.position - envelopes[0].position for envelope in envelopes] == list(range(count))
        print(stream, count)  # noqa: T201 -- how the test hears of it

    async def _conflict(self) -> None:
        try:
            await self._append(self._newest, 1)
        except Conflict:
            return
        raise AssertionError("the same version twice")

    async def _insert(self, count: int, *, commit: bool) -> None:
        stream = uuid4()
        async with self._connection.use() as connection, connection.transaction(force_rollback=not commit):
            await connection.execute(PLAIN, (stream, count))
        if commit:
            print(stream, count)  # noqa: T201 -- the same


async def write_all(conninfo: str) -> None:
    """What one process does."""
    await asyncio.gather(*(Writer(conninfo).write() for _ in range(WRITERS)))


def follow(conninfo: str, processes: list["subprocess.Popen[str]"]) -> list[tuple[Any, ...]]:
    """Every event as it comes to light, asked for by the last position seen, until the writers are done."""
    seen: list[tuple[Any, ...]] = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while True:
            ended = all(process.poll() is not None for process in processes)
            news = connection.execute(FOLLOW, (len(seen),), prepare=True).fetchall()
            assert [row[0] for row in news] == list(range(len(seen) + 1, len(seen) + len(news) + 1))
            seen += news
            if ended and not news:
                return seen


def test_a_follower_sees_every_event_once_and_in_order(database: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        outputs = [stack.enter_context((tmp_path / f"{n}").open("w+")) for n in range(PROCESSES)]
        processes = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603 -- our own program
                    [sys.executable, "-c", PROGRAM, database],
                    env=os.environ | {"PYTHONPATH": str(ROOT)},
                    stdout=output,
                    text=True,
                )
            )
            for output in outputs
        ]
        seen = follow(database, processes)
        assert [process.returncode for process in processes] == [0] * PROCESSES
        committed: dict[UUID, int] = {}
        for output in outputs:
            output.seek(0)
            committed |= {UUID(stream): int(count) for stream, count in map(str.split, output)}

    assert len(seen) == EVENTS
    assert {(row[1], row[2]) for row in seen} == {
        (stream, version + 1) for stream, count in committed.items() for version in range(count)
    }
    with psycopg.connect(database) as connection:
        assert connection.execute(FOLLOW, (0,)).fetchall() == seen
    moments = [row[3] for row in seen]
    assert moments == sorted(moments)
