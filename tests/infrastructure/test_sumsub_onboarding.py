"""Customers whose persons Sumsub verifies, through a whole running service."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pytest

from infrastructure.services import callback_path
from infrastructure.verification.readers import RESULT_IN
from tests.conftest import Server
from tests.support import sumsub as vendor
from tests.support.http import (
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    detail_of,
    head_of,
    last_event,
    rows,
    service_log,
    types_of,
)
from tests.support.people import reviews_of
from tests.support.sumsub import SumsubServer, http, passport, sumsub_server
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

OVERDUE: Final = """
    UPDATE gatehouse.worklist SET due = now() - interval '1 second', leased_until = NULL
    WHERE customer = %s AND kind = 'await_verification' RETURNING attempt
"""
LEASE: Final = "SELECT kind, leased_until - now() FROM gatehouse.worklist WHERE customer = %s"


@pytest.fixture(scope="module")
async def sumsub() -> AsyncIterator[SumsubServer]:
    async with sumsub_server() as server:
        yield server


@pytest.fixture(scope="module")
async def world(server: Server, sumsub: SumsubServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    settings = {
        "kyc": "sumsub",
        "sumsub_token": vendor.TOKEN,
        "sumsub_secret": vendor.SECRET,
        "sumsub_callback_secret": vendor.CALLBACK_SECRET,
        "sumsub_level": vendor.LEVEL,
        "sumsub_url": sumsub.url,
    }
    async with running(conninfo, tmp_path_factory.mktemp("service"), **settings) as world:
        yield world
    server.drop(conninfo)


@pytest.fixture
async def held(world: World) -> Held:
    """A customer that is being verified."""
    return (await customers_at(world, "verifying"))[0]


async def call_back(world: World, sumsub: SumsubServer, body: bytes, algorithm: str = "sha256") -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as client:
        return await client.post(callback_path("sumsub"), content=body, headers=sumsub.sign(body, algorithm))


async def say(  # noqa: PLR0913 -- what a review comes to
    world: World,
    sumsub: SumsubServer,
    held: Held,
    answer: str,
    *,
    number: str = "",
    at: datetime | None = None,
    labels: tuple[str, ...] = (),
) -> httpx2.Response:
    """Let a review come to an end, and Sumsub call back with it."""
    customer, moment = held.customer["id"], at or datetime.now(UTC)
    sumsub.review(customer, answer, at=moment, labels=labels, info={"idDocs": [passport(number or uuid4().hex)]})
    return await call_back(world, sumsub, sumsub.callback(customer, answer, at=moment, labels=labels))


async def poll(world: World, held: Held) -> None:
    """Let time pass until the result is overdue."""
    assert len(await rows(world, OVERDUE, held.customer["id"])) == 1
    await world.work()


async def test_a_person_who_is_approved_makes_an_active_customer(
    world: World, sumsub: SumsubServer, held: Held
) -> None:
    session = (await world.partner.get(f"{held.path}/verification")).json()
    customer = held.customer["id"]
    assert session["provider"] == "sumsub"
    assert session["sessionUrl"] == f"https://in.sumsub.com/websdk/p/{customer}"
    assert session["sessionToken"] == f"_act-sbx-{customer}"

    sumsub.review(customer, "GREEN", info={"idDocs": [passport("P7654321")]})
    moment = datetime.now(UTC)
    body = sumsub.callback(customer, "GREEN", at=moment)
    response = await call_back(world, sumsub, body, "sha512")

    assert (response.status_code, response.content) == (200, b"")
    assert (await world.partner.get(held.path)).json()["status"] == "active"
    event = await last_event(world, held.customer)
    assert event["type"] == "VerificationPassed"
    assert (event["provider"], event["applicant"]) == ("sumsub", sumsub.applicants[customer]["id"])
    assert event["evidence"] == sha256(body).hexdigest()
    assert datetime.fromisoformat(event["reportedAt"]) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    digests = {bytes.fromhex(event[name]) for name in ("evidence", "identity")}
    kept = await rows(world, "SELECT digest FROM gatehouse.evidence WHERE subject = %s", customer)
    assert digests <= {digest for (digest,) in kept}


async def test_a_person_may_try_again(world: World, sumsub: SumsubServer, held: Held) -> None:
    assert (await say(world, sumsub, held, "RETRY", labels=("BAD_SELFIE",))).status_code == 200
    event = await last_event(world, held.customer)
    assert (event["type"], event["labels"]) == ("VerificationRetryRequested", ["BAD_SELFIE"])
    assert await world.status(held.customer["id"]) == "verifying"

    assert (await say(world, sumsub, held, "GREEN")).status_code == 200
    assert await world.status(held.customer["id"]) == "active"


async def test_a_person_whom_sumsub_holds_waits_until_it_decides(
    world: World, sumsub: SumsubServer, held: Held
) -> None:
    await say(world, sumsub, held, "onHold")
    await world.project()
    assert await detail_of(world, held.customer) == "on_hold"
    assert (await last_event(world, held.customer))["reasons"] == ["provider_hold"]

    await say(world, sumsub, held, "GREEN")
    assert await world.status(held.customer["id"]) == "active"


async def test_a_person_who_was_rejected_never_comes_again(world: World, sumsub: SumsubServer) -> None:
    one, other = await customers_at(world, "verifying", 2)
    number = uuid4().hex
    await say(world, sumsub, one, "FINAL", number=number, labels=("FORGERY",))
    assert await world.status(one.customer["id"]) == "rejected"

    await say(world, sumsub, other, "GREEN", number=f" {number[:5].upper()}-{number[5:]} ")

    event = await last_event(world, other.customer)
    assert (event["type"], event["reasons"]) == ("VerificationFailed", ["previously_rejected"])
    again = await world.other.post("/v1/customers", json={"chainId": other.wallet.account, "externalId": "again"})
    assert_problem(again, 403, "onboarding_barred")


async def decided(world: World, held: Held, outcome: str) -> httpx2.Response:
    """An officer's word on a hold."""
    review = (await reviews_of(world, held))[-1]
    word = {"outcome": outcome, "reason": "looked into it"}
    return await world.officer.post(f"/v1/reviews/{review['id']}/decision", json=word)


