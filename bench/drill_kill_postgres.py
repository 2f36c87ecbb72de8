"""`kill-postgres`: kill -9 of the server under eight writers. Nothing acknowledged may be lost, doubled or denied.

The writers share two executors, as in two processes, and register customers one after the other, each with a wallet
of its own: whoever hears of a conflict hears of one that is none. Who hears that the log is unavailable repeats the
command, as a caller would, until it is answered. Then the log is read from its beginning.
"""

import asyncio
import os
import signal
import tempfile
from collections import Counter
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import psycopg
from rich.console import Console
from rich.progress import track

from application.envelope import Context
from application.executor import Executor, Outcome
from application.handlers import Handler, register
from application.mapper import read
from application.ports import Unavailable
from bench.footprint import tree
from bench.traffic import SEED, checksummed
from domain.challenge import Site, issue
from domain.commands import RegisterCustomer
from domain.refusals import CustomerExists
from domain.wallet import Wallet
from infrastructure.bootstrap import open_services
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.ids import new_id, nonce, now
from infrastructure.keys.deployment import load_keys
from infrastructure.migrate import migrate
from infrastructure.settings import Settings

EXECUTORS: Final = 2
AGAIN: Final = 100
"""About how many commands are asked again in the end."""
WRITERS: Final = 4
"""For each executor."""
SITE: Final = Site("drill.example", "https://drill.example")
READ: Final = """
    SELECT originator_id, originator_version, topic, state FROM gatehouse.stored_events ORDER BY notification_id
"""


@dataclass(slots=True)
class Tally:
    """What the writers were told: the ids of the events that each command was answered with."""

    acknowledged: dict[UUID, set[UUID]] = field(default_factory=dict)
    unavailable: int = 0
    phantom_conflicts: int = 0
    slowest: float = 0.0
    """Seconds until the executor answered, whatever it answered."""
    registrations: list[tuple[Handler, Context]] = field(default_factory=list)
    forgotten: int = 0
    """Commands that were answered otherwise when they were asked again."""
    recoveries: list[float] = field(default_factory=list)
    enough: bool = False
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, command: UUID, outcome: Outcome) -> None:
        """Note an acknowledgement; the first after a kill ends the outage."""
        self.acknowledged[command] = {envelope.event_id for envelope in outcome.added}
        self.answering.set()


async def run(rounds: int) -> dict[str, object]:
    """Kill the server `rounds` times and count."""
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        await asyncio.to_thread(migrate, server.conninfo())
        tally = await _kill_under_load(server, Path(folder), rounds)
        lost, doubled = compare(tally.acknowledged, stored(server.conninfo()))
    return {
        "acknowledged": len(tally.acknowledged),
        "lost": lost,
        "doubled": doubled,
        "phantom_conflicts": tally.phantom_conflicts,
        "forgotten": tally.forgotten,
        "unavailable": tally.unavailable,
        "slowest_recovery_s": round(max(tally.recoveries, default=0.0), 2),
        "ok": not (lost or doubled or tally.phantom_conflicts or tally.forgotten) and len(tally.recoveries) == rounds,
    }


def compare(acknowledged: dict[UUID, set[UUID]], stored: list[tuple[UUID, UUID, str]]) -> tuple[int, int]:
    """How many commands were lost and doubled, by what is stored: event, command and type.

    Lost is a command of which not every event that it was answered with is there. Doubled is one that has more than
    one event of a type: a registration has one of each.
    """
    events = {event for event, _, _ in stored}
    lost = sum(not answered or not answered <= events for answered in acknowledged.values())
    times = Counter((command, topic) for _, command, topic in stored)
    return lost, len({command for (command, _), number in times.items() if number > 1})


async def _kill_under_load(server: EmbeddedPostgres, folder: Path, rounds: int) -> Tally:
    """Kill while two executors write; then ask one of them again what it was asked."""
    tally, wallets = Tally(), count(1)
    keys = load_keys(folder / "keys", generate=True)
    async with AsyncExitStack() as stack:
        executors = [
            (await stack.enter_async_context(open_services(Settings(data=folder), server.conninfo(), keys))).executor
            for _ in range(EXECUTORS)
        ]
        async with asyncio.TaskGroup() as writers:
            for executor in executors * WRITERS:
                writers.create_task(write(executor, wallets, tally))
            await _kill(server, tally, rounds)
        await ask_again(executors[0], tally)
    return tally


async def _kill(server: EmbeddedPostgres, tally: Tally, rounds: int) -> None:
    """Kill at random moments; each time, wait until a command is acknowledged."""
    chance, loop = Random(SEED), asyncio.get_running_loop()  # noqa: S311 -- when to kill, no secret
    for _ in track(range(rounds), description="killing", console=Console(stderr=True), transient=True):
        await asyncio.sleep(0.2 + chance.random() / 2)
        killed_at = loop.time()
        await asyncio.to_thread(_kill_all, server)  # while the writers go on
        tally.answering.clear()
        server.start()
        await tally.answering.wait()
        tally.recoveries.append(loop.time() - killed_at)
    tally.enough = True


def _kill_all(server: EmbeddedPostgres) -> None:
    """End every process of the server at once: a backend that outlived the others would still answer its client."""
    for process in tree(server.pid) if server.pid else ():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    server.kill()


async def ask_again(executor: Executor, tally: Tally) -> None:
    """Ask some of the commands once more under their ids: each comes to what it came to, and nothing is added."""
    for handler, context in tally.registrations[:: max(1, len(tally.registrations) // AGAIN)]:
        outcome = await executor.execute(handler, context)
        answered = tally.acknowledged.get(context.command_id)
        tally.forgotten += {envelope.event_id for envelope in outcome.added} != answered


async def write(executor: Executor, wallets: "count[int]", tally: Tally) -> None:
    """Register wallets that nobody else registers, until there are enough."""
    partner, loop = new_id(), asyncio.get_running_loop()
    while not tally.enough:
        wallet, customer, command = Wallet("1", checksummed(next(wallets).to_bytes(20, "big"))), new_id(), new_id()
        challenge = issue(SITE, wallet, customer=customer, nonce=nonce(), now=now())
        registration = RegisterCustomer(partner, f"eip155:1:{wallet.address}", "drill", challenge)
        context = Context("partner:drill", command, customer, now())
        handler = partial(register, customer, registration, fingerprint=str)
        tally.registrations.append((handler, context))
        while command not in tally.acknowledged:
            begun = loop.time()
            try:
                outcome = await executor.execute(handler, context)
            except Unavailable:
                tally.unavailable += 1
            except CustomerExists:
                tally.phantom_conflicts += 1
                break
            else:
                tally.answered(command, outcome)
            finally:
                tally.slowest = max(tally.slowest, loop.time() - begun)


def stored(conninfo: str) -> list[tuple[UUID, UUID, str]]:
    """Every event, the command that it is of, and its type."""
    with psycopg.connect(conninfo) as connection:
        envelopes = (read(*row) for row in connection.execute(READ).fetchall())
        return [(envelope.event_id, envelope.context.command_id, envelope.type) for envelope in envelopes]
