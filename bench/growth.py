"""Does a long log cost more? Appends and queries through the product, on logs of different lengths, in turns.

Each length is a database of its own on one server. In each round every length is asked the same, a few at a time, by
one caller; a figure is the median of the rounds' ratios of medians, as everywhere.
"""

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Final
from uuid import UUID, uuid4

import psycopg
import uvloop
from rich.console import Console
from rich.progress import track

from application.envelope import Context
from application.handlers import append
from bench.history import EACH, PARTNER, load_log, load_read_models
from bench.postgres import Database, postgres
from bench.report import Report, Target
from bench.traffic import SEED
from domain.events import WalletClaimed
from infrastructure.bootstrap import open_services
from infrastructure.ids import new_id, now
from infrastructure.keys.deployment import load_keys
from infrastructure.migrate import migrate
from infrastructure.reading import CustomerFilter
from infrastructure.services import Services
from infrastructure.settings import Settings

FULL: Final = (10_000, 100_000, 1_000_000, 5_000_000)
QUICK: Final = (10_000, 100_000, 300_000)
AT_MOST: Final = 1.3
SAMPLE: Final = 50
"""Of each operation, in a round."""
PAGE: Final = 50

Operation = Callable[[], Awaitable[object]]
Times = dict[str, dict[int, list[float]]]
"""Median seconds of each round, by operation and length of the log."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A service on a log of one length, and customers of it to ask for."""

    events: int
    services: Services
    customers: Sequence[UUID]
    chance: Random

    def operations(self) -> dict[str, Operation]:
        """What is measured, each time at another place."""
        reader, one = self.services.reader, self.chance.choice
        newest = CustomerFilter(partner=PARTNER)
        return {
            "append": self.append,
            "stream": lambda: reader.streams([one(self.customers)]),
            "page": lambda: reader.customers(newest, before=self.chance.randint(1, self.events), limit=PAGE),
            "timeline": lambda: reader.timeline(one(self.customers)),
        }

    async def append(self) -> None:
        """One event on a fresh stream whose id is random, which is the hardest for an index."""
        stream, command, event = uuid4(), new_id(), WalletClaimed(customer=new_id())
        context = Context("system:bench", command, command, now())
        await self.services.executor.execute(lambda: append(stream, lambda _: (event,)), context)


def run(*, quick: bool) -> Report:
    """Load a log of each length, then measure."""
    lengths, rounds = (QUICK, 10) if quick else (FULL, 40)
    with postgres() as server:
        databases = {length: server.create_database(f"gatehouse_{length}") for length in lengths}
        for length, database in track(databases.items(), "loading", console=Console(stderr=True), transient=True):
            migrate(database.conninfo)
            load_log(database.conninfo, length)
            load_read_models(database.conninfo, length)
        times = uvloop.run(measure(databases, rounds=rounds))
        version = server.version()
    return report(times, {"rounds": rounds, "postgresql": version})


async def measure(databases: dict[int, Database], *, rounds: int) -> Times:
    """Ask every length in every round; the first round only warms up."""
    async with AsyncExitStack() as stack:
        subjects = [await stack.enter_async_context(_open(*item)) for item in databases.items()]
        times: Times = {name: {length: [] for length in databases} for name in subjects[0].operations()}
        for number in track(range(rounds + 1), "measuring", console=Console(stderr=True), transient=True):
            for name, by_length in times.items():
                for subject in subjects:
                    taken = await median(subject.operations()[name])
                    if number:
                        by_length[subject.events].append(taken)
            subjects.reverse()
    return times


async def median(operation: Operation) -> float:
    """The median of a sample, in seconds."""
    times = []
    for _ in range(SAMPLE):
        begun = perf_counter()
        await operation()
        times.append(perf_counter() - begun)
    return statistics.median(times)


def ratios(times: Times) -> dict[str, dict[int, float]]:
    """How much longer each operation takes than on the shortest log: the median over the rounds."""
    return {
        name: {
            length: round(statistics.median(map(float.__truediv__, taken, by_length[min(by_length)])), 3)
            for length, taken in by_length.items()
        }
        for name, by_length in times.items()
    }


def report(times: Times, figures: dict[str, object]) -> Report:
    """Compare the longest log with the shortest."""
    compared = ratios(times)
    longest = max(next(iter(compared.values())))
    p50 = {
        name: {length: round(1000 * statistics.median(taken), 3) for length, taken in by_length.items()}
        for name, by_length in times.items()
    }
    return Report(
        bench="growth",
        figures={"ratios": compared, "p50_ms": p50, **figures},
        targets=[
            Target(name=name, measured=by_length[longest], sense="at_most", bound=AT_MOST)
            for name, by_length in compared.items()
        ],
        columns=("p50 ms at events", *(f"{length:,}" for length in p50["append"]), "longest ÷ shortest"),
        rows=[
            [name, *(f"{value:.3f}" for value in by_length.values()), f"{compared[name][longest]:.2f}"]
            for name, by_length in p50.items()
        ],
    )


@asynccontextmanager
async def _open(length: int, database: Database) -> AsyncIterator[Subject]:
    """The product's own services."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        keys = load_keys(Path(folder) / "keys", generate=True)
        async with open_services(Settings(data=Path(folder)), database.conninfo, keys) as services:
            chance = Random(SEED)  # noqa: S311  # the same places in every run
            customers = await asyncio.to_thread(_some, database.conninfo)
            yield Subject(length // EACH * EACH, services, customers, chance)


def _some(conninfo: str) -> list[UUID]:
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute("SELECT id FROM gatehouse.customers ORDER BY random() LIMIT 5000").fetchall()
    return [row[0] for row in rows]