async def test_no_officer_passes_a_barred_person_whom_sumsub_holds(world: World, sumsub: SumsubServer) -> None:
    one, other = await customers_at(world, "verifying", 2)
    number = uuid4().hex
    await say(world, sumsub, one, "FINAL", number=number)
    await say(world, sumsub, other, "onHold", number=number)

    assert_problem(await decided(world, other, "pass"), 403, "onboarding_barred")
    assert await world.status(other.customer["id"]) == "verifying"


@pytest.mark.parametrize("answers", [["onHold"], ["RETRY"] * 6])
async def test_whom_an_officer_rejects_out_of_a_hold_is_barred_as_a_person(
    world: World, sumsub: SumsubServer, answers: list[str]
) -> None:
    one, other = await customers_at(world, "verifying", 2)
    number, now = uuid4().hex, datetime.now(UTC)
    for minute, answer in enumerate(answers):
        await say(world, sumsub, one, answer, number=number, at=now + timedelta(minutes=2 * minute))
    assert (await decided(world, one, "fail")).status_code == 200

    await say(world, sumsub, other, "GREEN", number=number)

    event = await last_event(world, other.customer)
    assert (event["type"], event["reasons"]) == ("VerificationFailed", ["previously_rejected"])


async def test_what_sumsub_decides_after_its_own_hold_is_found_though_the_callback_is_lost(
    world: World, sumsub: SumsubServer, held: Held
) -> None:
    await say(world, sumsub, held, "onHold")
    later = datetime.now(UTC) + timedelta(minutes=5)
    sumsub.review(held.customer["id"], "GREEN", at=later, info={"idDocs": [passport(uuid4().hex)]})
    with world.clock.moved(timedelta(days=1)):
        await world.work()

    assert await world.status(held.customer["id"]) == "active"


async def test_a_person_who_is_a_customer_already_waits_for_an_officer(world: World, sumsub: SumsubServer) -> None:
    one, other = await customers_at(world, "verifying", 2)
    number = uuid4().hex
    await say(world, sumsub, one, "GREEN", number=number)
    await say(world, sumsub, other, "GREEN", number=number)

    event = await last_event(world, other.customer)
    assert (event["type"], event["reasons"]) == ("VerificationHeld", ["duplicate_person"])
    assert event["identity"]
    assert await world.status(other.customer["id"]) == "verifying"


