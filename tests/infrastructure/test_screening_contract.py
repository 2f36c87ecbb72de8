"""One contract for every screening source: what it finds, what an outage says, and what is kept and told of it."""

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx2
import pytest
from psycopg_pool import AsyncConnectionPool
from tenacity import wait_none

from application.ports import Answer, ScreeningSource, Unreadable
from domain.findings import SourceReport
from infrastructure import provider_api
from infrastructure.administration import sample_adopted
from infrastructure.bootstrap import open_services
from infrastructure.keys import load_keys
from infrastructure.provider_api import FAILURES, LARGEST, PAUSE, TRIES
from infrastructure.sandbox.source import SandboxSource
from infrastructure.screening.ofac import OfacList
from infrastructure.screening.readers import READERS
from infrastructure.settings import Settings
from tests.support.http import service_log
from tests.support.raw_server import RawServer, Reply, as_json, raw_server
from tests.support.screening_vendors import CLEAN, KEY, LISTED, VENDORS

pytestmark = pytest.mark.anyio

CUSTOMER: Final = UUID(int=7)
QUESTION: Final = f"{CUSTOMER}/screen/1"
SOURCES: Final = [*VENDORS, "ofac", "sandbox"]
JUDGES: Final = frozenset({"chainalysis_risk"})
"""They judge a wallet: they list nobody, and find something about everybody."""
NAMELESS: Final = frozenset({"chainalysis_sanctions"})
"""Their answers do not name the wallet."""
WRITTEN: Final = [LISTED, "0x" + LISTED[2:].upper(), "0x1da5821544e25c636c1417Ba96Ade4Cf6D2f9B5A"]


