"""Four eyes: who may propose, confirm, refuse and take back, and what each comes to."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

import pytest

from domain.vocabulary import Confirmation
from infrastructure.work.deadlines import expire_proposals
from tests.conftest import Server
from tests.support.http import (
    MISSING,
    Held,
    assert_problem,
    customer_that_is,
    customers_at,
    head_of,
    last_event,
    rows,
    types_of,
)
from tests.support.people import (
    REASON,
    colleague,
    evidence_of,
    held_in_verification,
    proposed,
    reviews_of,
)
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

SAY: Final = {"reason": REASON}


@pytest.fixture(scope="module", params=[Confirmation.AMBIGUOUS, Confirmation.ALWAYS])
async def careful(
    server: Server, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    """A service where officers' rejections, or all, wait for a second officer."""
    conninfo = server.clone()
    async with running(conninfo, tmp_path_factory.mktemp("careful"), confirmation=request.param) as world:
        yield world
    server.drop(conninfo)


async def bars_of(world: World, held: Held) -> int:
    """How many bars a customer's rejection left."""
    query = "SELECT convert_from(state, 'UTF8') FROM gatehouse.stored_events WHERE topic = 'OnboardingBarred'"
    return sum(held.customer["id"] in row[0] for row in await rows(world, query))


@pytest.mark.parametrize("status", ["screening", "verifying", "active", "inactive"])
async def test_two_officers_reject_whoever_is_under_way_or_in(world: World, status: str) -> None:
    held, other = await customer_that_is(world, status), await colleague(world)

    suggested = await world.officer.post(f"{held.path}/rejection", json=SAY)
    confirmed = await other.post(f"{held.path}/rejection/confirmation")

    assert (suggested.status_code, suggested.json()["status"]) == (200, status)
    assert [review["kind"] for review in suggested.json()["reviews"]] == ["rejection_proposal"]
    assert (confirmed.status_code, confirmed.json()["status"], confirmed.json()["reviews"]) == (200, "rejected", [])
    assert await bars_of(world, held) >= 1
    again = {"chainId": held.wallet.account, "externalId": "again"}
    assert_problem(await world.other.post("/v1/customers", json=again), 403, "onboarding_barred")


@pytest.mark.parametrize("status", ["initiating", "rejected"])
async def test_who_is_not_being_decided_on_cannot_be_proposed(world: World, status: str) -> None:
    held = await customer_that_is(world, status)

    assert_problem(await world.officer.post(f"{held.path}/rejection", json=SAY), 409, "wrong_status")


async def test_whoever_proposes_cannot_confirm(world: World) -> None:
    held = await proposed(world, world.officer)

    response = await world.officer.post(f"{held.path}/rejection/confirmation")

    assert_problem(response, 409, "self_confirmation")
    assert await world.status(held.customer["id"]) == "active"


async def test_two_officers_who_confirm_at_once_reject_once_and_bar_once(world: World) -> None:
    held, other = await proposed(world, world.officer), await colleague(world)

    answers = await asyncio.gather(*(other.post(f"{held.path}/rejection/confirmation") for _ in range(8)))

    assert {(answer.status_code, answer.json()["status"]) for answer in answers} == {(200, "rejected")}
    assert (await types_of(world, held.customer)).count("IllicitActivityConfirmed") == 1
    wallet_and_person = 2
    assert await bars_of(world, held) <= wallet_and_person
    query = "SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'OnboardingBarred' GROUP BY originator_id"
    assert {row[0] for row in await rows(world, query)} == {1}


async def test_confirmation_and_refusal_at_once_come_to_one_of_them(world: World) -> None:
    held, other = await proposed(world, world.officer), await colleague(world)

    await asyncio.gather(
        other.post(f"{held.path}/rejection/confirmation"), other.post(f"{held.path}/rejection/refusal", json=SAY)
    )

    types = await types_of(world, held.customer)
    assert types.count("IllicitActivityConfirmed") + types.count("RejectionRefused") == 1


async def test_each_way_to_end_a_proposal_is_an_event_of_its_own_signed_by_who_did_it(world: World) -> None:
    other = await colleague(world)
    ends: list[tuple[str, Any, str]] = [
        ("refusal", other, "RejectionRefused"),
        ("withdrawal", world.officer, "RejectionWithdrawn"),
    ]
    for way, client, event in ends:
        held = await proposed(world, world.officer)
        for _ in range(2):
            ended = await client.post(f"{held.path}/rejection/{way}", json=SAY)
            assert (ended.status_code, ended.json()["status"], ended.json()["reviews"]) == (200, "active", [])
        assert (await types_of(world, held.customer))[-2:] == ["RejectionProposed", event]
        assert_problem(await other.post(f"{held.path}/rejection/confirmation"), 409, "nothing_to_decide")


