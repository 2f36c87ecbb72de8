"""Does the past cost more than the present? Lists as of past moments against the same lists as of now, in turns.

A list as of a moment is asked for as the API does: the moment is fixed to a position first. Every question is another
moment or another page; a figure is the median of the rounds' ratios of medians, as everywhere.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import psycopg
import uvloop
from rich.console import Console
from rich.progress import track

from bench.data import SINCE
from bench.growth import median
from bench.lives import load_lives, recorded_at
from bench.postgres import Database, postgres
from bench.report import Report, Target
from bench.traffic import SEED
from infrastructure.as_of import ClockName
from infrastructure.bootstrap import open_services
from infrastructure.collector import spared_collector
from infrastructure.keys.deployment import load_keys
from infrastructure.migrate import migrate
from infrastructure.postgres import service_conninfo
from infrastructure.projector import Projector
from infrastructure.reading import CustomerFilter
from infrastructure.services import Services
from infrastructure.settings import Settings
from projections import PROJECTIONS

FULL: Final = 1_000_000
QUICK: Final = 60_000
AT_MOST: Final = 3.0
PAGE: Final = 50
PARTNER: Final = UUID(int=1, version=4)
RARE: Final = "all in screening"
"""A status that few have at a time: the whole index is walked for them. Reported, and held to no bound."""
LISTS: Final = {
    "a partner's": CustomerFilter(partner=PARTNER),
    "a partner's active": CustomerFilter(partner=PARTNER, status="active"),
    "all": CustomerFilter(),
    "all active": CustomerFilter(status="active"),
    RARE: CustomerFilter(status="screening"),
}
NOW: Final = "now"

Question = Callable[[CustomerFilter], Awaitable[object]]
Times = dict[str, dict[str, list[float]]]
"""Median seconds of each round, by list and by the moment it is as of."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks for lists, each time as of another moment or before another position."""

    services: Services
    events: int
    latest: datetime
    chance: Random

    def questions(self) -> dict[str, Question]:
        """The same list as of different moments."""
        return {
            NOW: self._present,
            "position": lambda wanted: self._past(wanted, self._position(), "recorded"),
            "recorded time": lambda wanted: self._past(wanted, self._time(), "recorded"),
            "occurred time": lambda wanted: self._past(wanted, self._time(), "occurred"),
        }

    async def _present(self, wanted: CustomerFilter) -> None:
        await self.services.reader.customers(wanted, before=self._position(), limit=PAGE)

    async def _past(self, wanted: CustomerFilter, asked: datetime | int, clock: ClockName) -> None:
        moment = await self.services.as_of.moment(asked, clock)
        await self.services.as_of.customers(wanted, moment, before=None, limit=PAGE)

    def _position(self) -> int:
        return self.chance.randint(self.events // 10, self.events)

    def _time(self) -> datetime:
        return SINCE + (self.latest - SINCE) * self.chance.uniform(0.1, 1)


def run(*, quick: bool) -> Report:
    """Load a log, project it, and ask."""
    events, rounds = (QUICK, 10) if quick else (FULL, 40)
    with postgres() as server:
        database = server.create_database("gatehouse")
        migrate(database.conninfo)
        load_lives(database.conninfo, events)
        with spared_collector():
            asyncio.run(Projector(service_conninfo(database.conninfo), PROJECTIONS).catch_up())
        with psycopg.connect(database.conninfo, autocommit=True) as owner:
            owner.execute("VACUUM ANALYZE")
            owner.execute("CHECKPOINT")
        times = uvloop.run(measure(database, events, rounds=rounds))
        return report(times, {"events": events, "rounds": rounds, "postgresql": server.version()})


async def measure(database: Database, events: int, *, rounds: int) -> Times:
    """Ask every question in every round; the first round only warms up."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        keys = load_keys(Path(folder) / "keys", generate=True)
        async with open_services(Settings(data=Path(folder)), database.conninfo, keys) as services:
            asking = Asking(services, events, recorded_at(events), Random(SEED))  # noqa: S311  # the same moments in every run
            times: Times = {name: {as_of: [] for as_of in asking.questions()} for name in LISTS}
            for number in track(range(rounds + 1), "asking", console=Console(stderr=True), transient=True):
                for name, wanted in LISTS.items():
                    for as_of, question in asking.questions().items():
                        taken = await median(partial(question, wanted))
                        if number:
                            times[name][as_of].append(taken)
    return times


def report(times: Times, figures: dict[str, object]) -> Report:
    """Compare each past with the present of the same list."""
    ratios = {
        name: {
            as_of: round(statistics.median(map(float.__truediv__, taken, by_moment[NOW])), 3)
            for as_of, taken in by_moment.items()
            if as_of != NOW
        }
        for name, by_moment in times.items()
    }
    p50 = {
        name: {as_of: round(1000 * statistics.median(taken), 3) for as_of, taken in by_moment.items()}
        for name, by_moment in times.items()
    }
    return Report(
        bench="past",
        figures={"ratios": ratios, "p50_ms": p50, **figures},
        targets=[
            Target(name=f"{name}, {as_of}", measured=ratio, sense="at_most", bound=AT_MOST)
            for name, by_moment in ratios.items()
            for as_of, ratio in by_moment.items()
            if name != RARE
        ],
        columns=("p50 ms as of", *p50["all"]),
        rows=[[name, *(f"{value:.3f}" for value in by_moment.values())] for name, by_moment in p50.items()],
    )
