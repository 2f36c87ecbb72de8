"""Callbacks in: the signature first, on the raw body; what is accepted is durable, what is not changes nothing."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pytest
from standardwebhooks import Webhook

from infrastructure.postgres import Connection
from infrastructure.sandbox.provider import Callback, somebody
from infrastructure.sealing import Keyring
from infrastructure.services import CALLBACK_PATH
from tests.support.http import (
    CANARY,
    MISSING,
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    head_of,
    last_event,
    rows,
    service_log,
    types_of,
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


def body_of(held: Held, answer: str = "approved", **changes: object) -> bytes:
    """What the sandbox says about a customer now."""
    callback: dict[str, Any] = {
        "type": "verification.result",
        "applicant": held.customer["id"],
        "answer": answer,
        "labels": [],
        "reportedAt": datetime.now(UTC).isoformat(),
        "person": somebody(UUID(held.customer["id"])).model_dump(by_alias=True),
    }
    return json.dumps(callback | changes).encode()


def signed(
    world: World, body: bytes, *, secret: bytes | None = None, age: timedelta = timedelta(0), name: str | None = None
) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    sent_at, name = datetime.now(UTC) - age, name or f"msg_{uuid4().hex}"
    signature = Webhook(secret or world.services.keys.callback).sign(name, sent_at, body.decode("utf-8", "replace"))
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": signature,
    }


async def send(world: World, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    """Call back as a vendor does: without a key of ours."""
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as vendor:
        return await vendor.post(CALLBACK_PATH, content=body, headers=headers)


async def test_a_sound_callback_is_recorded_before_it_is_answered(world: World, held: Held) -> None:
    body = body_of(held)

    response = await send(world, body, signed(world, body))

    assert (response.status_code, response.content) == (200, b"")
    event = await last_event(world, held.customer)
    assert event["type"] == "VerificationPassed"
    assert event["evidence"] == sha256(body).hexdigest()
    assert (await world.partner.get(held.path)).json()["status"] == "active"


async def test_a_callbacks_bytes_are_kept_sealed_as_they_came(world: World, held: Held) -> None:
    body = body_of(held, person={"name": CANARY, "documentNumber": CANARY, "documentCountry": "UTO"})

    await send(world, body, signed(world, body))

    customer, digest = UUID(held.customer["id"]), sha256(body).digest()
    [(sealed,)] = await rows(
        world, "SELECT sealed FROM gatehouse.evidence WHERE subject = %s AND digest = %s", customer, digest
    )
    assert CANARY.encode() not in sealed
    connection = Connection(world.services.conninfo)
    key = await Keyring(connection, world.services.keys.master).key_of(customer)
    await connection.close()
    assert key.open(sealed, customer.bytes + digest) == body
    everything = b"".join(state for (state,) in await rows(world, "SELECT state FROM gatehouse.stored_events"))
    assert CANARY.encode() not in everything


async def test_a_result_happened_when_the_provider_says(world: World, held: Held) -> None:
    moment = datetime.now(UTC) - timedelta(days=3)
    body = body_of(held, reportedAt=moment.isoformat())

    await send(world, body, signed(world, body))

    entries = (await world.officer.get(f"{held.path}/timeline")).json()["entries"]
    assert datetime.fromisoformat(entries[-1]["occurredAt"]) == moment
    assert datetime.fromisoformat(entries[-1]["recordedAt"]) > moment


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


@pytest.mark.parametrize("age", [timedelta(minutes=4), timedelta(minutes=-4)])
async def test_clocks_may_differ_by_a_few_minutes(world: World, held: Held, age: timedelta) -> None:
    body = body_of(held)

    assert (await send(world, body, signed(world, body, age=age))).status_code == 200


async def test_one_of_several_signatures_is_enough(world: World, held: Held) -> None:
    """Two secrets are in use while one replaces the other."""
    body = body_of(held)
    headers = signed(world, body)
    other = f"v1,{b64encode(bytes(32)).decode()}"

    response = await send(world, body, {**headers, "webhook-signature": f"{other} {headers['webhook-signature']}"})

    assert response.status_code == 200


async def test_a_body_that_is_no_text_is_refused(world: World) -> None:
    body = b"\xff\xfe" + CANARY.encode()

    assert_problem(await send(world, body, signed(world, body)), 401, "callback_signature_invalid")


async def test_a_key_of_ours_is_no_signature(world: World, held: Held) -> None:
    for client in (world.partner, world.admin):
        response = await client.post(CALLBACK_PATH, content=body_of(held))
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


# Known, late, misplaced, for nobody.


@pytest.mark.parametrize("answer", ["approved", "retry", "rejected", "on_hold"])
async def test_a_replayed_callback_is_known_and_changes_nothing(world: World, held: Held, answer: str) -> None:
    body = body_of(held, answer)
    headers = signed(world, body)
    assert (await send(world, body, headers)).status_code == 200
    before = await head_of(world)

    for again in (headers, signed(world, body)):
        assert (await send(world, body, again)).status_code == 200
    assert await head_of(world) == before


async def test_the_same_callback_many_times_at_once_is_recorded_once(world: World, held: Held) -> None:
    body = body_of(held)
    headers = signed(world, body)

    answers = await asyncio.gather(*(send(world, body, headers) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {200}
    assert (await types_of(world, held.customer)).count("VerificationPassed") == 1


async def test_results_are_ordered_by_the_providers_clock(world: World, held: Held) -> None:
    now = datetime.now(UTC)
    later, earlier = [
        body_of(held, answer, reportedAt=moment.isoformat())
        for answer, moment in (("on_hold", now), ("rejected", now - timedelta(seconds=1)))
    ]

    for body in (later, earlier):
        assert (await send(world, body, signed(world, body))).status_code == 200

    assert (await types_of(world, held.customer))[6:] == ["VerificationHeld"]
    assert await world.status(held.customer["id"]) == "verifying"


async def test_a_result_after_the_decision_changes_nothing(world: World, held: Held) -> None:
    first = body_of(held)
    await send(world, first, signed(world, first))
    before = await types_of(world, held.customer)

    late = body_of(held, "rejected")

    assert (await send(world, late, signed(world, late))).status_code == 200
    assert await types_of(world, held.customer) == before
    assert await world.status(held.customer["id"]) == "active"


@pytest.mark.parametrize("nobody", [MISSING, str(UUID(int=0))])
async def test_a_callback_for_nobody_is_taken_and_changes_nothing(world: World, held: Held, nobody: str) -> None:
    body = body_of(held, applicant=nobody, labels=[CANARY])
    before = await head_of(world)

    response = await send(world, body, signed(world, body))

    assert (response.status_code, response.content) == (202, b"")
    assert await head_of(world) == before
    assert await rows(world, "SELECT FROM gatehouse.evidence WHERE digest = %s", sha256(body).digest()) == []


async def test_a_callback_for_something_else_in_the_log_is_for_nobody(world: World, held: Held) -> None:
    key = (await world.services.directory.all())[0]["keyId"]
    body = body_of(held, applicant=key)

    assert (await send(world, body, signed(world, body))).status_code == 202


@pytest.mark.parametrize("signs", [False, True])
async def test_a_callback_before_its_time_is_taken_and_changes_nothing(world: World, signs: bool) -> None:  # noqa: FBT001 -- a parameter
    held = (await customers_at(world, "initiating"))[0]
    if signs:
        await world.sign(held.customer, held.wallet)
    before = await types_of(world, held.customer)
    body = body_of(held)

    assert (await send(world, body, signed(world, body))).status_code == 202
    assert await types_of(world, held.customer) == before


async def test_what_was_ignored_leaves_a_trace_without_names(world: World, held: Held, log: StringIO) -> None:
    body = body_of(held, person={"name": CANARY, "documentNumber": CANARY, "documentCountry": "UTO"})
    await send(world, body, signed(world, body))
    before = log.getvalue().count("result_ignored")

    await send(world, body, signed(world, body))

    assert log.getvalue().count("result_ignored") == before + 1
    assert held.customer["id"] not in log.getvalue()


# Persons.


def person(number: str) -> dict[str, str]:
    return {"name": "Somebody", "documentNumber": number, "documentCountry": "UTO"}


async def test_the_same_person_with_another_wallet_waits_for_an_officer(world: World) -> None:
    one, other = await customers_at(world, "verifying", 2)
    number = uuid4().hex
    for held in (one, other):
        body = body_of(held, person=person(number))
        await send(world, body, signed(world, body))

    assert await world.status(one.customer["id"]) == "active"
    event = await last_event(world, other.customer)
    assert (event["type"], event["reasons"]) == ("VerificationHeld", ["duplicate_person"])
    assert (await world.partner.get(other.path)).json()["status"] == "verifying"


async def test_a_rejected_person_stays_out_whatever_wallet_they_come_with(world: World) -> None:
    one, other = await customers_at(world, "verifying", 2)
    number = uuid4().hex
    for held, answer in ((one, "rejected"), (other, "approved")):
        body = body_of(held, answer, person=person(number))
        await send(world, body, signed(world, body))

    event = await last_event(world, other.customer)
    assert (event["type"], event["reasons"]) == ("VerificationFailed", ["previously_rejected"])
    response = await world.other.post("/v1/customers", json={"chainId": other.wallet.account, "externalId": "again"})
    assert_problem(response, 403, "onboarding_barred")


async def test_a_document_of_another_country_is_another_person(world: World) -> None:
    one, other = await customers_at(world, "verifying", 2)
    number = uuid4().hex
    for held, country in ((one, "UTO"), (other, "AUT")):
        body = body_of(held, person=person(number) | {"documentCountry": country})
        await send(world, body, signed(world, body))

    assert [await world.status(held.customer["id"]) for held in (one, other)] == ["active", "active"]


def test_what_the_sandbox_signs_it_takes_itself(world: World) -> None:
    sandbox = world.services.sandbox
    assert sandbox is not None
    customer = uuid4()
    callback = Callback(applicant=customer, answer="retry", reported_at=datetime.now(UTC), person=somebody(customer))

    signed_callback = sandbox.provider.sign(callback)
    applicant, result = sandbox.provider.receive(
        signed_callback.body, signed_callback.headers, fingerprint=world.services.keys.fingerprint_of
    )

    assert applicant == customer
    assert (result.answer, result.reported_at) == ("retry", callback.reported_at)
    assert result.evidence == sha256(signed_callback.body).hexdigest()
