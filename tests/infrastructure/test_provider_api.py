"""Calls to providers: bounded in time, number and size, against a real server that misbehaves."""

import gzip
import socket
import time

import httpx2
import pytest
from structlog.testing import capture_logs
from tenacity import wait_none

from application.ports import ProviderUnavailable
from infrastructure import provider_api
from infrastructure.provider_api import LARGEST, TRIES, Answered, ProviderApi
from tests.support.http import service_log
from tests.support.provider import NUMBERS, OK, PATH, SECRET, after, always, counted, outage, provider
from tests.support.raw_server import Reply

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without a pause."""
    monkeypatch.setattr(provider_api, "wait_random_exponential", lambda **_: wait_none())


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
    monkeypatch.setattr(provider_api, "DEADLINE", 0.5)
    async with provider(always(slow)) as (api, server):
        started = time.monotonic()
        assert await outage(api) == 0
        assert time.monotonic() - started < 5
        assert len(server.requests) == 1
        assert counted(api, "timeout") == 1


async def test_a_silent_provider_is_tried_again_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "TIMEOUT", httpx2.Timeout(0.5, connect=3.0))
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
