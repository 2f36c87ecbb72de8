"""`order`: eight writers in two processes, and a reader that tails the log by position. Every event once, in order.

Nothing is broken here on purpose but the order of things: each writer commits batches of one to eight events through
its own journal, so that transactions of two processes overlap as often as they can.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
import uvloop

from application.envelope import Context, Envelope
from application.ports import Batch, Receipt
from bench.server import MODULES
from domain.events import ApiKeyRevoked
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.ids import new_id, now
from infrastructure.keys.keyring import Keyring
from infrastructure.keys.masters import MasterKeys
from infrastructure.log.journal import PostgresJournal, log_on
from infrastructure.migrate import migrate
from infrastructure.postgres import Connection, service_conninfo

EVENTS: Final = 5000
"""In a round."""
PROCESSES: Final = 2
WRITERS: Final = 4
"""In a process."""
LARGEST: Final = 8
FOLLOW: Final = """
    SELECT notification_id, originator_id, originator_version FROM gatehouse.stored_events
    WHERE notification_id > %s ORDER BY notification_id
"""

Place = tuple[int, UUID, int]
"""A position, and the stream and version that were seen at it."""


def run(rounds: int) -> dict[str, object]:
    """Write `rounds` times 5,000 events, tail them, and count what the reader did not see as it is."""
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        migrate(server.conninfo())
        share = rounds * EVENTS // PROCESSES // WRITERS
        with ExitStack() as stack:
            processes = [stack.enter_context(_writing(server.conninfo(), share)) for _ in range(PROCESSES)]
            seen = tail(server.conninfo(), processes)
        written = sum(process.returncode == 0 for process in processes) * WRITERS * share
        with psycopg.connect(server.conninfo()) as connection:
            stored: list[Place] = connection.execute(FOLLOW, (0,)).fetchall()
    return {"events": len(stored), "acknowledged": written, **compare(seen, stored, acknowledged=written)}


def compare(seen: Sequence[Place], stored: Sequence[Place], *, acknowledged: int) -> dict[str, object]:
    """What the tailing reader missed, saw twice, or saw in another order than positions have."""
    positions = [position for position, _, _ in seen]
    missed = len(set(stored) - set(seen))
    doubled = len(seen) - len(set(seen))
    disordered = sum(later <= earlier for earlier, later in pairwise(positions))
    gaps = len(stored) - (stored[-1][0] if stored else 0)
    complete = len(stored) == acknowledged > 0
    fine = complete and not (missed or doubled or disordered or gaps) and len(seen) == len(stored)
    return {"missed": missed, "doubled": doubled, "disordered": disordered, "gaps": abs(gaps), "ok": fine}


def tail(conninfo: str, processes: Sequence["subprocess.Popen[bytes]"]) -> list[Place]:
    """Every event as it comes to light, asked for by the last position seen, until the writers have ended."""
    seen: list[Place] = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while True:
            ended = all(process.poll() is not None for process in processes)
            last = seen[-1][0] if seen else 0
            news = connection.execute(FOLLOW, (last,), prepare=True).fetchall()
            seen += news
            if ended and not news:
                return seen


async def write(conninfo: str, share: int) -> None:
    """What one process does: its writers, each with a journal and a connection of its own."""
    await asyncio.gather(*(_write(conninfo, share) for _ in range(WRITERS)))


async def _write(conninfo: str, share: int) -> None:
    connection = Connection(service_conninfo(conninfo), at_most=1)
    journal = PostgresJournal(connection, log_on(conninfo), Keyring(connection, MasterKeys([bytes(32)])))
    chance = random.Random()  # noqa: S311 -- mixes, decides nothing
    left = share
    while left:
        count, stream, command = min(chance.randint(1, LARGEST), left), new_id(), new_id()
        context = Context("system:drill", command, command, now())
        envelopes = [Envelope(stream, version, new_id(), context, ApiKeyRevoked()) for version in range(1, count + 1)]
        await journal.append(Batch(envelopes, [Receipt(command, stream, count)]))
        left -= count
    await connection.close()


def _writing(conninfo: str, share: int) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": MODULES, "DATABASE_URL": conninfo}
    return subprocess.Popen([sys.executable, "-m", "bench.drill_order", str(share)], env=environment)  # noqa: S603


if __name__ == "__main__":
    uvloop.run(write(os.environ["DATABASE_URL"], int(sys.argv[1])))
