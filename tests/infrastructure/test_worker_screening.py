"""Screening by several sources: asked in order, no further than is needed, and by others too where one is in doubt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from application.ports import Answer, ScreeningSource
from domain.events import ScreeningAttempted, ScreeningFailed
from domain.findings import Finding, Severity, SourceReport
from infrastructure.bootstrap import open_services
from infrastructure.keys.deployment import load_keys
from infrastructure.projector import Projector
from infrastructure.screening import asking
from infrastructure.screening.asking import ask_in_order
from infrastructure.services import Services
from infrastructure.settings import Settings
from infrastructure.work.worker import Worker
from projections import PROJECTIONS
from tests.infrastructure.test_executor import adding, context, registration, rows
from tests.infrastructure.test_worker import DUE, SIGNED
from tests.support.raw_server import as_json, raw_server
from tests.support.screening_vendors import CLEAN

pytestmark = pytest.mark.anyio

WALLET: Final = f"eip155:1:{CLEAN}"
GRAVE: Final = Finding(category="illicit_funds", severity=Severity.HIGH)
MATCH: Final = Finding(category="sanctions", severity=Severity.SEVERE, listed=True)


@dataclass
class Source:
    """A source that says what the test has it say; None is an outage, and `slow` one that never ends."""

    name: str
    asked: list[str]
    says: tuple[Finding, ...] | None = ()
    slow: bool = False
    keys: list[str] = field(default_factory=list)

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        self.asked.append(self.name)
        self.keys.append(key)
        if self.slow:
            await asyncio.Event().wait()
        if self.says is None:
            return Answer(SourceReport(source=self.name, answered=False))
        return Answer(SourceReport(source=self.name, answered=True, findings=self.says), self.name.encode())


async def ask(*sources: ScreeningSource) -> list[tuple[str, bool]]:
    """Who answered, and who did not."""
    answers = await ask_in_order(sources, WALLET, customer=UUID(int=1), key="")
    return [(answer.report.source, answer.report.answered) for answer in answers]


async def test_sources_are_asked_one_after_the_other() -> None:
    asked: list[str] = []
    sources = Source("b", asked), Source("a", asked, None), Source("c", asked, (GRAVE,)), Source("d", asked)
    assert await ask(*sources) == [("b", True), ("a", False), ("c", True), ("d", True)]
    assert asked == ["b", "a", "c", "d"]


async def test_an_exact_sanctions_match_ends_the_asking() -> None:
    asked: list[str] = []
    assert await ask(Source("a", asked, None), Source("b", asked, (MATCH,)), Source("c", asked)) == [
        ("a", False),
        ("b", True),
    ]
    assert asked == ["a", "b"]


async def test_a_slow_source_keeps_nobody_waiting_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.02)
    assert await ask(Source("a", [], slow=True), Source("b", [])) == [("a", False), ("b", True)]


async def test_all_sources_together_end_before_the_lease_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "ALL", 0.02)
    async with asyncio.timeout(10):
        assert await ask(*(Source(str(n), [], slow=True) for n in range(9))) == [(str(n), False) for n in range(9)]


@dataclass
class Work:
    """One customer who is screened by fakes."""

    database: str
    services: Services
    asked: list[str]

    async def customer(self) -> UUID:
        executor = self.services.executor
        made = (await executor.execute(registration(1), context())).stream
        await executor.execute(adding(made, SIGNED), context())
        return made

    async def do(self) -> None:
        """Take what is due, and what is due later too."""
        projector = Projector(self.services.conninfo, PROJECTIONS)
        await projector.catch_up()
        rows(self.database, DUE)
        worker = Worker(self.services, asyncio.Event())
        await worker.take()
        await worker.idle()
        await projector.catch_up()

    async def events(self, customer: UUID) -> list[Any]:
        return [envelope.event for envelope in (await self.services.reader.streams([customer]))[customer]]


@asynccontextmanager
async def working(
    database: str, folder: Path, sources: tuple[Source, ...], confirming: tuple[Source, ...] = ()
) -> AsyncIterator[Work]:
    settings = Settings(data=folder)
    keys = load_keys(settings.keys_folder, generate=True)
    async with open_services(settings, database, keys) as services:
        yield Work(database, replace(services, sources=sources, confirming=confirming), sources[0].asked)


async def test_a_listed_wallet_is_rejected_without_asking_further(database: str, tmp_path: Path) -> None:
    asked: list[str] = []
    async with working(database, tmp_path, (Source("ofac", asked, (MATCH,)), Source("paid", asked))) as work:
        customer = await work.customer()
        await work.do()
        *_, attempted, failed = await work.events(customer)

    assert asked == ["ofac"]
    assert isinstance(attempted, ScreeningAttempted)
    assert [report.source for report in attempted.reports] == ["ofac"]
    assert isinstance(failed, ScreeningFailed)
    assert failed.reasons == ("sanctions_match",)
    assert len(failed.evidence) == 1


async def test_who_confirms_is_asked_once_there_is_something_to_confirm(database: str, tmp_path: Path) -> None:
    asked: list[str] = []
    first, second = Source("first", asked, (GRAVE,)), Source("second", asked, None)
    async with working(database, tmp_path, (first,), (second,)) as work:
        customer = await work.customer()
        await work.do()
        assert asked == ["first"]
        await work.do()
        assert asked == ["first", "first", "second"]  # the second was out, and nothing is decided
        second.says = (GRAVE,)
        await work.do()
        *_, failed = await work.events(customer)

    assert asked == ["first", "first", "second", "first", "second"]
    assert second.keys == [f"{customer}/screen/{attempt}" for attempt in (2, 3)]
    assert isinstance(failed, ScreeningFailed)
    assert failed.reasons == ("confirmed_by_two_sources",)


async def test_nobody_confirms_what_was_only_an_outage(database: str, tmp_path: Path) -> None:
    asked: list[str] = []
    first = Source("first", asked, None)
    async with working(database, tmp_path, (first,), (Source("second", asked),)) as work:
        await work.customer()
        for _ in range(3):
            await work.do()

    assert asked == ["first"] * 3


@pytest.mark.parametrize("sanctioned", [False, True])
async def test_a_chosen_vendor_decides_and_its_answer_is_kept(
    database: str, tmp_path: Path, *, sanctioned: bool
) -> None:
    said = as_json([{"address": f"0x{1:040x}", "isSanctioned": sanctioned}], 201)
    async with raw_server(lambda _: said) as server:
        settings = Settings(data=tmp_path, screening="trm", trm_url=server.url)
        keys = load_keys(settings.keys_folder, generate=True)
        async with open_services(settings, database, keys) as services:
            work = Work(database, services, [])
            customer = await work.customer()
            await work.do()
            [attempted] = [event for event in await work.events(customer) if isinstance(event, ScreeningAttempted)]

    [report, *others] = attempted.reports
    assert (report.source, report.answered, report.listed) == ("trm", True, sanctioned)
    assert [other.source for other in others] == ([] if sanctioned else ["sandbox"])
    assert report.evidence == sha256(said.body).hexdigest()
    assert attempted.verdict == ("fail" if sanctioned else "clear")
    assert rows(database, "SELECT count(*) FROM gatehouse.evidence WHERE digest = sha256(%s)", said.body) == [(1,)]