async def test_an_approval_without_a_document_waits_for_an_officer(
    world: World, sumsub: SumsubServer, held: Held
) -> None:
    customer = held.customer["id"]
    sumsub.review(customer, "GREEN")

    assert (await call_back(world, sumsub, sumsub.callback(customer, "GREEN"))).status_code == 200

    assert (await last_event(world, held.customer))["reasons"] == ["unidentified_person"]
    assert await world.status(customer) == "verifying"


async def test_nothing_of_what_sumsub_thinks_reaches_the_partner_or_the_log(world: World, sumsub: SumsubServer) -> None:
    with service_log() as written:
        for answer in ("RETRY", "FINAL", "onHold", "GREEN"):
            [held] = await customers_at(world, "verifying")
            await say(world, sumsub, held, answer, labels=("CANARY7F",), number="CANARY7F")
            await world.project()
            shown = [await world.partner.get(held.path), await world.partner.get("/v1/customers")]
            shown += [await world.partner.get(f"{held.path}/{part}") for part in ("verification", "services")]
            for response in shown:
                assert_no_canary(str(response.headers) + response.text)
                assert "sumsub" not in response.text or response.json().get("provider") == "sumsub"
        assert_no_canary(written.getvalue())
    stored = await rows(world, "SELECT state FROM gatehouse.stored_events")
    everything = b"".join(state for (state,) in stored).lower().replace(b'"labels":["canary7f"]', b"")
    assert_no_canary(everything.decode())
    assert b"jane doe" not in everything


# Lost, late, repeated, forged.


@pytest.mark.parametrize(("answer", "status"), [("GREEN", "active"), ("FINAL", "rejected"), ("RETRY", "verifying")])
async def test_a_result_whose_callback_was_lost_is_asked_for(
    world: World, sumsub: SumsubServer, held: Held, answer: str, status: str
) -> None:
    customer, moment = held.customer["id"], datetime.now(UTC)
    sumsub.review(customer, answer, at=moment, info={"idDocs": [passport(uuid4().hex)]})

    await poll(world, held)

    assert await world.status(customer) == status
    entry = (await world.officer.get(f"{held.path}/timeline")).json()["entries"][-1]
    assert entry["who"] == "policy:verification-1"
    assert datetime.fromisoformat(entry["occurredAt"]) == moment.replace(microsecond=0)
    before = await types_of(world, held.customer)
    late = await call_back(world, sumsub, sumsub.callback(customer, answer, at=moment + timedelta(milliseconds=300)))
    assert late.status_code == 200
    assert await types_of(world, held.customer) == before


async def test_a_poll_of_what_was_called_back_with_is_no_second_result(
    world: World, sumsub: SumsubServer, held: Held
) -> None:
    await say(world, sumsub, held, "RETRY")
    await world.project()
    before = await types_of(world, held.customer)

    await poll(world, held)

    assert await types_of(world, held.customer) == before


async def test_who_is_not_done_yet_is_asked_for_again_later_and_less_often(world: World, held: Held) -> None:
    customer, before = held.customer["id"], await types_of(world, held.customer)
    for overdue, wait in ((0, 15), (40, 40), (3000, 60)):
        await rows(
            world,
            "UPDATE gatehouse.worklist SET due = now() - %s * interval '1 minute', leased_until = NULL"
            " WHERE customer = %s RETURNING 1",
            overdue,
            customer,
        )
        await world.work()
        [(kind, left)] = await rows(world, LEASE, customer)
        assert kind == "await_verification"
        assert timedelta(minutes=wait - 1) < left <= timedelta(minutes=wait, seconds=5)

    assert await types_of(world, held.customer) == before
    assert await world.status(customer) == "verifying"


async def test_an_outage_of_sumsub_neither_passes_nor_rejects(world: World, sumsub: SumsubServer, held: Held) -> None:
    customer = held.customer["id"]
    sumsub.review(customer, "GREEN", info={"idDocs": [passport(uuid4().hex)]})
    body, before = sumsub.callback(customer, "GREEN"), await types_of(world, held.customer)
    sumsub.troubles = [http("503 Service Unavailable")] * 6

    response = await call_back(world, sumsub, body)
    await poll(world, held)

    assert_problem(response, 503, "unavailable")
    assert sumsub.troubles == []
    assert await types_of(world, held.customer) == before
    assert (await call_back(world, sumsub, body)).status_code == 200
    assert await world.status(customer) == "active"


