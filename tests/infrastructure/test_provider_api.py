"""Calls to providers: bounded in time, number, rate and size, against a real server that misbehaves."""

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Final

import httpx2
import pytest
from structlog.testing import capture_logs
from tenacity import wait_none

from application.ports import ProviderUnavailable
from infrastructure import provider_api
from infrastructure.metrics import PROVIDER_CALLS
from infrastructure.provider_api import FAILURES, LARGEST, LONGEST_PAUSE, PAUSE, TRIES, Answered, ProviderApi
from tests.support.http import service_log
from tests.support.raw_server import RawServer, Reply, Request, as_json, raw_server

pytestmark = pytest.mark.anyio

SECRET: Final = "hush-7f"
PATH: Final = "/of/0xca11ab1e"
OK: Final = as_json({"fine": True})
NUMBERS: Final = count()


class Hands:
    """The hands of the clock: `time.time`, moved by the test."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._true = time.time

    def __call__(self) -> float:
        return self._true() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(time, "time", hands)
    return hands


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without a pause."""
    monkeypatch.setattr(provider_api, "wait_random_exponential", lambda **_: wait_none())


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def after(*first: Reply, then: Reply = OK) -> Callable[[Request], Reply]:
    """Some replies one after the other, and then another for ever."""
    replies = iter(first)
    return lambda _: next(replies, then)


@asynccontextmanager
async def provider(
    respond: Callable[[Request], Reply], *, rate: str = "1000/second"
) -> AsyncIterator[tuple[ProviderApi, RawServer]]:
    signed = count(1)

    def sign(method: str, path: str, content: bytes) -> dict[str, str]:
        return {"x-signature": f"{SECRET} {method} {path} {content!r} {next(signed)}"}

    async with raw_server(respond) as server, httpx2.AsyncClient(trust_env=False) as client:
        name = f"provider{next(NUMBERS)}"
        yield ProviderApi(name, server.url + "/", client=client, sign=sign, rate=rate), server


async def outage(api: ProviderApi, path: str = PATH) -> int:
    """That a call fails, and what it says about coming back."""
    with pytest.raises(ProviderUnavailable) as raised:
        await api.call("GET", path)
    assert raised.value.__cause__ is None
    assert str(raised.value) == "the provider is unavailable"
    return raised.value.retry_after


def counted(api: ProviderApi, what: str) -> float:
    return float(PROVIDER_CALLS.labels(api.name, what)._value.get())  # noqa: SLF001 -- no other way to read it


async def test_an_answer_comes_as_it_was_sent() -> None:
    async with provider(always(Reply(201, b" \x00\xff"))) as (api, server):
        assert await api.call("POST", "/a?b=c", content=b"{}", expected=(200, 201)) == Answered(201, b" \x00\xff")

    [request] = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/a?b=c", b"{}")
    assert request.headers["x-signature"] == f"{SECRET} POST /a?b=c b'{{}}' 1"
    assert request.headers["accept-encoding"] == "identity"
    assert counted(api, "answered") == 1


@pytest.mark.parametrize(
    "passing",
    [
        Reply(500),
        Reply(502),
        Reply(503),
        Reply(504),
        Reply(408),
        Reply(raw=b""),
        Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
        Reply(body=b"{", length=100),
    ],
    ids=["500", "502", "503", "504", "408", "closed", "not HTTP", "cut short"],
)
async def test_what_may_pass_is_tried_again_a_few_times(passing: Reply) -> None:
    async with provider(after(*[passing] * (TRIES - 1))) as (api, server):
        assert (await api.call("GET", PATH)).body == OK.body
        assert len(server.requests) == TRIES

        server.respond = always(passing)
        assert await outage(api) == 0
        assert len(server.requests) == TRIES * 2


async def test_every_try_is_signed_anew() -> None:
    async with provider(after(Reply(500), Reply(500))) as (api, server):
        await api.call("GET", PATH)

    assert [request.headers["x-signature"].rpartition(" ")[2] for request in server.requests] == ["1", "2", "3"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422, 301, 302, 307, 204, 206])
async def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    elsewhere = {"location": "/elsewhere"}
    async with provider(always(Reply(status, headers=elsewhere, raw=None))) as (api, server):
        assert await outage(api) == 0
        assert [request.target for request in server.requests] == [PATH]
        assert counted(api, "refused") == 1


