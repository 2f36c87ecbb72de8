"""One contract for every screening source: what it finds, what an outage says, and what is kept and told of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from psycopg_pool import AsyncConnectionPool
from tenacity import wait_none

from application.ports import Answer, ScreeningSource, Unreadable
from infrastructure import provider_api
from infrastructure.administration import sample_adopted
from infrastructure.bootstrap import open_services
from infrastructure.keys.deployment import load_keys
from infrastructure.sandbox.source import SandboxSource
from infrastructure.screening.ofac import OfacList
from infrastructure.screening.readers import READERS
from infrastructure.settings import Settings
from tests.support.raw_server import RawServer, Reply
from tests.support.screening_vendors import CLEAN, LISTED, VENDORS, nothing_said, vendor

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
    """Tries follow each other without a pause."""
    monkeypatch.setattr(provider_api, "wait_random_exponential", lambda **_: wait_none())


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
                source._pool = gone  # noqa: SLF001 -- its database goes away

            yield Asking(source, away, _nothing)
        else:
            yield Asking(
                SandboxSource(scripts),
                lambda: scripts.write(CUSTOMER, "screening", "outage"),
                lambda: scripts.write(CUSTOMER, "screening", "hit"),
            )


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
