"""A thousand open streams of public events in one process: what they cost, and how soon everybody hears everything.

Partners register customers at a steady rate; each of their streams hears of each. One `serve`, and a `work` beside it.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import UUID

import uvloop

from application.envelope import Context
from application.handlers import register
from bench import sides
from bench.footprint import memory_mb, watch_memory
from bench.lag import SITE, summary
from bench.postgres import Database, postgres
from bench.report import BenchError, Report, Target
from bench.server import Launch, Server, serving
from bench.stream_reader import Heard, StreamReader, follow
from bench.subprocesses import running
from bench.traffic import checksummed
from domain.challenge import issue
from domain.commands import RegisterCustomer
from domain.wallet import Wallet
from infrastructure.administration import IssuedKey, issue_key
from infrastructure.bootstrap import keys_for, open_services
from infrastructure.ids import new_id, nonce, now
from infrastructure.migrate import migrate
from infrastructure.services import Services
from infrastructure.settings import Settings

MORE_BELOW_MB: Final = 150.0
AT_ONCE: Final = 50
"""Streams that are opened at once."""
PATIENCE: Final = 30.0


@dataclass(frozen=True)
class Plan:
    """How many partners with how many streams each, and how many customers they register, how fast."""

    partners: int
    streams: int
    customers: int
    per_s: float


FULL: Final = Plan(partners=50, streams=20, customers=1500, per_s=50.0)
QUICK: Final = Plan(partners=50, streams=20, customers=200, per_s=50.0)


@dataclass(frozen=True)
class Measured:
    """What came of a plan. Memory is that of `serve`."""

    heard: Heard
    expected: int
    before_mb: float
    open_mb: float
    peak_mb: float


def run(*, quick: bool) -> Report:
    """Open the streams, then register and listen."""
    plan = QUICK if quick else FULL
    with postgres() as machine:
        return report(measure(machine.create_database("gatehouse"), machine.folder, plan), plan, machine.version())


def measure(database: Database, folder: Path, plan: Plan) -> Measured:
    """Carry out a plan."""
    migrate(database.conninfo)
    environment = {**sides.environment_of(database), "GATEHOUSE_DATA": str(folder / "data")}

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "infrastructure", "serve", "--no-workers", "--port", str(port)]

    settings = Settings(data=folder / "data")
    keys = keys_for(settings, database.conninfo)

    async def within(server: Server) -> Measured:
        async with open_services(settings, database.conninfo, keys) as services:
            return await _measured(services, server, plan)

    with (
        serving("gatehouse", Launch(command=command, environment=environment), folder=folder) as server,
        running("infrastructure", "work", "--attached", environment=environment),
    ):
        return uvloop.run(within(server))


async def _measured(services: Services, server: Server, plan: Plan) -> Measured:
    partners = [await issue_key(services, role="partner", name=f"bench {n}") for n in range(plan.partners)]
    await _register(services, partners, plan.partners, plan.per_s)  # whatever is made once is made before
    warm = [await follow(server.port, partner.key, Heard()) for partner in partners]
    for stream in warm:
        stream.close()
    before = memory_mb(server.pid)
    heard = Heard()
    streams = await _opened(server.port, [partner.key for partner in partners] * plan.streams, heard)
    reading = [asyncio.create_task(stream.run()) for stream in streams]
    await _until(heard, len(streams))
    opened = memory_mb(server.pid)
    heard.seconds.clear()
    expected = len(streams) + plan.customers * plan.streams
    with watch_memory(server.pid) as peak:
        await _register(services, partners, plan.customers, plan.per_s)
        await _until(heard, expected)
    for stream in streams:
        stream.close()
    await asyncio.gather(*reading)
    return Measured(heard, expected, before, opened, peak.mb)


async def _opened(port: int, keys: Sequence[str], heard: Heard) -> list[StreamReader]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(key: str) -> StreamReader:
        async with room:
            return await follow(port, key, heard)

    return await asyncio.gather(*map(one, keys))


async def _register(services: Services, partners: Sequence[IssuedKey], customers: int, per_s: float) -> None:
    """Register customers at a steady rate, of one partner after the other."""
    start = perf_counter()

    async def one(number: int) -> None:
        await asyncio.sleep(start + number / per_s - perf_counter())
        await _registered(services, partners[number % len(partners)].partner)

    await asyncio.gather(*map(one, range(customers)))


async def _registered(services: Services, partner: UUID | None) -> None:
    if partner is None:
        raise BenchError("a partner's key has no partner")
    customer = new_id()
    wallet = Wallet("1", checksummed(customer.bytes + bytes(4)))
    challenge = issue(SITE, wallet, customer=customer, nonce=nonce(), now=now())
    asked = RegisterCustomer(partner, f"eip155:1:{wallet.address}", "bench", challenge)
    context = Context(f"partner:{partner}", new_id(), new_id(), now())
    fingerprint = services.keys.fingerprint_of
    await services.executor.execute(lambda: register(customer, asked, fingerprint=fingerprint), context)


async def _until(heard: Heard, events: int) -> None:
    deadline = perf_counter() + PATIENCE
    while heard.events < events:
        if perf_counter() > deadline:
            raise BenchError(f"{heard.events} of {events} events were heard")
        await asyncio.sleep(0.01)


def report(measured: Measured, plan: Plan, version: str) -> Report:
    """Compare with the targets."""
    more = round(max(measured.open_mb, measured.peak_mb) - measured.before_mb, 1)
    wrong = measured.heard.out_of_order + abs(measured.expected - measured.heard.events)
    delays = summary(measured.heard.seconds)
    figures = {
        "streams": plan.partners * plan.streams,
        "memory_mb": {
            "before": round(measured.before_mb, 1),
            "open": round(measured.open_mb, 1),
            "peak": round(measured.peak_mb, 1),
        },
        "delivered": len(measured.heard.seconds),
        "delay": delays,
        "postgresql": version,
    }
    return Report(
        bench="streams",
        figures=figures,
        targets=[
            Target(name="more_mb", measured=more, sense="below", bound=MORE_BELOW_MB),
            Target(name="missed_or_out_of_order", measured=wrong, sense="at_most", bound=0),
        ],
        columns=("from the log to a reader", "ms"),
        rows=[(name, f"{value:,.1f}") for name, value in delays.items()],
    )
