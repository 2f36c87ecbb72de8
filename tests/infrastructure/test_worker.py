"""Workers and the worklist: one lease a step, one key for every repetition of it, one recorded outcome."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from application.ports import (
    Answer,
    Applicant,
    ProviderUnavailable,
    Reported,
    ScreeningSource,
    Session,
    VerificationProvider,
)
from domain.events import ChallengeVerified, ScreeningFailed
from domain.findings import SourceReport
from infrastructure.bootstrap import open_services
from infrastructure.keys.deployment import load_keys
from infrastructure.projector import Projector
from infrastructure.screening import asking
from infrastructure.services import Services
from infrastructure.settings import Settings
from infrastructure.work import worker as worker_module
from infrastructure.work.worker import LEASE, Worker
from projections import PROJECTIONS
from tests.infrastructure.test_executor import adding, context, eventually, registration, rows
from tests.support.world import Wallet, running

pytestmark = pytest.mark.anyio

SIGNED: Final = ChallengeVerified(message="sign this", signature="0x", method="eip191", chain="eip155:1")
WORKLIST: Final = """
    SELECT customer, kind, attempt, due, wallet, caused_by, correlation FROM gatehouse.worklist ORDER BY customer
"""
# The hands of the clock: what a lease or a due time has left is over.
LEASES_RUN_OUT: Final = """
    UPDATE gatehouse.worklist SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL RETURNING 1
"""
DUE: Final = "UPDATE gatehouse.worklist SET due = now() - interval '1 second' WHERE due IS NOT NULL RETURNING 1"
FORGET: Final = """
    WITH gone AS (DELETE FROM gatehouse.worklist)
    DELETE FROM gatehouse.tracking WHERE projection = 'worklist' RETURNING 1
"""


@dataclass
class Source:
    """A screening source that finds nothing, and remembers who asked."""

    name: str = "source"
    asked: list[str] = field(default_factory=list)
    answers: bool = True
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody is answered before it is set."""

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        self.asked.append(key)
        await self.gate.wait()
        return Answer(SourceReport(source=self.name, answered=self.answers), b"nothing" if self.answers else b"")


@dataclass
class Provider:
    """A KYC provider that may be away."""

    name: str = "provider"
    asked: list[str] = field(default_factory=list)
    polled: list[str] = field(default_factory=list)
    away: ProviderUnavailable | None = None

    async def open(self, customer: UUID, *, key: str) -> Applicant:
        self.asked.append(key)
        if self.away:
            raise self.away
        return Applicant(self.name, f"applicant of {key}", "basic")

    async def session(self, customer: UUID, applicant: str, *, now: datetime) -> Session:
        raise ProviderUnavailable

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> Reported | None:
        return None

    async def poll(self, customer: UUID, applicant: str) -> Reported | None:
        self.polled.append(applicant)
        if self.away:
            raise self.away
        return None


def _ports(source: Source, provider: Provider) -> tuple[ScreeningSource, VerificationProvider]:
    """What the type checker makes of the fakes: adapters like any other."""
    return source, provider


@dataclass
class Work:
    """Services with fakes at their edges, and as many workers as a test likes."""

    database: str
    services: Services
    source: Source
    provider: Provider
    workers: list[Worker] = field(default_factory=list)

    def worker(self) -> Worker:
        self.workers.append(Worker(self.services, asyncio.Event()))
        return self.workers[-1]

    async def project(self) -> None:
        await Projector(self.services.conninfo, PROJECTIONS).catch_up()

    async def customers(self, count: int, *, first: int = 0) -> list[UUID]:
        """Customers whose wallets are to be screened."""
        executor = self.services.executor
        made = await asyncio.gather(*(executor.execute(registration(first + n), context()) for n in range(count)))
        await asyncio.gather(*(executor.execute(adding(each.stream, SIGNED), context()) for each in made))
        await self.project()
        return [each.stream for each in made]

    async def do(self) -> None:
        """Take everything that is due, once."""
        worker = self.worker()
        while await worker.take():
            await worker.idle()
            await self.project()

    def recorded(self, *types: str) -> int:
        query = "SELECT count(*) FROM gatehouse.stored_events WHERE topic = ANY(%s)"
        return int(rows(self.database, query, list(types))[0][0])

    def only(self, query: LiteralString) -> tuple[Any, ...]:
        """The one row that a query answers."""
        [row] = rows(self.database, query)
        return row


