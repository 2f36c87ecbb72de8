"""How far read models are behind a live log: registrations at a steady rate, and the `work` process that follows them.

The lag of a registration is the time from its acknowledgement until every projection is seen to have passed it.
"""

import asyncio
import statistics
import tempfile
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Final

from application.envelope import Context
from application.handlers import register
from bench.postgres import Database
from bench.report import BenchError
from bench.subprocesses import running
from bench.traffic import checksummed
from domain.challenge import Site, issue
from domain.commands import RegisterCustomer
from domain.wallet import Wallet
from infrastructure.bootstrap import open_services
from infrastructure.ids import new_id, nonce, now
from infrastructure.keys.deployment import load_keys
from infrastructure.services import Services
from infrastructure.settings import Settings

EACH: Final = 3
"""Events of a registration."""
SITE: Final = Site("bench.example", "https://bench.example")
LOOK: Final = 0.005
"""Seconds between two looks at where projections are."""
PATIENCE: Final = 30.0
_REACHED: Final = "SELECT coalesce(min(position), 0) FROM gatehouse.tracking"

Waiting = deque[tuple[int, float]]
"""Positions that projections have to pass, and when they were acknowledged."""


async def measure(database: Database, *, events_per_s: float, seconds: float) -> dict[str, float]:
    """The lag in milliseconds, p50, p99 and the longest, of what was registered after a second of warming up."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        keys = load_keys(Path(folder) / "keys", generate=True)
        environment = {"DATABASE_URL": database.url(), "GATEHOUSE_DATA": folder}
        async with open_services(Settings(data=Path(folder)), database.conninfo, keys) as services:
            with running("infrastructure", "work", "--attached", environment=environment):
                numbers = count(1)
                await _follow(services, numbers, events_per_s=events_per_s, seconds=1.0)
                begun = perf_counter()
                lags = await _follow(services, numbers, events_per_s=events_per_s, seconds=seconds)
                took = perf_counter() - begun
    return {**summary(lags), "events_per_s": round(EACH * len(lags) / took, 1)}


def summary(lags: list[float]) -> dict[str, float]:
    """Lags in seconds as milliseconds."""
    percentiles = statistics.quantiles(lags, n=100, method="inclusive")
    return {
        "p50_ms": round(1000 * percentiles[49], 1),
        "p99_ms": round(1000 * percentiles[98], 1),
        "max_ms": round(1000 * max(lags), 1),
    }


def passed(waiting: Waiting, reached: int, at: float) -> Iterator[float]:
    """Take out what projections have passed by now, and say how long each waited."""
    for _ in range(len(waiting)):
        position, acknowledged = waiting.popleft()
        if position <= reached:
            yield at - acknowledged
        else:
            waiting.append((position, acknowledged))


async def _follow(services: Services, numbers: "count[int]", *, events_per_s: float, seconds: float) -> list[float]:
    """Register at a steady rate, whether answers come or not, and watch; returns when all has been followed."""
    waiting, lags = Waiting(), list[float]()
    total = round(seconds * events_per_s / EACH)
    start = perf_counter()

    async def one(number: int) -> None:
        await asyncio.sleep(start + number * EACH / events_per_s - perf_counter())
        position = await _register(services, next(numbers))
        waiting.append((position, perf_counter()))

    async with asyncio.TaskGroup() as group:
        for number in range(total):
            group.create_task(one(number))
        while len(lags) < total:
            async with services.pool.connection() as connection:
                row = await (await connection.execute(_REACHED, prepare=True)).fetchone()
            lags += passed(waiting, row[0] if row else 0, perf_counter())
            if perf_counter() > start + seconds + PATIENCE:
                raise BenchError("the projections do not follow")
            await asyncio.sleep(LOOK)
    return lags


async def _register(services: Services, number: int) -> int:
    """Register a new customer; the position of its last event."""
    wallet, customer, command = Wallet("1", checksummed(number.to_bytes(20, "big"))), new_id(), new_id()
    challenge = issue(SITE, wallet, customer=customer, nonce=nonce(), now=now())
    asked = RegisterCustomer(customer, f"eip155:1:{wallet.address}", "bench", challenge)
    context = Context("partner:bench", command, command, now())
    fingerprint = services.keys.fingerprint_of
    outcome = await services.executor.execute(lambda: register(customer, asked, fingerprint=fingerprint), context)
    return outcome.history[-1].position
