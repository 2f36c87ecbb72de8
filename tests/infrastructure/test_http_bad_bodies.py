"""Bodies that are refused: each with a clear problem, and nothing of them in an answer or in the log."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from typing import Any, Final

import httpx2
import pytest

from tests.support.http import (
    CANARY,
    HEX_CANARY,
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    fresh_wallet,
    head_of,
    service_log,
)
from tests.support.world import Wallet, World

pytestmark = pytest.mark.anyio

JSON: Final = {"content-type": "application/json"}
LARGEST: Final = 64 * 1024
ACCOUNT: Final = Wallet(1).account


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    with service_log() as written:
        yield written


@pytest.fixture(scope="module")
async def held(world: World) -> Held:
    return (await customers_at(world, "initiating"))[0]


@pytest.fixture(autouse=True)
async def _nothing_is_kept(world: World, held: Held, log: StringIO) -> AsyncIterator[None]:
    """What is refused leaves neither an event nor a trace of what was sent."""
    assert held.customer["status"] == "initiating"
    before = await head_of(world)
    yield
    assert await head_of(world) == before
    assert_no_canary(log.getvalue())


def text(name: str) -> bytes:
    """A registration's body with `name` as the external id, without escaping anything."""
    return b'{"chainId":"%b","externalId":"%b"}' % (ACCOUNT.encode(), name.encode("utf-8", "surrogatepass"))


NOT_JSON: Final = {
    "empty": b"",
    "words": CANARY.encode(),
    "cut short": b'{"chainId":"%b' % CANARY.encode(),
    "a trailing comma": b'{"chainId":"%b",}' % CANARY.encode(),
    "something after the object": text(CANARY) + b"{}",
    "single quotes": b"{'chainId':'%b'}" % CANARY.encode(),
    "a comment": b"/*%b*/" % CANARY.encode() + text(CANARY),
    "a control character in a string": text(f"{CANARY}\x01"),
    "a newline in a string": text(f"{CANARY}\n"),
    "a NUL in a string": text(f"{CANARY}\0"),
    "a NUL after the object": text(CANARY) + b"\0",
    "a lone high surrogate, escaped": text(CANARY + r"\ud800"),
    "a lone low surrogate, escaped": text(CANARY + r"\udc00"),
    "a lone surrogate, encoded": text(f"{CANARY}\ud800"),
    "invalid UTF-8": text(CANARY)[:-2] + b'\xff"}',
    "overlong UTF-8": text(CANARY)[:-2] + b'\xc0\xaf"}',
    "UTF-16": text(CANARY).decode().encode("utf-16"),
    "UTF-32": text(CANARY).decode().encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + text(CANARY),
    "60,000 open brackets": b"[" * 60_000,
    "30,000 open braces": b'{"":' * 15_000,
    "20,000 levels in a field": b'{"chainId":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
}

NOT_WELL_FORMED: Final[dict[str, tuple[bytes, list[dict[str, str]]]]] = {
    "null": (b"null", [{"pointer": "", "code": "model_type"}]),
    "a list": (b'["%b"]' % CANARY.encode(), [{"pointer": "", "code": "model_type"}]),
    "a string": (b'"%b"' % CANARY.encode(), [{"pointer": "", "code": "model_type"}]),
    "a number": (b"12", [{"pointer": "", "code": "model_type"}]),
    "nothing": (b"{}", [{"pointer": "/chainId", "code": "missing"}, {"pointer": "/externalId", "code": "missing"}]),
    "a missing field": (b'{"chainId":"%b"}' % CANARY.encode(), [{"pointer": "/externalId", "code": "missing"}]),
    "an unknown field": (text("u")[:-1] + b',"%b":1}' % CANARY.encode(), [{"code": "unknown_field"}]),
    "a field's name in snake case": (
        b'{"chain_id":"%b","externalId":"u"}' % CANARY.encode(),
        [{"pointer": "/chainId", "code": "missing"}, {"code": "unknown_field"}],
    ),
    "a field's name in another case": (
        b'{"chainid":"%b","externalId":"u"}' % CANARY.encode(),
        [{"pointer": "/chainId", "code": "missing"}, {"code": "unknown_field"}],
    ),
    "a number for a string": (b'{"chainId":1,"externalId":"u"}', [{"pointer": "/chainId", "code": "string_type"}]),
    "a list for a string": (
        b'{"chainId":["%b"],"externalId":"u"}' % CANARY.encode(),
        [{"pointer": "/chainId", "code": "string_type"}],
    ),
    "null for a string": (b'{"chainId":null,"externalId":"u"}', [{"pointer": "/chainId", "code": "string_type"}]),
    "true for a string": (b'{"chainId":true,"externalId":"u"}', [{"pointer": "/chainId", "code": "string_type"}]),
    "NaN for a string": (b'{"chainId":NaN,"externalId":"u"}', [{"pointer": "/chainId", "code": "string_type"}]),
    "an overlong account": (
        b'{"chainId":"%b","externalId":"u"}' % (CANARY.encode() * 40),
        [{"pointer": "/chainId", "code": "string_too_long"}],
    ),
    "an empty external id": (text(""), [{"pointer": "/externalId", "code": "string_pattern_mismatch"}]),
    "an overlong external id": (
        text(CANARY * 32),
        [{"pointer": "/externalId", "code": "string_pattern_mismatch"}],
    ),
    "a repeated field": (
        b'{"chainId":"%b","externalId":"%b","externalId":"u"}' % (ACCOUNT.encode(), CANARY.encode()),
        [{"code": "repeated_field"}],
    ),
    "a field repeated with the same value": (
        b'{"chainId":"%b","chainId":"%b","externalId":"u"}' % (ACCOUNT.encode(), ACCOUNT.encode()),
        [{"code": "repeated_field"}],
    ),
    "a field repeated under an escaped name": (
        rb'{"chainId":"%b","externalId":"%b","extern\u0061lId":"u"}' % (ACCOUNT.encode(), CANARY.encode()),
        [{"code": "repeated_field"}],
    ),
}
CONTROLS: Final = ("\\u0000", "\\n", "\\t", "\\u001b", "\\u007f", "\\u0080", "\\u0085", "\\u009f")


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_no_json_is_refused(world: World, body: bytes) -> None:
    assert_problem(await world.partner.post("/v1/customers", content=body, headers=JSON), 400, "invalid_json")


