"""A day without any provider: nobody passes, nobody is rejected, and nobody is asked without end."""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tenacity import wait_none

from infrastructure import provider_api
from infrastructure.provider_api import FAILURES, TRIES
from tests.support import sumsub as vendor
from tests.support.provider import Hands
from tests.support.raw_server import RawServer, Reply, Request, raw_server
from tests.support.screening_vendors import KEY, chainalysis_sanctions, trm
from tests.support.sumsub import SumsubServer, http, passport, sumsub_server
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

LOOK: Final = timedelta(minutes=10)
DAY: Final = timedelta(days=1)
LOOKS: Final = DAY // LOOK
UNDECIDED: Final = {"screening": 12, "verifying": 6, "active": 4}


def away(_: Request) -> Reply:
    """Nobody is there."""
    return Reply(503)


AWAY: Final = http("503 Service Unavailable")


class Providers:
    """All of them, which go away and return together."""

    def __init__(self, chainalysis: RawServer, trm_server: RawServer, sumsub: SumsubServer) -> None:
        self.servers = {"chainalysis": (chainalysis, chainalysis_sanctions), "trm": (trm_server, trm)}
        self.sumsub = sumsub

    def leave(self) -> None:
        for server, _ in self.servers.values():
            server.respond = away
        self.sumsub.troubles = [AWAY] * 100_000

    def come_back(self) -> None:
        for server, respond in self.servers.values():
            server.respond = respond
        self.sumsub.troubles = []

    @property
    def calls(self) -> list[int]:
        """How often each was called."""
        return [*(len(server.requests) for server, _ in self.servers.values()), len(self.sumsub.requests)]


@pytest.fixture
async def providers() -> AsyncIterator[Providers]:
    async with raw_server(chainalysis_sanctions) as one, raw_server(trm) as other, sumsub_server() as sumsub:
        yield Providers(one, other, sumsub)


@pytest.fixture
async def world(
    database: str, tmp_path: Path, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr(provider_api, "wait_random_exponential", lambda **_: wait_none())
    settings: dict[str, Any] = {
        "screening": "ofac,chainalysis_sanctions",
        "confirming": "trm",
        "chainalysis_sanctions_key": SecretStr(KEY),
        "chainalysis_sanctions_url": providers.servers["chainalysis"][0].url,
        "trm_key": SecretStr(KEY),
        "trm_url": providers.servers["trm"][0].url,
        "kyc": "sumsub",
        "sumsub_token": vendor.TOKEN,
        "sumsub_secret": vendor.SECRET,
        "sumsub_callback_secret": vendor.CALLBACK_SECRET,
        "sumsub_level": vendor.LEVEL,
        "sumsub_url": providers.sumsub.url,
    }
    async with running(database, tmp_path, **settings) as world:
        yield world


async def at(world: World, status: str, name: str) -> list[str]:
    """The customers of a group that are at a status now."""
    listed = (await world.partner.get(f"/v1/customers?status={status}&limit=200")).json()["customers"]
    return [customer["id"] for customer in listed if customer["externalId"].startswith(name)]


async def approved(world: World, providers: Providers, customers: list[str]) -> None:
    """Sumsub approves them, and every callback is lost: it is asked for its results."""
    for customer in customers:
        providers.sumsub.review(customer, "GREEN", info={"idDocs": [passport(uuid4().hex)]})
    with world.clock.moved(timedelta(hours=2)):
        await world.work()


async def test_a_day_without_providers_decides_nothing_and_calls_little(
    world: World, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = [(await world.verifying(Wallet(n), f"active-{n}"))["id"] for n in range(UNDECIDED["active"])]
    await approved(world, providers, inside)
    waiting = [(await world.verifying(Wallet(100 + n), f"verifying-{n}"))["id"] for n in range(UNDECIDED["verifying"])]
    providers.leave()
    for number in range(UNDECIDED["screening"]):
        wallet = Wallet(200 + number)
        await world.sign(await world.register(wallet, f"screening-{number}"), wallet)
    before = providers.calls
    hands = Hands()
    monkeypatch.setattr(time, "time", hands)
    for look in range(1, LOOKS + 1):
        hands.ahead = (LOOK * look).total_seconds()
        with world.clock.moved(LOOK * look):
            await world.work()
    for name, count in UNDECIDED.items():
        assert len(await at(world, name, name)) == count
    calls = [now - then for now, then in zip(providers.calls, before, strict=True)]
    assert max(calls) <= TRIES * (LOOKS + FAILURES)

    providers.come_back()
    hands.ahead = (DAY + timedelta(hours=1)).total_seconds()
    with world.clock.moved(DAY + timedelta(hours=1)):
        await world.work()
        screened = await at(world, "verifying", "screening")
        assert len(screened) == UNDECIDED["screening"]
        await approved(world, providers, [*waiting, *screened])
        await world.work()
        for name, count in UNDECIDED.items():
            assert len(await at(world, "active", name)) == count