async def test_repeats_and_disorder_change_nothing(world: World, sumsub: SumsubServer, held: Held) -> None:
    customer, start = held.customer["id"], datetime.now(UTC)
    sumsub.review(customer, "GREEN", info={"idDocs": [passport(uuid4().hex)]})
    retry, green = (
        sumsub.callback(customer, answer, at=start + timedelta(minutes=minute))
        for minute, answer in ((1, "RETRY"), (5, "GREEN"))
    )

    answers = [await call_back(world, sumsub, body) for body in (green, retry, green, retry)]
    answers += await asyncio.gather(*(call_back(world, sumsub, green) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {200}
    assert (await types_of(world, held.customer))[-2:] == ["VerificationStarted", "VerificationPassed"]


async def test_a_forged_callback_is_refused_and_changes_nothing(world: World, sumsub: SumsubServer, held: Held) -> None:
    body, before = sumsub.callback(held.customer["id"], "GREEN"), await head_of(world)

    assert_problem(await call_back(world, sumsub, body, "sha1"), 401, "callback_signature_invalid")
    async with httpx2.AsyncClient(base_url=world.url) as client:
        bare = await client.post(callback_path("sumsub"), content=body)
    assert_problem(bare, 401, "callback_signature_invalid")
    assert await head_of(world) == before


@pytest.mark.parametrize(
    "changes", [{"sandboxMode": False}, {"externalUserId": str(uuid4())}, {"type": "applicantReset"}]
)
async def test_what_is_not_for_us_is_taken_and_changes_nothing(
    world: World, sumsub: SumsubServer, held: Held, changes: dict[str, Any]
) -> None:
    body = json.loads(sumsub.callback(held.customer["id"], "RETRY")) | changes
    before = await head_of(world)

    response = await call_back(world, sumsub, json.dumps(body).encode())

    assert (response.status_code, response.content) == (202, b"")
    assert await head_of(world) == before


async def test_a_result_of_another_applicant_changes_nothing(world: World, sumsub: SumsubServer, held: Held) -> None:
    body = sumsub.callback(held.customer["id"], "RETRY", applicantId="5cb56e8e0a975a35f333cb83")

    assert (await call_back(world, sumsub, body)).status_code == 202
    assert (await types_of(world, held.customer))[-1] == "VerificationStarted"


# What else there is, and is not.


async def test_only_the_provider_that_is_configured_is_heard(world: World, held: Held) -> None:
    async with httpx2.AsyncClient(base_url=world.url) as client:
        for path in (callback_path("sandbox"), callback_path("none"), callback_path("other")):
            assert_problem(await client.post(path, content=b"{}"), 404, "not_found")
    for outcome in ("verify", "reject"):
        assert_problem(await world.partner.patch(f"{held.simulator}/{outcome}"), 404, "not_found")
    rehearsed = await world.partner.patch(f"{held.simulator}/verification", json={"outcome": "pass"})
    assert_problem(rehearsed, 404, "not_found")
    document = (await world.partner.get("/openapi.json")).text
    assert "/simulator/customers/{customer_id}/screening" in document
    assert "/simulator/customers/{customer_id}/verif" not in document


async def test_every_result_is_read_again_from_its_evidence(world: World, sumsub: SumsubServer, held: Held) -> None:
    await say(world, sumsub, held, "GREEN")
    event = await last_event(world, held.customer)
    customer = UUID(held.customer["id"])
    body = sumsub.callback(str(customer), "GREEN", at=datetime.fromisoformat(event["reportedAt"]))
    applicant = json.dumps(sumsub.applicants[str(customer)]).encode()

    read = RESULT_IN["sumsub"]((body, applicant), fingerprint=world.services.keys.fingerprint_of)

    assert read[0] == customer
    assert (read[1].evidence, read[1].identity) == (event["evidence"], event["identity"])
    assert (read[1].person, read[1].answer) == (event["person"], "approved")