@asynccontextmanager
async def working(database: str, folder: Path, *, answering: bool = True) -> AsyncIterator[Work]:
    settings = Settings(data=folder)
    source, provider = Source(), Provider()
    if answering:
        source.gate.set()
    keys = load_keys(settings.keys_folder, generate=True)
    async with open_services(settings, database, keys) as services:
        asked, verifying = _ports(source, provider)
        work = Work(database, replace(services, sources=(asked,), provider=verifying), source, provider)
        try:
            yield work
        finally:
            for worker in work.workers:
                await died(worker)


async def died(worker: Worker) -> None:
    """End a worker in the midst of its work, as a kill of its process would."""
    tasks = list(worker._under_way)  # noqa: SLF001 -- nobody else knows them
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_workers_never_take_one_step(database: str, tmp_path: Path) -> None:
    async with working(database, tmp_path) as work:
        customers = await work.customers(100)
        one, other = work.worker(), work.worker()
        for _ in range(5):
            await asyncio.gather(one.take(), other.take())
            await asyncio.gather(one.idle(), other.idle())

    assert Counter(work.source.asked) == Counter(f"{customer}/screen/1" for customer in customers)
    assert work.recorded("ScreeningPassed") == 100


async def test_a_worker_takes_no_more_at_once_than_it_can_do(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "AT_ONCE", 4)
    async with working(database, tmp_path, answering=False) as work:
        await work.customers(10)
        worker = work.worker()
        await worker.take()
        await eventually(lambda: len(work.source.asked) == 4)
        assert rows(database, "SELECT count(*) FROM gatehouse.worklist WHERE leased_until > now()") == [(4,)]
        work.source.gate.set()
        while await worker.take():
            pass
        await worker.idle()

    assert len(work.source.asked) == 10


async def test_a_step_whose_worker_died_is_taken_again_under_its_key_and_recorded_once(
    database: str, tmp_path: Path
) -> None:
    async with working(database, tmp_path, answering=False) as work:
        [customer] = await work.customers(1)
        first = work.worker()
        assert await first.take()
        await eventually(lambda: work.source.asked)
        await died(first)

        work.source.gate.set()
        assert not await work.worker().take()
        assert len(rows(database, LEASES_RUN_OUT)) == 1
        await work.do()

    assert work.source.asked == [f"{customer}/screen/1"] * 2
    assert work.recorded("ScreeningAttempted") == 1
    assert work.recorded("ScreeningPassed") == 1


async def test_a_lease_is_held_for_as_long_as_a_step_may_take(database: str, tmp_path: Path) -> None:
    async with working(database, tmp_path, answering=False) as work:
        await work.customers(1)
        await work.worker().take()
        step, left = work.only("SELECT leased_step, leased_until - now() FROM gatehouse.worklist")

    assert step == "screen/1"
    assert timedelta() < left <= timedelta(seconds=LEASE)
    assert timedelta(seconds=LEASE) > timedelta(seconds=asking.ALL)


@pytest.mark.parametrize("late", ["it answers late", "its outcome is recorded but not projected yet"])
async def test_a_step_that_two_workers_did_is_recorded_once(database: str, tmp_path: Path, late: str) -> None:
    async with working(database, tmp_path, answering=late != "it answers late") as work:
        await work.customers(1)
        slow, other = work.worker(), work.worker()
        await slow.take()
        if late == "it answers late":
            await eventually(lambda: len(work.source.asked) == 1)
        else:
            await slow.idle()
        rows(database, LEASES_RUN_OUT)
        assert await other.take()
        await eventually(lambda: len(work.source.asked) == 2)
        work.source.gate.set()
        await slow.idle()
        await other.idle()

    assert len(set(work.source.asked)) == 1
    assert work.recorded("ScreeningAttempted") == 1
    assert work.recorded("ScreeningPassed") == 1