async def test_nobody_listening_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    async with httpx2.AsyncClient(trust_env=False) as client:
        name = f"provider{next(NUMBERS)}"
        api = ProviderApi(name, f"http://127.0.0.1:{port}", client=client, sign=lambda *_: {}, rate="9/second")
        assert await outage(api) == 0


@pytest.mark.parametrize("slow", [Reply(silent=True), Reply(drip=True, length=LARGEST)], ids=["silent", "dripping"])
async def test_a_call_ends_at_its_deadline(slow: Reply, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "DEADLINE", 0.2)
    async with provider(always(slow)) as (api, server):
        started = time.monotonic()
        assert await outage(api) == 0
        assert time.monotonic() - started < 2
        assert len(server.requests) == 1
        assert counted(api, "timeout") == 1


async def test_a_silent_provider_is_tried_again_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "TIMEOUT", httpx2.Timeout(0.05, connect=3.0))
    async with provider(after(Reply(silent=True))) as (api, server):
        assert (await api.call("GET", PATH)).status == 200
        assert len(server.requests) == 2


@pytest.mark.parametrize("endless", [False, True])
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(endless: bool) -> None:  # noqa: FBT001
    reply = Reply(body=b" " * (LARGEST + 1), drip=endless, length=LARGEST * 1000 if endless else None)
    async with provider(always(reply)) as (api, server):
        assert await outage(api) == 0
        assert len(server.requests) == 1
        server.respond = always(Reply(body=b" " * LARGEST))
        assert len((await api.call("GET", PATH)).body) == LARGEST


async def test_nothing_is_unpacked() -> None:
    bomb = Reply(body=gzip.compress(b" " * LARGEST * 64), headers={"content-encoding": "gzip"})
    async with provider(always(bomb)) as (api, server):
        assert await outage(api) == 0
        assert len(server.requests) == 1


def a_minute_on() -> str:
    return format_datetime(datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=60), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_who_asks_to_wait_is_not_called_until_then(status: int, form: str, clock: Hands) -> None:
    wanted = "60" if form == "seconds" else a_minute_on()
    async with provider(always(Reply(status, headers={"retry-after": wanted}))) as (api, server):
        assert 59 <= await outage(api) <= 60
        server.respond = always(OK)
        clock.ahead = 57.0
        assert 1 <= await outage(api) <= 4
        assert len(server.requests) == 1

        clock.ahead = 61.0
        assert (await api.call("GET", PATH)).status == 200


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        ("", 1),
        ("0", 1),
        ("-5", 1),
        ("soon", 1),
        ("1.5", 1),
        ("٣", 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 1),
        ("9" * 400, LONGEST_PAUSE),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_PAUSE),
        (f"Wed, 21 Oct {'9' * 30} 07:28:00 GMT", 1),
        (f"Wed, 21 Oct 2015 07:28:00 +{'9' * 30}", 1),
    ],
)
async def test_whatever_a_provider_asks_for_the_wait_has_an_end(wanted: str, seconds: int) -> None:
    raw = f"HTTP/1.1 429 No\r\nretry-after: {wanted}\r\ncontent-length: 0\r\n\r\n".encode()
    async with provider(always(Reply(raw=raw))) as (api, server):
        assert await outage(api) == seconds
        assert len(server.requests) == 1


async def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    replies = after(Reply(429, headers={"retry-after": "60"}), Reply(429))
    async with provider(replies) as (api, server):
        await asyncio.gather(outage(api), outage(api))
        assert len(server.requests) == 2
        assert await outage(api) > 50


async def test_who_keeps_failing_is_left_alone_and_then_tried_by_one_call(clock: Hands) -> None:
    async with provider(always(Reply(500))) as (api, server):
        for _ in range(FAILURES):
            assert await outage(api) == 0
        assert len(server.requests) == FAILURES * TRIES
        assert PAUSE - 5 < await outage(api) <= PAUSE
        assert len(server.requests) == FAILURES * TRIES

        clock.ahead = PAUSE + 1
        await asyncio.gather(*(outage(api) for _ in range(10)))
        assert len(server.requests) == (FAILURES + 1) * TRIES  # one trial failed, and nobody else called

        clock.ahead = 2 * PAUSE + 2
        server.respond = always(OK)
        assert (await api.call("GET", PATH)).status == 200
        await asyncio.gather(*(api.call("GET", PATH) for _ in range(3)))


