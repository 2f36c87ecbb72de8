"""Unknown paths and methods, and requests that are hardly HTTP: answered, and neither repeated nor logged."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from typing import Final

import pytest
from starlette.routing import Route

from infrastructure.http.app import create_app
from infrastructure.http.protocol import LARGEST_HEAD
from tests.support.http import (
    CANARY,
    MISSING,
    SECURITY,
    Raw,
    assert_no_canary,
    assert_problem,
    head_of,
    send_parts,
    send_raw,
    service_log,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"})


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    with service_log() as written:
        yield written


@pytest.fixture(autouse=True)
async def _nothing_is_kept(world: World, log: StringIO) -> AsyncIterator[None]:
    before = await head_of(world)
    yield
    assert await head_of(world) == before
    assert_no_canary(log.getvalue())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        f"/{CANARY}",
        f"/v1/{CANARY}?{CANARY}={CANARY}",
        f"/v1/customers/{MISSING}/{CANARY}",
        f"/v1/customers/{MISSING}/challenge/{CANARY}",
        f"/v1/customers/{MISSING}/challenge/",
        f"/v1/customers/{MISSING}/services/",
        f"/v1/customers//{MISSING}",
        "/v1//customers",
        "//v1/customers",
        "/V1/customers",
        "/v1/Customers",
        "/v2/customers",
        "/customers",
        "/v1/providers/sumsub/callback",
        "/metrics/",
        "/health",
        "/redoc",
        "/docs/oauth2-redirect",
        "/%00",
        "/%FF%FE",
        "/.git/config",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_path_is_not_found(world: World, method: str, path: str) -> None:
    assert_problem(await world.partner.request(method, path), 404, "not_found")


async def test_a_slash_at_the_end_makes_another_path(world: World) -> None:
    for path in ("/v1/customers/", "/openapi.json/", "/docs/", "/health/live/"):
        response = await world.partner.post(path)
        assert_problem(response, 404, "not_found")
    assert_problem(await world.partner.get("/v1/customers/"), 422, "malformed_id")


async def test_every_other_method_is_refused_with_those_that_are_allowed(world: World) -> None:
    allowed: dict[str, set[str]] = {}
    for route in create_app(world.services).routes:
        assert isinstance(route, Route)
        allowed.setdefault(route.path, set()).update(route.methods or ())
    assert allowed["/v1/customers"] == {"GET", "HEAD", "POST"}
    for path, methods in allowed.items():
        for method in METHODS - methods:
            answer = await send_raw(
                world,
                f"{method} {path.replace('{', '').replace('}', '')} HTTP/1.1\r\nHost: x\r\n"
                f"Connection: close\r\nX-Canary: {CANARY}\r\n\r\n".encode(),
            )
            assert answer.status == 405, (method, path)
            assert answer.headers["allow"] == ", ".join(sorted(methods))
            assert answer.headers["content-type"] == "application/problem+json"
            assert SECURITY.items() <= answer.headers.items()
            if method != "HEAD":
                assert json.loads(answer.body)["code"] == "method_not_allowed"


async def test_unknown_paths_make_no_new_series_of_metrics(world: World) -> None:
    async def names() -> set[str]:
        lines = (await world.partner.get("/metrics")).text.splitlines()
        return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}

    await names()
    before = await names()
    for number in range(20):
        await world.partner.get(f"/v1/{CANARY}{number}")
        await world.partner.put(f"/v1/customers/{MISSING}")

    assert await names() == before


def request(line: str, *headers: str) -> bytes:
    """A request that closes the connection."""
    return "\r\n".join([line, "Host: x", "Connection: close", *headers, "", ""]).encode("latin-1")


NOT_HTTP: Final = {
    "words": f"{CANARY} {CANARY}\r\n\r\n".encode(),
    "an unknown method": request(f"{CANARY.upper()} / HTTP/1.1"),
    "no path": request("GET  HTTP/1.1"),
    "a path that is none": request(f"GET {CANARY} HTTP/1.1"),
    "a byte that is no ASCII": request("GET /\xff HTTP/1.1"),
    "another protocol": request(f"GET /{CANARY} SMTP/1.1"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a header without a colon": request("GET / HTTP/1.1", CANARY),
    "a header with a space in its name": request("GET / HTTP/1.1", f"{CANARY} x: 1"),
    "a header with a NUL": request("GET / HTTP/1.1", f"X: {CANARY}\0"),
    "a folded header": request("GET / HTTP/1.1", f"X: 1\r\n  {CANARY}"),
    "a length that is no number": request("POST /v1/customers HTTP/1.1", f"Content-Length: {CANARY}"),
    "a negative length": request("POST /v1/customers HTTP/1.1", "Content-Length: -1"),
    "a length of 30 digits": request("POST /v1/customers HTTP/1.1", f"Content-Length: {'9' * 30}"),
    "two lengths": request("POST /v1/customers HTTP/1.1", "Content-Length: 1", "Content-Length: 2"),
    "a length beside chunks": request("POST /v1/customers HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked"),
    "chunks that are none": request("POST /health/live HTTP/1.1", "Transfer-Encoding: chunked")
    + f"{CANARY}\r\n".encode(),
}


def assert_raw_problem(answer: Raw, status: int, code: str) -> None:
    """The same as from the API, from the server itself."""
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert SECURITY.items() <= answer.headers.items()
    assert_no_canary(str(answer))


@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_not_http_is_refused(world: World, sent: bytes) -> None:
    assert_raw_problem(await send_raw(world, sent), 400, "malformed_http")


SPARE: Final = 200
"""Bytes for what else there is in a head."""


async def test_a_head_of_almost_the_largest_size_is_read(world: World) -> None:
    filling = (CANARY * LARGEST_HEAD)[: LARGEST_HEAD - SPARE]

    for line, *headers in (
        [f"GET /v1/customers?externalId={filling} HTTP/1.1"],
        ["GET /v1/customers HTTP/1.1", f"Authorization: Bearer {filling}"],
        ["GET /v1/customers HTTP/1.1", f"X: {filling}"],
    ):
        answer = await send_raw(world, request(line, *headers))
        assert (answer.status, json.loads(answer.body)["code"]) == (401, "unauthenticated")
        assert_no_canary(str(answer))


LARGE_HEADS: Final = {
    "a URL": request(f"GET /v1/customers?externalId={CANARY * 8192} HTTP/1.1"),
    "a path": request(f"GET /{CANARY * 8192} HTTP/1.1"),
    "a header": request("GET /v1/customers HTTP/1.1", f"X: {CANARY * 8192}"),
    "a header's name": request("GET /v1/customers HTTP/1.1", f"{CANARY * 8192}: x"),
    "many headers": request("GET /v1/customers HTTP/1.1", *[f"X-{CANARY}: {CANARY}"] * 4000),
}


@pytest.mark.parametrize("sent", LARGE_HEADS.values(), ids=LARGE_HEADS)
@pytest.mark.parametrize("pieces", [1, 10])
async def test_a_larger_head_is_refused(world: World, sent: bytes, pieces: int) -> None:
    size = len(sent) // pieces + 1

    try:
        answer = await send_raw(world, *(sent[start : start + size] for start in range(0, len(sent), size)))
    except ConnectionError:
        assert pieces > 1  # it was refused before it was read to its end
    else:
        assert_raw_problem(answer, 431, "head_too_large")


ENDLESS: Final = {
    "a URL": (b"GET /", b"a"),
    "a header": (b"GET / HTTP/1.1\r\nX: ", b"a"),
    "headers": (b"GET / HTTP/1.1\r\n", b"X: y\r\n"),
    "trailers": (
        b"POST /v1/providers/sandbox/callback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X: y\r\n",
    ),
    "a trailer": (
        b"POST /v1/providers/sandbox/callback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"a",
    ),
}


@pytest.mark.parametrize(("start", "rest"), ENDLESS.values(), ids=ENDLESS)
async def test_a_head_without_an_end_is_cut_off(world: World, start: bytes, rest: bytes) -> None:
    """Nobody has shown a key yet: what is kept of it must not grow."""
    assert await cut_off(world, start, rest * (65536 // len(rest)))


async def cut_off(world: World, start: bytes, rest: bytes) -> bool:
    """Whether the service ends the connection while it is sent `rest` again and again."""
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(start)
        for _ in range(1000):
            writer.write(rest)
            await writer.drain()
    except ConnectionError:
        return True
    finally:
        writer.transport.abort()
    return False


async def test_two_requests_sent_at_once_are_both_answered(world: World) -> None:
    line = "GET /health/live HTTP/1.1\r\nHost: x\r\n"

    answer = await send_raw(world, f"{line}\r\n{line}Connection: close\r\n\r\n".encode())

    assert answer.status == 200
    assert answer.body.count(b"HTTP/1.1 200 OK") == 1
    assert answer.body.count(b'{"status": "alive"}') == 2


async def test_a_body_in_small_chunks_is_no_large_head(world: World) -> None:
    key = world.partner.headers["Authorization"]
    chunk = b"8\r\n%b\r\n" % CANARY.encode()
    head = request(
        "POST /v1/customers HTTP/1.1",
        f"Authorization: {key}",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    )

    answer = await send_raw(world, head, chunk * 8192, b"0\r\n\r\n")

    assert (answer.status, json.loads(answer.body)["code"]) == (400, "invalid_json")


async def test_requests_sent_at_once_are_all_answered_though_a_body_comes_in_chunks_of_a_byte(
    world: World,
) -> None:
    key = f"Authorization: {world.partner.headers['Authorization']}"
    fields = ("Host: x", key, "Content-Type: application/json", "Transfer-Encoding: chunked", "", "")
    head = "\r\n".join(("POST /v1/customers HTTP/1.1", *fields)).encode()
    content = json.dumps({"chainId": CANARY}).rjust(10_000).encode()
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\n\r\n"

    async def parts() -> AsyncIterator[bytes]:
        yield head + body + head + body[:20_000]
        assert (await world.partner.get("/health/live")).status_code == 200
        yield body[20_000:] + request("GET /health/live HTTP/1.1")

    answers = await asyncio.gather(*(send_parts(world, parts()) for _ in range(3)))

    assert [answer.status for answer in answers] == [422, 422, 422]
    assert [answer.body.count(b"HTTP/1.1 422 ") for answer in answers] == [1, 1, 1]
    assert all(answer.body.endswith(b'{"status": "alive"}') for answer in answers)


async def test_an_absolute_url_and_a_strange_host_are_not_repeated(world: World) -> None:
    for line in (f"GET http://{CANARY}.example/v1/customers HTTP/1.1", "GET /v1/customers/ HTTP/1.1"):
        answer = await send_raw(world, f"{line}\r\nHost: {CANARY}.example\r\nConnection: close\r\n\r\n".encode())
        assert answer.status == 401
        assert_no_canary(str(answer))


async def test_an_upgrade_to_another_protocol_is_not_made(world: World) -> None:
    answer = await send_raw(
        world,
        b"GET /v1/customers HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )

    assert answer.status == 401


async def test_a_caller_that_hangs_up_in_the_midst_is_no_fault_of_ours(world: World, log: StringIO) -> None:
    async def answered(status: int) -> float:
        line = f'gatehouse_requests_total{{route="POST /customers",status="{status}"}} '
        text = (await world.partner.get("/metrics")).text
        return next((float(part.removeprefix(line)) for part in text.splitlines() if part.startswith(line)), 0.0)

    before = await answered(422), await answered(500)
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: {world.partner.headers['Authorization']}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 999\r\n\r\n{CANARY}".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    while (await answered(422), await answered(500)) == before:
        pass

    assert (await answered(422), await answered(500)) == (before[0] + 1, before[1])
    assert "request_failed" not in log.getvalue()