@pytest.mark.parametrize(
    ("asked_for", "seconds"), [(90, 90), (0, LEASE)], ids=["for so long", "for who knows how long"]
)
async def test_a_provider_that_is_away_is_asked_again_later(
    database: str, tmp_path: Path, asked_for: int, seconds: int
) -> None:
    async with working(database, tmp_path) as work:
        [customer] = await work.customers(1)
        work.provider.away = ProviderUnavailable(asked_for)
        await work.do()
        kind, left = work.only("SELECT kind, leased_until - now() FROM gatehouse.worklist")
        assert (kind, not await work.worker().take()) == ("open_verification", True)
        assert timedelta(seconds=seconds - 30) < left <= timedelta(seconds=seconds)

        work.provider.away = None
        rows(database, LEASES_RUN_OUT)
        await work.do()

    assert work.provider.asked == [f"{customer}/open_verification/1"] * 2
    assert work.recorded("VerificationStarted") == 1
    kind, left = work.only("SELECT kind, due - now() FROM gatehouse.worklist")
    assert (kind, timedelta(minutes=14) < left <= timedelta(minutes=15)) == ("await_verification", True)


def overdue(database: str) -> None:
    """Let everything be due, and every lease be over."""
    rows(database, DUE)
    rows(database, LEASES_RUN_OUT)


