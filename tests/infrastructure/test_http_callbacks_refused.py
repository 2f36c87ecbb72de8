"""Callbacks that are forged, stale or malformed: refused, and nothing changes."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import Any, Final

import pytest

from infrastructure.services import callback_path
from tests.support.callbacks import body_of, send, signed
from tests.support.http import (
    CANARY,
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    head_of,
    rows,
    service_log,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    with service_log() as written:
        yield written


@pytest.fixture
async def held(world: World) -> Held:
    """A customer that is being verified."""
    return (await customers_at(world, "verifying"))[0]


@pytest.fixture(autouse=True)
def _nothing_is_logged(log: StringIO) -> Iterator[None]:
    yield
    assert_no_canary(log.getvalue())


# Forged and stale.


FORGED: Final[dict[str, Callable[[dict[str, str]], dict[str, str]]]] = {
    "no headers at all": lambda _: {},
    "no signature": lambda headers: {**headers, "webhook-signature": ""},
    "no id": lambda headers: {**headers, "webhook-id": ""},
    "no timestamp": lambda headers: {**headers, "webhook-timestamp": ""},
    "another id": lambda headers: {**headers, "webhook-id": "msg_other"},
    "another time": lambda headers: {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
    "a time that is none": lambda headers: {**headers, "webhook-timestamp": CANARY},
    "NaN for a time": lambda headers: {**headers, "webhook-timestamp": "nan"},
    "no end of time": lambda headers: {**headers, "webhook-timestamp": "inf"},
    "a time beyond all years": lambda headers: {**headers, "webhook-timestamp": "1e300"},
    "a time before all years": lambda headers: {**headers, "webhook-timestamp": "-1e15"},
    "another version": lambda headers: {
        **headers,
        "webhook-signature": headers["webhook-signature"].replace("v1,", "v1a,"),
    },
    "no version": lambda headers: {**headers, "webhook-signature": headers["webhook-signature"].removeprefix("v1,")},
    "a signature that is no base64": lambda headers: {**headers, "webhook-signature": f"v1,{CANARY}!"},
    "a signature of other bytes": lambda headers: {
        **headers,
        "webhook-signature": f"v1,{b64encode(bytes(32)).decode()}",
    },
    "an empty signature": lambda headers: {**headers, "webhook-signature": "v1,"},
    "half the signature": lambda headers: {**headers, "webhook-signature": headers["webhook-signature"][:24]},
    "commas": lambda headers: {**headers, "webhook-signature": ",,,"},
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_a_forged_callback_is_refused_and_changes_nothing(
    world: World, held: Held, forge: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    body = body_of(held, labels=[CANARY])
    before = await head_of(world)

    response = await send(world, body, forge(signed(world, body)))

    assert_problem(response, 401, "callback_signature_invalid")
    assert await head_of(world) == before
    assert await rows(world, "SELECT FROM gatehouse.evidence WHERE digest = %s", sha256(body).digest()) == []


@pytest.mark.parametrize("secret", [b"another secret, also thirty-two b", bytes(32), b"\0"])
async def test_another_secret_is_no_secret(world: World, held: Held, secret: bytes) -> None:
    body = body_of(held)

    assert_problem(await send(world, body, signed(world, body, secret=secret)), 401, "callback_signature_invalid")


async def test_the_deployments_other_keys_do_not_sign_callbacks(world: World, held: Held) -> None:
    keys = world.services.keys
    body = body_of(held)
    for key in (keys.master, keys.fingerprint, keys.cursor):
        assert_problem(await send(world, body, signed(world, body, secret=key)), 401, "callback_signature_invalid")


async def test_every_byte_of_the_body_is_signed(world: World, held: Held) -> None:
    body = body_of(held, answer="rejected")
    headers = signed(world, body)
    for edited in (
        body.replace(b"rejected", b"approved"),
        body.replace(b": ", b":", 1),
        body + b"\n",
        b" " + body,
        body[:-1],
        b"",
    ):
        assert_problem(await send(world, edited, headers), 401, "callback_signature_invalid")
    assert await world.status(held.customer["id"]) == "verifying"


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(days=1), timedelta(minutes=-6)])
async def test_a_callback_that_was_signed_long_ago_or_ahead_of_time_is_refused(
    world: World, held: Held, age: timedelta
) -> None:
    body = body_of(held)

    assert_problem(await send(world, body, signed(world, body, age=age)), 401, "callback_signature_invalid")
    assert await world.status(held.customer["id"]) == "verifying"


async def test_a_body_that_is_no_text_is_refused(world: World) -> None:
    body = b"\xff\xfe" + CANARY.encode()

    assert_problem(await send(world, body, signed(world, body)), 401, "callback_signature_invalid")


async def test_a_key_of_ours_is_no_signature(world: World, held: Held) -> None:
    for client in (world.partner, world.admin):
        response = await client.post(callback_path("sandbox"), content=body_of(held))
        assert_problem(response, 401, "callback_signature_invalid")


# Signed, but not in the format.


MALFORMED: Final[dict[str, dict[str, Any]]] = {
    "an unknown answer": {"answer": CANARY},
    "an unknown type": {"type": CANARY},
    "an unknown field": {CANARY: 1},
    "an applicant that is none": {"applicant": CANARY},
    "no time": {"reportedAt": None},
    "a time without a zone": {"reportedAt": "2026-01-01T00:00:00"},
    "no person": {"person": None},
    "a person with more": {
        "person": {"name": "x", "documentNumber": "x", "documentCountry": "UTO", CANARY: 1},
    },
    "another kind of country": {"person": {"name": "x", "documentNumber": "x", "documentCountry": CANARY}},
    "an overlong name": {"person": {"name": CANARY * 30, "documentNumber": "x", "documentCountry": "UTO"}},
    "labels that are no list": {"labels": CANARY},
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED)
async def test_a_signed_callback_of_another_format_is_refused_and_changes_nothing(
    world: World, held: Held, changes: dict[str, Any]
) -> None:
    body = body_of(held, **changes)
    before = await head_of(world)

    assert_problem(await send(world, body, signed(world, body)), 422, "invalid_request")
    assert await head_of(world) == before


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", CANARY.encode(), b'{"a":' * 5000])
async def test_a_signed_body_that_is_no_callback_is_refused(world: World, body: bytes) -> None:
    assert_problem(await send(world, body, signed(world, body)), 422, "invalid_request")
