"""What stands around a request on its connection: trailers, other protocols, and the request behind it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import httpx2
import pytest

from infrastructure.http import event_stream
from infrastructure.http.event_stream import WAITING
from infrastructure.http.protocol import LARGEST_HEAD, LINGER, PORTION, WASTE, JoiningProtocol
from tests.support.events import another_key
from tests.support.http import Raw, connected, fresh_wallet, send_raw
from tests.support.world import World

pytestmark = pytest.mark.anyio

HOST = b"Host: x\r\nConnection: close\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


def authorization(world: World) -> bytes:
    return b"Authorization: %b\r\n" % world.partner.headers["Authorization"].encode()


async def test_nobody_is_known_by_a_trailer(world: World) -> None:
    body = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"

    answer = await send_raw(world, b"GET /v1/customers HTTP/1.1\r\n" + HOST + body + authorization(world) + b"\r\n")

    assert (answer.status, json.loads(answer.body)["code"]) == (401, "unauthenticated")


async def test_a_body_is_never_taken_for_a_request(world: World) -> None:
    hidden = b"GET /v1/customers HTTP/1.1\r\n" + HOST + authorization(world) + b"\r\n"
    for framing, body in (
        (b"Content-Length: %d" % len(hidden), hidden),
        (b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)),
    ):
        head = b"POST /v1/customers HTTP/1.1\r\n" + UPGRADE + framing + b"\r\n\r\n"

        for parts in ((head + body,), (head, body)):
            answer = await send_raw(world, *parts)
            assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed_http")


@pytest.mark.parametrize("hosts", [b"", b"Host: x\r\nHost: x\r\n", b"Host: x\r\nhost: y\r\n"])
async def test_a_request_is_for_one_host(world: World, hosts: bytes) -> None:
    rest = b"Connection: close\r\n" + authorization(world) + b"\r\n"

    answer = await send_raw(world, b"GET /v1/customers HTTP/1.1\r\n" + hosts + rest)
    older = await send_raw(world, b"GET /v1/customers HTTP/1.0\r\n" + rest)

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed_http")
    assert older.status == 200


async def test_blanks_around_a_value_are_no_part_of_it(world: World) -> None:
    body = json.dumps({"chainId": fresh_wallet().account, "externalId": "user-1"}).encode()
    shown = authorization(world).replace(b"\r\n", b" \t\r\n")
    given = b"Content-Type: application/json\r\nContent-Length: %d\r\nIdempotency-Key:" % len(body)

    answers = [
        await send_raw(world, b"POST /v1/customers HTTP/1.1\r\n" + HOST + shown + given + key + b"\r\n\r\n" + body)
        for key in (b"spaced", b" \tspaced", b" spaced ", b' "spaced"\t ')
    ]

    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.body for answer in answers}) == 1


@pytest.mark.parametrize("chunked", [False, True])
async def test_after_an_answer_to_half_a_body_nothing_is_sent_in_vain(world: World, *, chunked: bool) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 8192

    long = body() if chunked else b" " * 200 * 8192
    headers = {"Content-Type": "application/json"}

    refused = await world.partner.post("/v1/customers", content=long, headers=headers)
    after = await asyncio.wait_for(world.partner.post("/v1/customers", content=b"{}", headers=headers), 3)
    short = await world.partner.post("/v1/customers", content=b" " * 70_000, headers=headers)

    assert (refused.status_code, refused.headers["connection"]) == (413, "close")
    assert after.status_code == 422
    assert (short.status_code, "connection" in short.headers) == (413, False)


async def test_another_protocol_is_offered_in_vain(world: World) -> None:
    offer = UPGRADE.replace(b"Upgrade,", b"close, Upgrade,")

    answer = await send_raw(world, b"GET /v1/customers HTTP/1.1\r\n" + offer + authorization(world) + b"\r\n")

    assert answer.status == 200


async def test_what_follows_the_offer_of_another_protocol_is_no_request(world: World) -> None:
    """A parser that was told of the offer skips some of it: where it would go on is for the caller to choose."""
    head = b"GET /v1/customers HTTP/1.1\r\n" + UPGRADE + authorization(world) + b"\r\n"

    answer = await send_raw(world, head + LIVE * (PORTION // len(LIVE) * 3))

    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert b"HTTP/1.1" not in answer.body


CHUNKED: Final = (
    b"POST /v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)
WRONG: Final = {
    "not HTTP": (b"words\r\n\r\n", 400),
    "a body that is none": (CHUNKED + b"words\r\n", 400),
    "a large head": (b"GET / HTTP/1.1\r\nX: " + b"x" * (LARGEST_HEAD + 2 * PORTION), 431),
    "a body that is all framing": (CHUNKED + b"1;%b\r\nx\r\n" % (b"x" * 500) * 140, 431),
}


@pytest.mark.parametrize(("wrong", "status"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("requests", [1, 3])
async def test_a_request_is_answered_before_what_is_wrong_behind_it(
    world: World, wrong: bytes, status: int, requests: int
) -> None:
    answers = answers_in(await send_raw(world, LIVE * requests + wrong))

    assert answers == [200] * requests + [status]


@pytest.mark.parametrize(("wrong", "status"), WRONG.values(), ids=WRONG)
async def test_whoever_was_refused_has_time_to_read_it_and_is_not_back_at_once(
    world: World, wrong: bytes, status: int
) -> None:
    begun = asyncio.get_running_loop().time()

    answers = answers_in(await send_raw(world, wrong + b"\r\n\r\n" + LIVE))

    assert answers == [status]
    assert asyncio.get_running_loop().time() - begun > LINGER / 2


async def test_whoever_was_refused_is_read_to_the_end_of_what_was_sent(world: World) -> None:
    """A connection that is closed over what was not read is reset, and the answer may be gone with it."""
    async with connected(world) as (reader, writer):
        writer.write(b"words\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x" * (WASTE // 2))
        await reader.read()

    assert head.startswith(b"HTTP/1.1 400 ")


async def test_who_is_refused_with_a_long_body_is_read_on_as_well(world: World) -> None:
    head = CHUNKED.replace(b"Host: x\r\n", b"Host: x\r\n" + authorization(world)).replace(b"auth/token", b"customers")
    chunks = b"".join(b"%x\r\n%b\r\n" % (size, b" " * size) for size in (64_500, 2000))
    async with connected(world) as (reader, writer):
        writer.write(head + chunks + b"words\r\n")
        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 400 Bad Request\r\n"
        writer.write(b"x")
        await reader.read()


@pytest.mark.parametrize("version", [0, 1])
async def test_the_last_answer_can_be_read_while_a_body_is_sent(world: World, version: int) -> None:
    head = b"POST /v1/customers HTTP/1.%d\r\n" % version + HOST + b"Content-Length: 60000\r\n\r\n"
    async with connected(world) as (reader, writer):
        writer.write(head)
        assert (await reader.readuntil(b"\r\n")).endswith(b" 401 Unauthorized\r\n")
        await reader.readuntil(b'"unauthenticated"}')
        for _ in range(3):
            writer.write(b" " * 20_000)
            await writer.drain()
        assert await reader.read() == b""


async def test_whoever_was_refused_and_sends_on_is_not_read_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, receive = list[int](), JoiningProtocol.data_received

    def noted(protocol: JoiningProtocol, data: bytes) -> None:
        sizes.append(len(data))
        receive(protocol, data)

    monkeypatch.setattr(JoiningProtocol, "data_received", noted)
    async with connected(world) as (reader, writer):
        writer.write(b"words\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            writer.write(b"x" * 16_000_000)
            await writer.drain()

    assert WASTE < sum(sizes) <= WASTE + 2 * max(sizes)


async def test_after_a_refusal_nobody_is_asked_to_go_on(world: World) -> None:
    head = CHUNKED.replace(b"Host: x\r\n", b"Host: x\r\nExpect: 100-continue\r\n")

    answer = await send_raw(world, head + b"words\r\n")

    assert (answer.status, b"100 Continue" in answer.body) == (400, False)


async def test_an_older_caller_is_not_asked_to_go_on(world: World) -> None:
    head = b"POST /v1/auth/token HTTP/1.0\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"

    assert (await send_raw(world, head + b"Content-Length: 2\r\n\r\n", b"{}")).status == 422


async def test_nothing_is_done_for_a_request_that_does_not_arrive_whole(world: World) -> None:
    """A handler that needs no body would not hear that it was cut off, and the caller would hear 400."""
    key_id, client = await another_key(world)
    admin = b"Authorization: %b\r\n" % world.admin.headers["Authorization"].encode()
    head = b"DELETE /v1/keys/%b HTTP/1.1\r\n" % str(key_id).encode() + HOST + admin

    for parts in (
        (b"Transfer-Encoding: chunked\r\n\r\nwords\r\n",),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"words\r\n"),
        (b"Content-Length: 70000\r\n\r\n",),
    ):
        assert (await send_raw(world, head + parts[0], *parts[1:])).status in {400, 413}
        assert (await client.get("/v1/customers")).status_code == 200
    assert (await send_raw(world, head + b"Content-Length: 2\r\n\r\n", b"{}")).status == 204
    assert (await client.get("/v1/customers")).status_code == 401
    await client.aclose()


@pytest.mark.parametrize("wrong", [b"words\r\n\r\n", b"GET /health/live HTTP/1.1\r\n\r\n"])
async def test_what_is_wrong_behind_a_body_that_was_answered_is_refused(world: World, wrong: bytes) -> None:
    async with connected(world) as (reader, writer):
        writer.write(b"POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 401 Unauthorized\r\n"
        writer.write(b"67890" + wrong)

        assert b"HTTP/1.1 400 Bad Request\r\n" in await reader.read()


@pytest.mark.parametrize(("version", "requests"), [(0, 0), (1, 0), (1, 2)])
async def test_a_length_that_is_all_zeros_is_not_counted(world: World, version: int, requests: int) -> None:
    head = b"POST /v1/auth/token HTTP/1.%d\r\n" % version + HOST + b"Content-Type: application/json\r\n"
    sent = head + b"Content-Length: %b3\r\n\r\n{} "

    assert answers_in(await send_raw(world, LIVE * requests + sent % (b"0" * 4400))) == [200] * requests + [400]
    assert (await send_raw(world, sent % b"00000")).status == 422


async def test_of_requests_sent_at_once_a_portion_is_taken_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, begin = [], JoiningProtocol.on_headers_complete

    def noted(protocol: JoiningProtocol) -> None:
        begin(protocol)
        waiting.append(len(protocol.pipeline))

    monkeypatch.setattr(JoiningProtocol, "on_headers_complete", noted)
    answers = answers_in(await send_raw(world, LIVE * 999 + b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"))

    assert answers == [200] * 1000
    assert max(waiting) <= PORTION // len(LIVE) + 1


async def test_a_long_body_that_was_refused_already_does_not_end_its_connection(world: World) -> None:
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (WASTE + 1))
    assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 401 Unauthorized\r\n"
    writer.write(b" " * (WASTE + 1))
    await writer.drain()
    assert (await world.partner.get("/health/live")).status_code == 200  # by then the body was read

    async with asyncio.timeout(20):
        writer.write(b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = await reader.read()

    assert answer.endswith(b'{"status": "alive"}')
    writer.close()


def answers_in(raw: Raw) -> list[int]:
    """The statuses of all answers on a connection."""
    return [raw.status, *map(int, re.findall(rb"HTTP/1\.1 (\d+) ", raw.body))]


async def test_a_stream_with_a_request_behind_it_ends_with_its_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "SILENCE", 0.05)
    monkeypatch.setattr(event_stream, "CHECK", 0.05)
    _, client = await another_key(world)
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    given = f"Host: x\r\nAuthorization: {client.headers['Authorization']}\r\n\r\n".encode()
    for _ in range(WAITING):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /v1/events/stream HTTP/1.1\r\n" + given)
        await reader.readuntil(b"retry")
        writer.write(b"GET /v1/customers HTTP/1.1\r\n" + given)
        await writer.drain()
        writer.transport.abort()

    async with asyncio.timeout(20):
        while await status_of_stream(client) == 429:
            pass
    await client.aclose()


async def status_of_stream(client: httpx2.AsyncClient) -> int:
    async with client.stream("GET", "/v1/events/stream") as response:
        return response.status_code