async def test_who_waits_for_a_result_is_asked_for_and_keeps_nobody_waiting(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(database, tmp_path) as work:
        waiting = await work.customers(3)
        await work.do()
        assert work.provider.polled == []
        await work.customers(5, first=3)
        overdue(database)
        monkeypatch.setattr(worker_module, "AT_ONCE", 5)
        worker = work.worker()
        assert await worker.take()
        await worker.idle()
        assert (len(work.source.asked), work.provider.polled) == (8, [])
        assert await worker.take()
        await worker.idle()
        assert sorted(work.provider.polled) == sorted(f"applicant of {each}/open_verification/1" for each in waiting)
        assert not await worker.take()


@pytest.mark.parametrize("retry_after", [0, 7])
async def test_a_provider_that_is_away_is_polled_no_sooner_for_it(
    database: str, tmp_path: Path, retry_after: int
) -> None:
    async with working(database, tmp_path) as work:
        await work.customers(1)
        await work.do()
        overdue(database)
        work.provider.away = ProviderUnavailable(retry_after)
        await work.do()
        [left] = work.only("SELECT leased_until - now() FROM gatehouse.worklist")

    assert len(work.provider.polled) == 1
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


async def test_another_providers_applicants_are_left_alone(database: str, tmp_path: Path) -> None:
    async with working(database, tmp_path) as work:
        await work.customers(1)
        await work.do()
        overdue(database)
        work.provider.name = "another"
        await work.do()

    assert work.provider.polled == []


async def test_an_outage_of_a_source_is_recorded_with_the_time_of_the_next_attempt(
    database: str, tmp_path: Path
) -> None:
    async with working(database, tmp_path) as work:
        [customer] = await work.customers(1)
        work.source.answers = False
        await work.do()
        streams = await work.services.reader.streams([customer])
        attempted = streams[customer][-1].event
        kind, attempt, due = work.only("SELECT kind, attempt, due FROM gatehouse.worklist")
        assert not await work.worker().take()

        work.source.answers = True
        rows(database, DUE)
        await work.do()

    assert (attempted.verdict, attempted.attempt) == ("retry", 1)  # type: ignore[attr-defined] # a ScreeningAttempted
    assert (kind, attempt, due) == ("screen", 2, attempted.due)  # type: ignore[attr-defined]
    assert due > datetime.now().astimezone()
    assert work.source.asked == [f"{customer}/screen/1", f"{customer}/screen/2"]
    assert work.recorded("ScreeningPassed") == 1


async def test_a_source_that_is_too_slow_counts_as_away(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.01)
    async with working(database, tmp_path, answering=False) as work:
        await work.customers(1)
        await work.do()

    assert work.recorded("ScreeningAttempted") == 1
    assert work.recorded("ScreeningPassed", "ScreeningFailed") == 0


async def test_one_step_that_fails_harms_no_other(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(database, tmp_path) as work:
        customers = await work.customers(3)
        ask = work.source.ask

        async def sometimes(wallet: str, *, customer: UUID, key: str) -> Answer:
            if customer == customers[1]:
                raise ZeroDivisionError
            return await ask(wallet, customer=customer, key=key)

        monkeypatch.setattr(work.source, "ask", sometimes)
        with capture_logs() as said:
            await work.do()
        assert [(line["event"], line.get("fault")) for line in said] == [("step_failed", "ZeroDivisionError")]
        assert work.recorded("ScreeningPassed") == 2
        monkeypatch.undo()
        rows(database, LEASES_RUN_OUT)
        await work.do()

    assert work.recorded("ScreeningPassed") == 3


async def test_what_became_pointless_in_the_meantime_is_refused_and_forgotten(database: str, tmp_path: Path) -> None:
    async with working(database, tmp_path, answering=False) as work:
        [customer] = await work.customers(1)
        worker = work.worker()
        await worker.take()
        await eventually(lambda: work.source.asked)
        failed = ScreeningFailed(
            attempt=0, findings=(), reasons=(), policy="screening-1", evidence=(), decided_by="officer:1"
        )
        await work.services.executor.execute(adding(customer, failed), context())
        work.source.gate.set()
        await worker.idle()
        await work.project()

    assert work.recorded("ScreeningAttempted") == 0
    assert rows(database, WORKLIST) == []


async def test_a_worker_wakes_up_when_it_is_called_and_works_through_a_broken_connection(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "POLL", 3600.0)
    async with working(database, tmp_path) as work:
        moved = asyncio.Event()
        life = asyncio.create_task(Worker(work.services, moved).run())
        try:
            await work.customers(1)
            moved.set()
            await eventually(lambda: work.recorded("ScreeningPassed") == 1)
            rows(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            await work.project()
            monkeypatch.setattr(worker_module, "POLL", 0.01)
            moved.set()
            await eventually(lambda: work.recorded("VerificationStarted") == 1)
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)


async def test_a_worklist_that_was_dropped_and_built_again_is_the_same(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await world.register(Wallet(1))
        await world.verifying(Wallet(2))
        await world.active(Wallet(3))
        outage = await world.register(Wallet(4))
        await world.partner.patch(f"/v1/simulator/customers/{outage['id']}/screening", json={"outcome": "outage"})
        await world.sign(outage, Wallet(4))
        await world.work()
        held = await world.verifying(Wallet(5))
        await world.partner.patch(f"/v1/simulator/customers/{held['id']}/verification", json={"outcome": "hold"})
        await world.sign(await world.register(Wallet(6)), Wallet(6))
        await world.project()
        before = rows(database, WORKLIST)
        rows(database, FORGET)
        assert rows(database, WORKLIST) == []
        await world.project()

    assert rows(database, WORKLIST) == before
    assert Counter((row[1], row[2], row[3] is None) for row in before) == {
        ("monitor", 1, False): 1,
        ("await_signature", 0, True): 1,
        ("await_verification", 1, False): 2,
        ("screen", 2, False): 1,
        ("screen", 1, False): 1,
    }


LOOKS: Final = """
    INSERT INTO gatehouse.worklist
    SELECT gen_random_uuid(), 'monitor', 1, now() - interval '1 day', wallet, caused_by, correlation
    FROM gatehouse.worklist, generate_series(1, 40) RETURNING 1
"""


async def test_whoever_is_on_the_way_in_does_not_wait_for_daily_looks(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "AT_ONCE", 8)
    async with working(database, tmp_path) as work:
        (customer,) = await work.customers(1)
        rows(database, LOOKS)
        worker = work.worker()
        await worker.take()
        await worker.idle()

    assert work.source.asked[0] == f"{customer}/screen/1"
    assert len(work.source.asked) <= 1 + 8 // 2