@dataclass
class Asking:
    """A source, and how to break it."""

    source: ScreeningSource
    break_off: Callable[[], Awaitable[None]]
    listed: Callable[[], Awaitable[None]]
    """Has `LISTED` listed, where a source does not know by itself."""

    async def ask(self, address: str, chain: int = 1) -> Answer:
        return await self.source.ask(f"eip155:{chain}:{address}", customer=CUSTOMER, key=QUESTION)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without a pause, and nothing is waited for long."""
    monkeypatch.setattr(provider_api, "wait_random_exponential", lambda **_: wait_none())
    monkeypatch.setattr(provider_api, "TIMEOUT", httpx2.Timeout(0.1, connect=3.0))


@pytest.fixture(params=SOURCES)
async def asking(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Asking]:
    async with AsyncExitStack() as stack:
        if request.param in VENDORS:
            source, server = await stack.enter_async_context(vendor(request.param))
            yield Asking(source, _breaking(server), _nothing)
        else:
            database = request.getfixturevalue("database")
            yield await stack.enter_async_context(_ours(request.param, database, tmp_path))


async def _nothing() -> None:
    """It is so already."""


def _breaking(server: RawServer) -> Callable[[], Awaitable[None]]:
    async def break_off() -> None:
        server.respond = lambda _: Reply(500)

    return break_off


@asynccontextmanager
async def vendor(name: str) -> AsyncIterator[tuple[ScreeningSource, RawServer]]:
    known = VENDORS[name]
    async with raw_server(known.server()) as server, httpx2.AsyncClient(trust_env=False) as client:
        yield known.adapter(server.url, client), server


@asynccontextmanager
async def _ours(name: str, database: str, folder: Path) -> AsyncIterator[Asking]:
    settings = Settings(data=folder)
    keys = load_keys(settings.keys_folder, generate=True)
    async with open_services(settings, database, keys) as services:
        assert services.sandbox is not None
        scripts = services.sandbox.scripts
        if name == "ofac":
            await sample_adopted(services, settings)
            gone = AsyncConnectionPool("host=/nowhere", open=False)
            source = OfacList(services.pool)

            async def away() -> None:
                source._pool = gone  # type: ignore[assignment]  # noqa: SLF001 -- its database goes away

            yield Asking(source, away, _nothing)
        else:
            yield Asking(
                SandboxSource(scripts),
                lambda: scripts.write(CUSTOMER, "screening", "outage"),
                lambda: scripts.write(CUSTOMER, "screening", "hit"),
            )


def nothing_said(answer: Answer, source: str) -> None:
    """That an answer is an outage, and says nothing else."""
    expected = SourceReport(source=source, answered=False, retry_after=answer.report.retry_after)
    assert answer == Answer(expected, b"")


async def test_a_clean_wallet_has_nothing_grave(asking: Asking) -> None:
    report = (await asking.ask(CLEAN)).report

    assert (report.source, report.answered, report.grave, report.listed) == (asking.source.name, True, False, False)
    assert bool(report.findings) == (asking.source.name in JUDGES)


@pytest.mark.parametrize("address", WRITTEN, ids=["lower case", "upper case", "mixed case"])
@pytest.mark.parametrize("chain", [1, 137])
async def test_a_listed_wallet_is_found_however_it_is_written_and_on_every_chain(
    asking: Asking, address: str, chain: int
) -> None:
    await asking.listed()
    report = (await asking.ask(address, chain)).report

    assert (report.answered, report.grave) == (True, True)
    assert report.listed == (asking.source.name not in JUDGES)
    assert {finding.severity for finding in report.findings} == {"severe"}


@pytest.mark.parametrize("address", [CLEAN, LISTED])
async def test_what_is_kept_says_the_same_when_it_is_read_again(asking: Asking, address: str) -> None:
    if address == LISTED:
        await asking.listed()
    answer = await asking.ask(address)

    assert answer.payload
    assert READERS[asking.source.name](f"eip155:1:{address}", answer.payload) == answer.report.findings


async def test_a_repeated_question_has_the_same_answer(asking: Asking) -> None:
    await asking.listed()
    assert await asking.ask(LISTED) == await asking.ask(LISTED)


async def test_an_outage_says_nothing(asking: Asking) -> None:
    await asking.listed()
    await asking.break_off()

    nothing_said(await asking.ask(LISTED), asking.source.name)


async def test_what_is_kept_of_one_wallet_says_nothing_of_another(asking: Asking) -> None:
    payload = (await asking.ask(CLEAN)).payload
    if CLEAN not in payload.decode().lower():
        assert asking.source.name in NAMELESS
        return
    with pytest.raises(Unreadable):
        READERS[asking.source.name](f"eip155:1:{LISTED}", payload)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{}", b"clean", b"\xff\xfe", b"[" * 100_000, b"{" * 1000])
@pytest.mark.parametrize("name", READERS)
def test_what_was_never_a_payload_is_unreadable(name: str, payload: bytes) -> None:
    with pytest.raises(Unreadable):
        READERS[name](f"eip155:1:{CLEAN}", payload)


def test_every_source_can_be_read_again() -> None:
    assert set(READERS) == set(SOURCES)


def no_json(body: bytes = b"<html>You are clean</html>") -> Reply:
    return Reply(body=body, headers={"content-type": "text/html"})


OUTAGES: Final = {
    "bad key": Reply(401),
    "forbidden": Reply(403),
    "not found": Reply(404),
    "unprocessable": Reply(422),
    "redirect": Reply(302, headers={"location": "https://example.com/clean"}),
    "no content": Reply(204),
    "too many requests": Reply(429),
    "failed": Reply(500, b'{"identifications": []}'),
    "unavailable": Reply(503),
    "silent": Reply(silent=True),
    "closed at once": Reply(raw=b""),
    "not HTTP": Reply(raw=b"220 ready\r\n\r\n"),
    "empty": Reply(),
    "broken JSON": Reply(body=b'{"identifications": ['),
    "cut short": Reply(body=b'{"identifications": []', length=1000),
    "too large": Reply(body=b'{"identifications": []}' + b" " * LARGEST),
    "packed": Reply(body=gzip.compress(b'{"identifications": []}'), headers={"content-encoding": "gzip"}),
    "a page": no_json(),
    "not UTF-8": no_json(b'{"identifications": [], "risk": "\xff"}'),
    "null": as_json(None),
    "a string": as_json("clean"),
    "a number": as_json(0),
    "an empty list": as_json([]),
    "an empty object": as_json({}),
    "an error": as_json({"error": "no lists"}),
    "other types": as_json({"identifications": {}, "address": 1, "risk": None, "entities": "", "listHashes": []}),
}


@pytest.mark.parametrize("fault", OUTAGES)
@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize("which", ["every call", "the last call"])
async def test_an_outage_of_any_kind_neither_clears_nor_accuses(name: str, fault: str, which: str) -> None:
    async with vendor(name) as (source, server):
        well, calls = server.respond, VENDORS[name].calls if which == "the last call" else 1
        server.respond = lambda request: OUTAGES[fault] if len(server.requests) >= calls else well(request)
        answer = await source.ask(f"eip155:1:{LISTED}", customer=CUSTOMER, key=QUESTION)

        nothing_said(answer, name)
        assert len(server.requests) <= calls - 1 + TRIES
        if fault == "too many requests":
            assert answer.report.retry_after == 1


@pytest.mark.parametrize("name", VENDORS)
async def test_an_answer_that_never_ends_is_an_outage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "DEADLINE", 0.2)
    async with vendor(name) as (source, server):
        server.respond = lambda _: Reply(body=b"[", drip=True, length=LARGEST)
        nothing_said(await source.ask(f"eip155:1:{LISTED}", customer=CUSTOMER, key=QUESTION), name)


@pytest.mark.parametrize("name", VENDORS)
async def test_a_vendor_that_asks_to_wait_is_not_called_meanwhile(name: str) -> None:
    async with vendor(name) as (source, server):
        server.respond = lambda _: Reply(429, headers={"retry-after": "120"})
        waits = [
            (await source.ask(f"eip155:1:{CLEAN}", customer=CUSTOMER, key=QUESTION)).report.retry_after
            for _ in range(3)
        ]
        assert all(wait and 110 < wait <= 120 for wait in waits)
        assert len(server.requests) == 1


@pytest.mark.parametrize("name", VENDORS)
async def test_a_vendor_that_is_down_is_left_alone_soon(name: str) -> None:
    async with vendor(name) as (source, server):
        server.respond = lambda _: Reply(500)
        for _ in range(50):
            answer = await source.ask(f"eip155:1:{CLEAN}", customer=CUSTOMER, key=QUESTION)
        assert len(server.requests) == FAILURES * TRIES
        assert 0 < (answer.report.retry_after or 0) <= PAUSE


@pytest.mark.parametrize("name", [name for name, known in VENDORS.items() if known.keyed])
async def test_a_key_that_is_not_accepted_passes_nobody(name: str) -> None:
    async with raw_server(VENDORS[name].server()) as server, httpx2.AsyncClient(trust_env=False) as client:
        source = VENDORS[name].adapter(server.url, client)
        well = server.respond
        server.respond = lambda request: well(
            type(request)(request.method, request.target, {"content-type": "application/json"}, request.body)
        )
        nothing_said(await source.ask(f"eip155:1:{CLEAN}", customer=CUSTOMER, key=QUESTION), name)


@pytest.mark.parametrize("wallet", ["bip122:000:1abc", "eip155:1:0x12", f"eip155:1:{CLEAN}/../x", CLEAN, ""])
@pytest.mark.parametrize("name", VENDORS)
async def test_a_wallet_that_the_vendor_cannot_know_is_not_asked_for(name: str, wallet: str) -> None:
    async with vendor(name) as (source, server):
        nothing_said(await source.ask(wallet, customer=CUSTOMER, key=QUESTION), name)
        assert server.requests == []


@pytest.mark.parametrize("name", VENDORS)
async def test_neither_keys_nor_addresses_reach_the_log(name: str) -> None:
    with service_log() as written:
        for fault in (Reply(403, LISTED.encode()), Reply(500), Reply(body=json.dumps([LISTED]).encode()), None):
            async with vendor(name) as (source, server):
                if fault:
                    server.respond = lambda _, fault=fault: fault
                await source.ask(f"eip155:1:{LISTED}", customer=CUSTOMER, key=QUESTION)
            assert KEY not in repr(source) + repr(vars(source))
    assert written.getvalue().count("provider_unavailable") == 3
    assert LISTED[2:10] not in written.getvalue().lower()
    assert KEY not in written.getvalue()
