"""The sides of `append` that are Python: `python -m bench.appenders SIDE`, one process each.

Each line of input is a turn, {"callers": n, "seconds": s}; each is answered with what it measured. A caller appends one
event to a stream of its own, waits until that is durable, and appends the next.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final
from uuid import UUID

import uvloop
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate

from application.envelope import Context
from application.executor import Executor
from application.handlers import Handling, Presumed
from bench.job import Outcome
from domain.events import WalletClaimed
from domain.vocabulary import Event
from infrastructure.bootstrap import open_services
from infrastructure.collector import spared_collector
from infrastructure.ids import new_id, now
from infrastructure.keys.deployment import load_keys
from infrastructure.settings import Settings

THREADS: Final = 16
FILLING: Final = "." * 30
"""Makes the stock library's event as long as ours."""


class Claim(Aggregate):
    """The same fact as the event that ours appends, as the library's documentation would have it."""

    def __init__(self, *, customer: UUID, actor: str, command: UUID, filling: str) -> None:
        self.customer = customer
        self.actor = actor
        self.command = command
        self.filling = filling


async def append_one(executor: Executor) -> None:
    """Append one event of about 300 bytes to a fresh stream, the way every change goes."""
    command, event = new_id(), WalletClaimed(customer=new_id())
    context = Context("system:bench", command, command, now())
    await executor.execute(lambda: _beginning(command, event), context)


def _beginning(stream: UUID, event: Event) -> Handling:
    """Begin a stream that nobody else has begun, presumed as a registration presumes it."""
    yield Presumed((stream,))
    return [(stream, (event,))]


async def take_turn(one: Callable[[], Awaitable[None]], callers: int, seconds: float) -> Outcome:
    """Let callers append, one after the other each, until the time is up."""
    latencies: list[float] = []
    cpu, start = process_time(), perf_counter()
    deadline, in_time = start + seconds, 0

    async def call() -> None:
        nonlocal in_time
        begun = perf_counter()
        while begun < deadline:
            await one()
            ended = perf_counter()
            latencies.append(ended - begun)
            in_time += ended < deadline
            begun = ended

    await asyncio.gather(*(call() for _ in range(callers)))
    return Outcome.of(latencies, in_time=in_time, seconds=seconds, cpu_seconds=process_time() - cpu)


def save_for(application: Application[UUID], seconds: float) -> tuple[list[float], int]:
    """Save one aggregate after another until the time is up: the latencies, and how many were in time."""
    latencies: list[float] = []
    begun = perf_counter()
    deadline = begun + seconds
    while begun < deadline:
        application.save(Claim(customer=new_id(), actor="system:bench", command=new_id(), filling=FILLING))
        ended = perf_counter()
        latencies.append(ended - begun)
        begun = ended
    return latencies, len(latencies) - (begun >= deadline)


async def gatehouse(turns: Iterable[dict[str, Any]]) -> None:
    """Our executor and journal, as a service has them."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as folder:
        keys = load_keys(Path(folder) / "keys", generate=True)
        async with open_services(Settings(data=Path(folder)), os.environ["DATABASE_URL"], keys) as services:
            with spared_collector():
                for turn in turns:
                    _answer(await take_turn(lambda: append_one(services.executor), turn["callers"], turn["seconds"]))


def stock_library(turns: Iterable[dict[str, Any]]) -> None:
    """The library as it comes, called from as many threads as its pool has connections."""
    application = Application[UUID]()
    with ThreadPoolExecutor(THREADS) as threads:
        for turn in turns:
            cpu = process_time()
            taken = list(threads.map(lambda _, s=turn["seconds"]: save_for(application, s), range(THREADS)))
            _answer(
                Outcome.of(
                    [latency for latencies, _ in taken for latency in latencies],
                    in_time=sum(in_time for _, in_time in taken),
                    seconds=turn["seconds"],
                    cpu_seconds=process_time() - cpu,
                )
            )


def _answer(outcome: Outcome) -> None:
    print(json.dumps(asdict(outcome)), flush=True)


def main(side: str) -> None:
    """Take turns until standard input ends."""
    turns = map(json.loads, sys.stdin)
    if side == "gatehouse":
        uvloop.run(gatehouse(turns))
    else:
        stock_library(turns)


if __name__ == "__main__":
    main(sys.argv[1])
