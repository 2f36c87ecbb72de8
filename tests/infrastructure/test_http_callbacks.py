"""Callbacks that are sound: durable before they are answered, and harmless when repeated or misplaced."""

import asyncio
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import StringIO
from uuid import UUID, uuid4

import pytest

from infrastructure.keys.keyring import Keyring
from infrastructure.keys.masters import MasterKeys
from infrastructure.postgres import Connection
from infrastructure.sandbox.provider import Callback, somebody
from tests.support.callbacks import body_of, send, signed
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
    async with Keyring(connection, MasterKeys(world.services.keys.masters)).key_of(customer) as key:
        assert key.open(sealed, customer.bytes + digest) == body
    await connection.close()
    everything = b"".join(state for (state,) in await rows(world, "SELECT state FROM gatehouse.stored_events"))
    assert CANARY.encode() not in everything


async def test_a_result_happened_when_the_provider_says(world: World, held: Held) -> None:
    moment = datetime.now(UTC) - timedelta(days=3)
    body = body_of(held, reportedAt=moment.isoformat())

    await send(world, body, signed(world, body))

    entries = (await world.officer.get(f"{held.path}/timeline")).json()["entries"]
    assert datetime.fromisoformat(entries[-1]["occurredAt"]) == moment
    assert datetime.fromisoformat(entries[-1]["recordedAt"]) > moment


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


async def test_what_the_sandbox_signs_it_takes_itself(world: World) -> None:
    sandbox = world.services.sandbox
    assert sandbox is not None
    customer = uuid4()
    callback = Callback(applicant=customer, answer="retry", reported_at=datetime.now(UTC), person=somebody(customer))

    signed_callback = sandbox.provider.sign(callback)
    reported = await sandbox.provider.receive(signed_callback.body, signed_callback.headers)

    assert reported is not None
    assert (reported.customer, reported.payloads) == (customer, (signed_callback.body,))
    result = reported.result
    assert (result.answer, result.reported_at) == ("retry", callback.reported_at)
    assert result.evidence == sha256(signed_callback.body).hexdigest()