async def test_those_who_wait_for_a_trial_follow_when_it_succeeds(clock: Hands) -> None:
    async with provider(always(Reply(404))) as (api, server):
        for _ in range(FAILURES):
            await outage(api)
        clock.ahead = PAUSE + 1
        server.respond = always(OK)
        answers = await asyncio.gather(*(api.call("GET", PATH) for _ in range(10)))
        assert [answer.status for answer in answers] == [200] * 10


async def test_failures_that_are_not_in_a_row_open_nothing() -> None:
    async with provider(always(OK)) as (api, server):
        for _ in range(3):
            server.respond = always(Reply(404))
            for _ in range(FAILURES - 1):
                await outage(api)
            server.respond = always(OK)
            await api.call("GET", PATH)


async def test_patience_asked_for_is_no_failure(clock: Hands) -> None:
    async with provider(always(Reply(429, headers={"retry-after": "1"}))) as (api, server):
        for _ in range(FAILURES * 2):
            assert await outage(api) == 1
            clock.ahead += 2
        assert len(server.requests) == FAILURES * 2


async def test_no_more_calls_are_made_than_the_rate_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "DEADLINE", 0.2)
    async with provider(always(OK), rate="5/hour") as (api, server):
        made = await asyncio.gather(*(api.call("GET", PATH) for _ in range(12)), return_exceptions=True)
        assert sum(isinstance(each, Answered) for each in made) == 5
        assert sum(isinstance(each, ProviderUnavailable) for each in made) == 7
        assert len(server.requests) == 5
        assert counted(api, "rate_limited") == 7
        assert counted(api, "left_alone") == 0


async def test_waiting_for_our_own_turn_opens_no_circuit(monkeypatch: pytest.MonkeyPatch, clock: Hands) -> None:
    monkeypatch.setattr(provider_api, "DEADLINE", 0.2)
    async with provider(always(OK), rate="1/hour") as (api, _):
        await asyncio.gather(*(api.call("GET", PATH) for _ in range(FAILURES * 2)), return_exceptions=True)
        clock.ahead = 3601
        assert (await api.call("GET", PATH)).status == 200


async def test_whose_turn_has_to_wait_gets_it_when_the_window_has_moved_on() -> None:
    async with provider(always(OK), rate="2/second") as (api, server):
        started = time.monotonic()
        await asyncio.gather(*(api.call("GET", PATH) for _ in range(3)))
        assert time.monotonic() - started > 0.9
        assert len(server.requests) == 3


async def test_tries_count_for_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "DEADLINE", 0.2)
    async with provider(always(Reply(500)), rate="2/hour") as (api, server):
        await outage(api)
        assert len(server.requests) == 2


async def test_a_call_that_is_given_up_leaves_the_next_ones_alone() -> None:
    async with provider(after(Reply(silent=True))) as (api, server):
        given_up = asyncio.ensure_future(api.call("GET", PATH))
        await server.asked.wait()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert given_up.cancelled()
        assert (await api.call("GET", PATH)).status == 200


async def test_neither_what_was_sent_nor_what_came_back_is_logged() -> None:
    told = Reply(403, b"you are 0xca11ab1e", {"location": "/0xca11ab1e"})
    with service_log() as written:
        async with provider(always(told)) as (api, server):
            await outage(api)
            server.respond = always(Reply(500, b"0xca11ab1e"))
            await outage(api)
            raise_later = api.unavailable("malformed")
    assert isinstance(raise_later, ProviderUnavailable)
    assert written.getvalue().count("provider_unavailable") == 3
    assert "ca11ab1e" not in written.getvalue()
    assert SECRET not in written.getvalue()


async def test_an_outage_is_logged_by_provider_cause_and_status() -> None:
    with capture_logs() as said:
        async with provider(always(Reply(401))) as (api, _):
            await outage(api)
    assert said == [
        {
            "event": "provider_unavailable",
            "provider": api.name,
            "why": "refused",
            "status": 401,
            "log_level": "warning",
        }
    ]