@pytest.mark.parametrize(("body", "errors"), NOT_WELL_FORMED.values(), ids=NOT_WELL_FORMED)
async def test_json_of_another_shape_is_refused_and_told_where(
    world: World, body: bytes, errors: list[dict[str, str]]
) -> None:
    response = await world.partner.post("/v1/customers", content=body, headers=JSON)

    assert assert_problem(response, 422, "invalid_request")["errors"] == errors


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("place", ["{}%s", "%s{}", "%s{}%s"])
async def test_an_external_id_with_a_control_character_is_refused(world: World, control: str, place: str) -> None:
    name = place.replace("{}", control).replace("%s", CANARY)

    response = await world.partner.post("/v1/customers", content=text(name), headers=JSON)

    errors = [{"pointer": "/externalId", "code": "string_pattern_mismatch"}]
    assert assert_problem(response, 422, "invalid_request")["errors"] == errors


@pytest.mark.parametrize("path", ["challenge/sign", "screening", "verification", "monitoring"])
async def test_every_route_with_a_body_refuses_what_it_does_not_know(world: World, held: Held, path: str) -> None:
    method, url = ("POST", f"{held.path}/{path}") if "/" in path else ("PATCH", f"{held.simulator}/{path}")
    bodies: list[tuple[bytes, int, str]] = [
        (b"{" + CANARY.encode(), 400, "invalid_json"),
        (b"{}", 422, "invalid_request"),
        (b'{"%b":1}' % CANARY.encode(), 422, "invalid_request"),
        (b'{"outcome":1,"signature":1}', 422, "invalid_request"),
    ]
    for body, status, code in bodies:
        assert_problem(await world.partner.request(method, url, content=body, headers=JSON), status, code)


MALFORMED: Final = {
    "another namespace": "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv",
    "bitcoin": "bip122:000000000019d6689c085ae165831e93:128Lkh3S7CkDTBZ8W7BbpsN3YYizJMp8p6",
    "the namespace in capitals": ACCOUNT.replace("eip155", "EIP155"),
    "a chain that is no number": ACCOUNT.replace(":1:", f":{CANARY}:"),
    "chain zero": ACCOUNT.replace(":1:", ":0:"),
    "a chain with a leading zero": ACCOUNT.replace(":1:", ":01:"),
    "a negative chain": ACCOUNT.replace(":1:", ":-1:"),
    "a chain in hexadecimal": ACCOUNT.replace(":1:", ":0x1:"),
    "a chain of 33 digits": ACCOUNT.replace(":1:", f":{'1' * 33}:"),
    "a chain in other digits": ACCOUNT.replace(":1:", ":\u0661:"),
    "no chain": ACCOUNT.replace(":1:", "::"),
    "no namespace": ACCOUNT.removeprefix("eip155:"),
    "an address alone": ACCOUNT.rpartition(":")[2],
    "no address": "eip155:1:",
    "no 0x": ACCOUNT.replace("0x", ""),
    "0X": ACCOUNT.replace("0x", "0X"),
    "39 digits": ACCOUNT[:-1],
    "41 digits": ACCOUNT + "0",
    "a digit that is none": ACCOUNT[:-1] + "g",
    "a digit of another script": ACCOUNT[:-1] + "\uff11",
    "a space before": " " + ACCOUNT,
    "a space after": ACCOUNT + " ",
    "a newline after": ACCOUNT + "\n",
    "a NUL after": ACCOUNT + "\0",
    "something after": f"{ACCOUNT}:{CANARY}",
    "a name": f"eip155:1:{CANARY}.eth",
    "empty": "",
}


