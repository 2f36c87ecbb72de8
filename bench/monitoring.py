"""Monitoring of 100,000 customers that are in: the daily look at each, and a new list that names a few of them.

Both run as `./run work` runs them: a worker and a projector in one process, PostgreSQL beside it.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, LiteralString

import uvloop
from rich.console import Console
from rich.progress import Progress

from bench.history import EACH, load_log, people
from bench.postgres import Database, postgres
from bench.report import Report, Target
from infrastructure.bootstrap import open_services
from infrastructure.collector import spared_collector
from infrastructure.keys.deployment import load_keys
from infrastructure.migrate import migrate
from infrastructure.postgres import service_conninfo
from infrastructure.projector import Projector
from infrastructure.sanctions.adoption import put_in_force
from infrastructure.sanctions.sdn_advanced import Listing, SanctionsList
from infrastructure.services import Services
from infrastructure.settings import Settings
from infrastructure.work.worker import Worker
from projections import PROJECTIONS

CUSTOMERS: Final = 100_000
QUICK_CUSTOMERS: Final = 3_000
NAMED: Final = 10
LOOK: Final = 0.05
DAY: Final = 86_400.0

_LOOKS: Final[LiteralString] = "SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'MonitoringAttempted'"
_RESCREENED: Final[LiteralString] = "SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'CustomersRescreened'"
_REJECTED: Final[LiteralString] = """
    SELECT count(*), (SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'OnboardingBarred')
    FROM gatehouse.stored_events WHERE topic = 'IllicitActivityConfirmed'
"""
# Nobody's daily look is due: what a new list touches is seen by itself.
_NOT_TODAY: Final = "UPDATE gatehouse.worklist SET due = due + interval '10 years' WHERE kind = 'monitor'"
_TODAY: Final = "UPDATE gatehouse.worklist SET due = due - interval '10 years' WHERE kind = 'monitor'"


def run(*, quick: bool) -> Report:
    """Load customers that are in, adopt a list, then look at everybody."""
    count = QUICK_CUSTOMERS if quick else CUSTOMERS
    with postgres() as server:
        database = server.create_database("gatehouse")
        migrate(database.conninfo)
        load_log(database.conninfo, count * EACH)
        with spared_collector():
            asyncio.run(Projector(service_conninfo(database.conninfo), PROJECTIONS).catch_up())
        figures = uvloop.run(measure(database, count))
        return report({**figures, "customers": count, "postgresql": server.version()})


async def measure(database: Database, count: int) -> dict[str, float]:
    """Seconds of a new list, and of the daily look at everybody."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        keys = load_keys(Path(folder) / "keys", generate=True)
        async with open_services(Settings(data=Path(folder)), database.conninfo, keys) as services:
            await _do(services, _NOT_TODAY)
            async with working(services):
                await put_in_force(services, _list(1, []), sample=False)
                await _until(services, _RESCREENED, 1)
                named = [each.address for each in people(count)[:: count // NAMED]][:NAMED]
                begun = time.monotonic()
                await put_in_force(services, _list(2, named), sample=False)
                await _until(services, _RESCREENED, 2)
                delta = time.monotonic() - begun
            touched = (await _do(services, _LOOKS))[0]
            rejected, bars = await _do(services, _REJECTED)
            await _do(services, _TODAY)
            begun = time.monotonic()
            async with working(services):
                await _until(services, _LOOKS, touched + count - rejected)
            everybody = time.monotonic() - begun
    return {
        "delta_s": round(delta, 2),
        "named": NAMED,
        "touched": touched,
        "rejected": rejected,
        "bars": bars,
        "daily_s": round(everybody, 1),
        "looks_per_s": round((count - rejected) / everybody, 1),
    }


def report(figures: dict[str, Any]) -> Report:
    """Everybody within a day, and nobody but whom the list names."""
    whole_day = CUSTOMERS / figures["looks_per_s"]
    return Report(
        bench="monitoring",
        figures={"seconds_for_100000": round(whole_day), **figures},
        targets=[
            Target(name="seconds_for_100000", measured=whole_day, sense="below", bound=DAY),
            Target(name="touched_by_the_list", measured=figures["touched"], sense="at_most", bound=NAMED),
            Target(name="rejected_of_the_named", measured=figures["rejected"], sense="at_least", bound=NAMED),
        ],
        columns=("", "seconds"),
        rows=[("a new list", f"{figures['delta_s']}"), ("a look at everybody", f"{figures['daily_s']}")],
    )


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """A worker and a projector, while the block runs."""
    projector = Projector(services.conninfo, PROJECTIONS)
    tasks = [asyncio.create_task(projector.run()), asyncio.create_task(Worker(services, projector.moved).run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until(services: Services, query: LiteralString, wanted: int) -> None:
    """Look until there are so many, with a progress bar."""
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task("looking", total=wanted)
        while (found := (await _do(services, query))[0]) < wanted:
            progress.update(task, completed=found, refresh=True)
            await asyncio.sleep(LOOK)


async def _do(services: Services, query: LiteralString) -> tuple[int, ...]:
    async with services.pool.connection() as connection:
        cursor = await connection.execute(query)
        return await cursor.fetchone() or () if cursor.description else ()


def _list(day: int, addresses: list[str]) -> SanctionsList:
    """A list of that day: one address that nobody has, and these."""
    listings = {address: (Listing(address, "ETH", "1"),) for address in ("0x" + "11" * 20, *addresses)}
    published = date(2026, 1, 1) + timedelta(days=day)
    return SanctionsList(published, sha256(repr(listings).encode()).hexdigest(), 1000, listings)
