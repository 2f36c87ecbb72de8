"""Every way in which a vendor of screening can fail: it says nothing, is not called in vain, and tells nobody."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

import pytest
from tenacity import wait_none

from infrastructure import provider_api
from infrastructure.provider_api import FAILURES, LARGEST, PAUSE, TRIES
from tests.support.http import service_log
from tests.support.raw_server import Reply, Request, as_json
from tests.support.screening_vendors import CLEAN, KEY, LISTED, VENDORS, nothing_said, vendor

pytestmark = pytest.mark.anyio

CUSTOMER: Final = UUID(int=7)
QUESTION: Final = f"{CUSTOMER}/screen/1"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without a pause."""
    monkeypatch.setattr(provider_api, "wait_random_exponential", lambda **_: wait_none())


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


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
async def test_an_outage_of_any_kind_neither_clears_nor_accuses(
    name: str, fault: str, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "silent":
        monkeypatch.setattr(provider_api, "DEADLINE", 0.5)
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
    async with vendor(name) as (source, server):
        well = server.respond
        server.respond = lambda request: well(replace(request, headers={"content-type": "application/json"}))
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
                    server.respond = always(fault)
                await source.ask(f"eip155:1:{LISTED}", customer=CUSTOMER, key=QUESTION)
            assert KEY not in repr(source) + repr(vars(source))
    assert written.getvalue().count("provider_unavailable") == 3
    assert LISTED[2:10] not in written.getvalue().lower()
    assert KEY not in written.getvalue()
