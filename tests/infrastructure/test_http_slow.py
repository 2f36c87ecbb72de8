"""Callers that are slow, silent, or too many, on real sockets; our patience is shortened."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

import pytest

from infrastructure.http import connections, protocol
from infrastructure.http.connections import Connections
from infrastructure.http.protocol import MOST_FIELDS
from tests.conftest import Server
from tests.support.http import Raw, assert_no_canary, connected, fresh_wallet, head_of, send_raw
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

PATIENCE: Final = 0.3
FEW: Final = 10
GET: Final = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD", "BODY", "UNWANTED", "UNREAD"):
        monkeypatch.setattr(protocol, name, PATIENCE)
    monkeypatch.setattr(protocol, "PACE", 10**9)


@pytest.fixture(scope="module", autouse=True)
def _looks_often() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "LOOK", 0.02)
        yield


@pytest.fixture(scope="module")
async def small(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    folder: Path = tmp_path_factory.mktemp("small")
    async with running(conninfo, folder, connections=FEW) as world:
        yield world
    server.drop(conninfo)


async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bool:
    """Whether the service ends the connection while it is sent a byte now and then."""
    ended = asyncio.create_task(_read_to_end(reader))
    for byte in data:
        writer.write(bytes([byte]))
        with suppress(ConnectionError):
            await writer.drain()
        done, _ = await asyncio.wait({ended}, timeout=0.01)
        if done:
            return True
    ended.cancel()
    return False


async def _read_to_end(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        await reader.read()


def registration(world: World, length: int) -> bytes:
    """The head of a registration that announces a body."""
    return (
        f"POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {world.partner.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def assert_timed_out(answer: Raw) -> None:
    """408, and nothing of what was sent."""
    assert (answer.status, json.loads(answer.body)["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    assert_no_canary(str(answer))


async def test_whoever_says_nothing_is_left_without_a_word(world: World) -> None:
    async with connected(world) as (reader, _):
        assert await reader.read() == b""


async def test_a_head_that_comes_byte_by_byte_is_not_waited_for(world: World) -> None:
    async with connected(world) as (reader, writer):
        assert await ends(reader, writer, GET + b"X: " + b"y" * 1000)


async def test_a_second_head_is_not_waited_for_either(world: World) -> None:
    async with connected(world) as (reader, writer):
        writer.write(GET + b"\r\n")
        await reader.readuntil(b'{"status": "alive"}')
        assert await ends(reader, writer, GET + b"X: " + b"y" * 1000)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_comes_byte_by_byte_is_not_waited_for(world: World, *, chunked: bool) -> None:
    before, head = await head_of(world), registration(world, 1000)
    if chunked:
        head = head.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked")

    async with connected(world) as (reader, writer):
        writer.write(head + (b"500\r\n" if chunked else b""))
        assert await ends(reader, writer, b" " * 999)
    assert await head_of(world) == before


async def test_whoever_stops_in_the_midst_is_told(world: World) -> None:
    for sent in (
        GET + b"X: canary7f",
        registration(world, 1000),
        registration(world, 1000) + b'{"canary7f',
        registration(world, 64_000) + b'{"canary7f' + b" " * 63_000,
    ):
        assert_timed_out(await send_raw(world, sent))


async def test_a_body_at_a_steady_pace_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PACE", 50)
    body = json.dumps({"chainId": fresh_wallet().account, "externalId": "slow"}).encode()

    async with connected(world) as (reader, writer):
        writer.write(registration(world, len(body)) + body[:70])
        done, _ = await asyncio.wait({answer := asyncio.create_task(reader.read(12))}, timeout=PATIENCE * 3)
        assert not done
        writer.write(body[70:])
        assert await answer == b"HTTP/1.1 201"


async def test_what_was_refused_is_not_taken_in_for_ever(world: World) -> None:
    head = registration(world, 10**9).replace(b"Bearer", b"Basic")

    async with connected(world) as (reader, writer):
        writer.write(head)
        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 401 Unauthorized\r\n"
        assert await ends(reader, writer, b" " * 1000)


async def test_a_request_under_way_takes_the_time_it_needs(world: World) -> None:
    """The caller's turn is over once its request is here."""
    key = world.partner.headers["Authorization"]
    async with connected(world) as (reader, writer):
        writer.write(
            f"GET /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nPrefer: wait=1\r\n\r\n".encode()
        )
        writer.write(registration(world, 2))
        answer = await reader.readuntil(b"\r\n")
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))


async def test_answers_that_nobody_reads_are_not_kept(world: World) -> None:
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):
            await ask_for_ever(world, deaf)