@pytest.mark.parametrize("account", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_account_is_refused(world: World, account: str) -> None:
    response = await world.partner.post("/v1/customers", json={"chainId": account, "externalId": CANARY})

    assert_problem(response, 422, "malformed_account")


@pytest.mark.parametrize(
    "address",
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD".replace("5aA", "5AA"),
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359".replace("fB", "Fb"),
        "0x" + "aA" * 20,
        f"0x{HEX_CANARY}B{'0' * 15}",
    ],
)
async def test_a_wrong_checksum_is_refused(world: World, address: str) -> None:
    response = await world.partner.post("/v1/customers", json={"chainId": f"eip155:1:{address}", "externalId": "u"})

    assert_problem(response, 422, "invalid_checksum")


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json-patch+json",
        "application/problem+json",
        "application/*",
        f"text/{CANARY}",
        "text/plain; application/json",
    ],
)
async def test_another_media_type_is_refused(world: World, held: Held, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    for method, path in (
        ("POST", "/v1/customers"),
        ("POST", f"{held.path}/challenge/sign"),
        ("PATCH", f"{held.simulator}/screening"),
    ):
        response = await world.partner.request(method, path, content=text(CANARY), headers=headers)
        assert_problem(response, 415, "unsupported_media_type")


def padded(size: int) -> bytes:
    """A registration that is refused for its account alone, of exactly `size` bytes."""
    return (b'{"chainId":"%b","externalId":"u"}' % CANARY.encode()).ljust(size)


async def test_a_body_of_64_kib_is_read(world: World) -> None:
    response = await world.partner.post("/v1/customers", content=padded(LARGEST), headers=JSON)

    assert_problem(response, 422, "malformed_account")


async def test_a_larger_body_is_refused(world: World) -> None:
    response = await world.partner.post("/v1/customers", content=padded(LARGEST + 1), headers=JSON)

    assert_problem(response, 413, "body_too_large")


async def test_a_body_of_64_kib_in_chunks_is_read(world: World) -> None:
    assert_problem(await in_chunks(world, LARGEST, 4096), 422, "malformed_account")


@pytest.mark.parametrize("chunk", [1000, LARGEST + 1])
async def test_a_larger_body_in_chunks_is_refused(world: World, chunk: int) -> None:
    assert_problem(await in_chunks(world, LARGEST + 1, chunk), 413, "body_too_large")


async def in_chunks(world: World, size: int, chunk: int) -> httpx2.Response:
    """Send a registration without saying how long it is."""
    body = padded(size)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, chunk):
            yield body[start : start + chunk]

    return await world.partner.post("/v1/customers", content=chunks(), headers=JSON)


async def test_a_large_body_is_refused_before_it_is_sent(world: World) -> None:
    """Whoever waits to be told to go on is told at once that it is too much."""
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000000000000\r\nExpect: 100-continue\r\n\r\n"
        % world.partner.headers["Authorization"].encode()
    )

    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await writer.wait_closed()


async def test_a_large_body_is_refused_wherever_a_body_is_read(world: World, held: Held) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("POST", f"{held.path}/challenge/sign", JSON),
        ("PATCH", f"{held.simulator}/screening", JSON),
        ("PATCH", f"{held.simulator}/verification", JSON),
        ("PATCH", f"{held.simulator}/monitoring", JSON),
        ("POST", "/v1/providers/sandbox/callback", JSON),
    ]
    for method, path, headers in requests:
        response = await world.partner.request(method, path, content=padded(LARGEST + 1), headers=headers)
        assert_problem(response, 413, "body_too_large")


async def test_a_media_type_may_carry_parameters_and_any_case(world: World) -> None:
    for media_type in ("application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"):
        response = await world.partner.post("/v1/customers", content=padded(100), headers={"content-type": media_type})
        assert_problem(response, 422, "malformed_account")


async def test_text_of_any_script_is_no_bad_input(world: World, held: Held, log: StringIO) -> None:
    response = await world.partner.post(
        "/v1/customers", json={"chainId": held.wallet.account, "externalId": "Zoë 顧客 \U0001f600 \u200f\u2028"}
    )

    assert_problem(response, 409, "customer_exists")
    assert fresh_wallet().account not in log.getvalue()