async def test_one_takes_back_ones_own_and_refuses_anothers(world: World) -> None:
    held, other = await proposed(world, world.officer), await colleague(world)

    withdrawn = await other.post(f"{held.path}/rejection/withdrawal", json=SAY)
    refused = await world.officer.post(f"{held.path}/rejection/refusal", json=SAY)

    assert_problem(withdrawn, 409, "not_the_proposer")
    assert_problem(refused, 409, "self_refusal")
    assert (await last_event(world, held.customer))["type"] == "RejectionProposed"


async def test_it_is_too_late_to_refuse_or_take_back_what_was_confirmed(world: World) -> None:
    held, other = await proposed(world, world.officer), await colleague(world)
    await other.post(f"{held.path}/rejection/confirmation")

    for client, way in ((other, "refusal"), (world.officer, "withdrawal")):
        assert_problem(await client.post(f"{held.path}/rejection/{way}", json=SAY), 409, "nothing_to_decide")


async def test_nobody_confirms_what_nobody_proposed(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    assert_problem(await world.officer.post(f"{held.path}/rejection/confirmation"), 409, "nothing_to_decide")


async def test_the_first_proposal_stands(world: World) -> None:
    held, other = await proposed(world, world.officer), await colleague(world)

    for client in (world.officer, other):
        again = await client.post(f"{held.path}/rejection", json=SAY)
        assert again.status_code == 200

    assert (await types_of(world, held.customer)).count("RejectionProposed") == 1
    assert_problem(await world.officer.post(f"{held.path}/rejection/confirmation"), 409, "self_confirmation")


async def test_a_proposal_expires_after_seven_days_and_is_nobodys_word(world: World) -> None:
    held, other = await proposed(world, world.officer), await colleague(world)
    await world.project()

    with world.clock.moved(timedelta(days=6, hours=23)):
        await expire_proposals(world.services)
        assert (await last_event(world, held.customer))["type"] == "RejectionProposed"
    with world.clock.moved(timedelta(days=7)):
        assert_problem(await other.post(f"{held.path}/rejection/confirmation"), 409, "nothing_to_decide")
        await asyncio.gather(*(expire_proposals(world.services) for _ in range(3)))

    events = (await world.auditor.get(f"{held.path}/events")).json()["events"]
    assert [event["type"] for event in events[-2:]] == ["RejectionProposed", "RejectionExpired"]
    assert events[-1]["event"]["actor"] == "system:deadlines"
    assert await reviews_of(world, held) == []
    assert await world.status(held.customer["id"]) == "active"
    await expire_proposals(world.services)
    assert len((await world.auditor.get(f"{held.path}/events")).json()["events"]) == len(events)


async def test_a_proposal_names_evidence_that_was_kept_of_this_customer(world: World) -> None:
    held, another = await customers_at(world, "active", 2)
    own, other = await evidence_of(world, held), await evidence_of(world, another)
    before = len(await types_of(world, held.customer))

    for digests in (["0" * 64], [*own, *other], [own[0], "f" * 64]):
        response = await world.officer.post(f"{held.path}/rejection", json=SAY | {"evidence": digests})
        assert_problem(response, 404, "evidence_not_found")
    assert len(await types_of(world, held.customer)) == before
    named = await world.officer.post(f"{held.path}/rejection", json=SAY | {"evidence": [*own, own[0]]})

    assert named.json()["reviews"][0]["evidence"] == own
    confirmed = await (await colleague(world)).post(f"{held.path}/rejection/confirmation")
    assert confirmed.json()["status"] == "rejected"
    assert (await last_event(world, held.customer))["evidence"] == own


@pytest.mark.parametrize("evidence", ["", ["x"], ["A" * 64], ["0" * 64] * 51, {}, None, [None]])
async def test_evidence_is_named_by_its_digests(world: World, evidence: object) -> None:
    held = (await customers_at(world, "active"))[0]
    before = await head_of(world)

    response = await world.officer.post(f"{held.path}/rejection", json=SAY | {"evidence": evidence})

    assert_problem(response, 422, "invalid_request")
    assert await head_of(world) == before


async def test_what_is_no_customer_is_neither_rejected_nor_held(world: World) -> None:
    key = (await rows(world, "SELECT originator_id FROM gatehouse.stored_events WHERE topic = 'ApiKeyIssued'"))[0][0]
    for unknown in (MISSING, str(key)):
        path = f"/v1/customers/{unknown}"
        calls: list[tuple[str, dict[str, Any] | None]] = [
            ("rejection", SAY),
            ("rejection/confirmation", None),
            ("rejection/refusal", SAY),
            ("rejection/withdrawal", SAY),
            ("hold", SAY | {"authority": "Central Bank"}),
            ("hold/lift", SAY | {"authority": "Central Bank"}),
        ]
        for call, body in calls:
            assert_problem(await world.officer.post(f"{path}/{call}", json=body), 404, "customer_not_found")


async def test_a_legal_hold_is_placed_and_lifted_once(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    body = SAY | {"authority": "Central Bank"}

    for call, expected in (("hold", True), ("hold", True), ("hold/lift", False), ("hold/lift", False)):
        response = await world.officer.post(f"{held.path}/{call}", json=body)
        assert (response.status_code, response.json()["legalHold"]) == (200, expected)

    assert (await types_of(world, held.customer))[-2:] == ["LegalHoldPlaced", "LegalHoldLifted"]


@pytest.mark.parametrize("authority", ["", " ", "x" * 256, "a\nb", None, 7])
async def test_an_authority_is_a_name(world: World, authority: object) -> None:
    held = (await customers_at(world, "initiating"))[0]

    response = await world.officer.post(f"{held.path}/hold", json=SAY | {"authority": authority})

    assert assert_problem(response, 422, "invalid_request")["errors"][0]["pointer"] == "/authority"


async def test_where_a_second_officer_must_agree_a_failed_hold_is_a_proposal(careful: World) -> None:
    waiting, other = await held_in_verification(careful), await colleague(careful)

    failed = await careful.officer.post(f"{waiting.path}/decision", json=SAY | {"outcome": "fail"})
    alone = await careful.officer.post(f"{waiting.held.path}/rejection/confirmation")
    agreed = await other.post(f"{waiting.held.path}/rejection/confirmation")

    assert (failed.status_code, failed.json()["status"]) == (200, "verifying")
    kinds = [review["kind"] for review in failed.json()["reviews"]]
    assert kinds == ["verification_hold", "rejection_proposal"]
    assert_problem(alone, 409, "self_confirmation")
    assert agreed.json()["status"] == "rejected"
    last = await last_event(careful, waiting.held.customer)
    assert (last["type"], last["decidedBy"].count("officer:")) == ("VerificationFailed", 2)


async def test_after_a_refusal_the_hold_waits_still_and_can_be_passed(careful: World) -> None:
    waiting, other = await held_in_verification(careful), await colleague(careful)
    await careful.officer.post(f"{waiting.path}/decision", json=SAY | {"outcome": "fail"})

    refused = await other.post(f"{waiting.held.path}/rejection/refusal", json=SAY)
    passed = await other.post(f"{waiting.path}/decision", json=SAY | {"outcome": "pass"})

    assert [review["id"] for review in refused.json()["reviews"]] == [waiting.review["id"]]
    assert (passed.json()["status"], passed.json()["reviews"]) == ("active", [])


REJECTING: Final = {
    "screening": ("hit", "screening", "screening_hold", "sanctions_match"),
    "verification": ("final", "verifying", "verification_hold", "provider_rejected"),
    "monitoring": ("evidence", "inactive", "alert", "sanctions_match"),
}


@pytest.fixture(scope="module")
async def strict(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A service where every rejection waits for two officers."""
    conninfo = server.clone()
    async with running(conninfo, tmp_path_factory.mktemp("strict"), confirmation=Confirmation.ALWAYS) as world:
        yield world
    server.drop(conninfo)


@pytest.mark.parametrize("step", REJECTING)
async def test_where_officers_confirm_every_rejection_no_policy_rejects_alone(strict: World, step: str) -> None:
    outcome, status, kind, reason = REJECTING[step]
    at = {"screening": "initiating", "verification": "verifying", "monitoring": "active"}[step]
    held, other = (await customers_at(strict, at))[0], await colleague(strict)
    await strict.partner.patch(f"{held.simulator}/{step}", json={"outcome": outcome})
    if step == "screening":
        await strict.sign(held.customer, held.wallet)
        await strict.work()

    (review,) = await reviews_of(strict, held)
    assert (await strict.status(held.customer["id"]), review["kind"]) == (status, kind)
    assert review["reasons"] == [reason, *(["confirmation_required"] if step != "monitoring" else [])]
    await strict.officer.post(f"{held.path}/rejection", json=SAY)
    confirmed = await other.post(f"{held.path}/rejection/confirmation")

    assert (confirmed.json()["status"], confirmed.json()["reviews"]) == ("rejected", [])
    assert await bars_of(strict, held) >= 1