async def ask_for_ever(world: World, deaf: socket.socket) -> None:
    """Ask, and read no answer. Raises `ConnectionError` once the service has had enough."""
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    loop = asyncio.get_running_loop()
    deaf.settimeout(0)
    await loop.sock_connect(deaf, (host, int(port)))
    while True:
        await loop.sock_sendall(deaf, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50)


async def test_of_too_many_connections_those_that_wait_longest_are_ended(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HEAD", "BODY"):
        monkeypatch.setattr(protocol, name, 3600.0)
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(connected(small)) for _ in range(FEW * 3)]
        reader, writer = opened[-1]
        writer.write(GET + b"\r\n")

        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
        for reader, _ in opened[: -FEW - 1]:
            await _read_to_end(reader)


async def test_of_too_many_connections_those_that_were_refused_are_ended_first(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER", 3600.0)
    async with AsyncExitStack() as stack:
        reader, writer = await stack.enter_async_context(connected(small))
        writer.write(GET + b"\r\n")
        await reader.readuntil(b'{"status": "alive"}')
        for _ in range(FEW * 3):
            refused, wrong = await stack.enter_async_context(connected(small))
            wrong.write(b"words\r\n\r\n")
            assert await refused.readuntil(b"\r\n") == b"HTTP/1.1 400 Bad Request\r\n"

        writer.write(GET + b"\r\n")
        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"


class Held:
    """A connection that notes what becomes of it."""

    def __init__(self, waits_since: float | None, portions: int = 0) -> None:
        self.waits_since = waits_since
        self.aborted = False
        self.portions = portions

    def hurry(self, now: float) -> None:
        """Take its time."""

    def abort(self) -> None:
        self.aborted = True

    def go_on(self) -> bool:
        self.portions -= 1
        return self.portions > 0


class Failing(Held):
    """One whose turn goes wrong."""

    def go_on(self) -> bool:
        return bool(1 // 0)


def test_a_connection_with_a_request_under_way_is_never_in_the_way() -> None:
    crowd = Connections(3)
    busy, old, new, newest = Held(None), Held(1.0), Held(2.0), Held(3.0)
    for connection in (busy, new, old, newest):
        crowd.enter(connection)
    assert [held.aborted for held in (busy, old, new, newest)] == [False, True, False, False]


def test_where_all_have_a_request_under_way_the_newest_is_ended() -> None:
    crowd = Connections(2)
    busy = [Held(None), Held(None)]
    for connection in busy:
        crowd.enter(connection)
    crowd.enter(newest := Held(1.0))

    assert newest.aborted
    assert not any(held.aborted for held in busy)
    crowd.leave(busy[0])
    crowd.enter(Held(2.0))


async def test_what_is_dear_goes_on_by_one_portion_in_a_turn_of_the_loop_each_in_its_turn() -> None:
    crowd = Connections(9)
    queued = [Held(None, portions) for portions in (2, 1, 3)]
    for connection in queued:
        crowd.queue(connection)

    seen = []
    for _ in range(7):
        await asyncio.sleep(0)
        seen.append(tuple(held.portions for held in queued))

    assert seen == [(1, 1, 3), (1, 0, 3), (1, 0, 2), (0, 0, 2), (0, 0, 1), (0, 0, 0), (0, 0, 0)]


async def test_a_connection_that_fails_in_its_turn_is_ended_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[dict[str, object]] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_exception_handler", faults.append)
    crowd = Connections(9)
    failing, other = Failing(None), Held(None, 2)
    for connection in (failing, other):
        crowd.queue(connection)

    for _ in range(4):
        await asyncio.sleep(0)

    assert failing.aborted
    assert (other.portions, other.aborted) == (0, False)
    assert [type(fault["exception"]) for fault in faults] == [ZeroDivisionError]


@pytest.mark.parametrize(("fields", "status"), [(MOST_FIELDS, 200), (MOST_FIELDS + 1, 431), (10_000, 431)])
async def test_a_head_has_a_hundred_fields_at_most(world: World, fields: int, status: int) -> None:
    filling = b"a:\r\n" * (fields - 2)

    answer = await send_raw(world, GET + b"Connection: close\r\n" + filling + b"\r\n")

    assert answer.status == status
    if status == 431:
        assert json.loads(answer.body)["code"] == "head_too_large"


async def test_a_body_that_is_none_is_no_large_head_however_many_fields_are_before_it(world: World) -> None:
    head = registration(world, 1).replace(b"Content-Length: 1\r\n\r\n", b"Transfer-Encoding: chunked\r\n")
    filling = b"a:\r\n" * (MOST_FIELDS - 4)

    answer = await send_raw(world, head + filling + b"\r\nwords\r\n")

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed_http")
