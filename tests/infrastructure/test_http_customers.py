"""What partners do: register, sign, open a session, suspend and resume, and ask what a customer may use."""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from domain.challenge import LIFETIME
from infrastructure.sandbox.provider import SESSION
from infrastructure.worker import Worker
from tests.support.http import (
    Held,
    assert_problem,
    customers_at,
    detail_of,
    fresh_wallet,
    head_of,
    last_event,
    types_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def register(world: World, account: str, by: str = "partner") -> httpx2.Response:
    return await world.clients[by].post("/v1/customers", json={"chainId": account, "externalId": "user-1"})


async def rejected(world: World, how: str = "verification") -> Held:
    """A customer that failed a step."""
    at = {"screening": "initiating", "verification": "verifying", "monitoring": "active"}[how]
    held = (await customers_at(world, at))[0]
    outcome = {"screening": "hit", "verification": "final", "monitoring": "evidence"}[how]
    assert (await world.partner.patch(f"{held.simulator}/{how}", json={"outcome": outcome})).status_code == 202
    if how == "screening":
        assert (await world.sign(held.customer, held.wallet)).status_code == 204
        await world.work()
    assert await world.status(held.customer["id"]) == "rejected"
    return held


async def test_a_registration_is_answered_with_the_customer_and_its_challenge(world: World) -> None:
    wallet = fresh_wallet()

    before = datetime.now(UTC)
    response = await world.partner.post(
        "/v1/customers", json={"chainId": wallet.account, "externalId": "Zoë <&> 顧客 \U0001f600"}
    )

    assert response.status_code == 201
    customer = response.json()
    assert UUID(customer["id"]).version == 7
    assert customer["externalId"] == "Zoë <&> 顧客 \U0001f600"
    assert customer["chainId"] == wallet.account
    assert customer["status"] == "initiating"
    assert customer["createdAt"] == customer["updatedAt"]
    assert before - timedelta(seconds=5) < datetime.fromisoformat(customer["createdAt"])
    assert customer["createdAt"].endswith("Z")
    assert response.headers["location"] == f"/v1/customers/{customer['id']}"
    assert response.headers["etag"] == '"2"'
    assert (await world.partner.get(response.headers["location"])).json() == {
        name: value for name, value in customer.items() if name != "challenge"
    }


async def test_the_challenge_is_an_eip_4361_message_of_this_deployment(world: World) -> None:
    wallet = fresh_wallet()
    customer = (await register(world, f"eip155:137:{wallet.address.lower()}")).json()

    lines = b64decode(customer["challenge"], validate=True).decode().split("\n")

    assert lines[:4] == [
        f"{world.url.removeprefix('http://')} wants you to sign in with your Ethereum account:",
        wallet.address,
        "",
        "",
    ]
    fields = dict(line.split(": ", 1) for line in lines[4:])
    assert list(fields) == ["URI", "Version", "Chain ID", "Nonce", "Issued At", "Expiration Time", "Request ID"]
    assert (fields["URI"], fields["Version"], fields["Chain ID"]) == (world.url, "1", "137")
    assert fields["Request ID"] == customer["id"]
    assert len(fields["Nonce"]) >= 8
    assert fields["Nonce"].isalnum()
    issued, expires = (datetime.fromisoformat(fields[name]) for name in ("Issued At", "Expiration Time"))
    assert expires - issued == LIFETIME


async def test_no_two_challenges_share_a_nonce(world: World) -> None:
    held = await customers_at(world, "initiating", 20)

    nonces = {
        line
        for one in held
        for line in b64decode(one.customer["challenge"]).decode().split("\n")
        if line.startswith("Nonce: ")
    }

    assert len(nonces) == 20


async def test_a_wallet_is_registered_once_whatever_its_letter_case_and_chain(world: World) -> None:
    wallet = fresh_wallet()
    customer = (await register(world, wallet.account)).json()
    before = await head_of(world)

    for account in (
        wallet.account,
        f"eip155:1:{wallet.address.lower()}",
        f"eip155:1:0x{wallet.address[2:].upper()}",
        f"eip155:137:{wallet.address}",
        f"eip155:{'9' * 32}:{wallet.address.lower()}",
    ):
        problem = assert_problem(await register(world, account), 409, "customer_exists")
        assert problem["id"] == customer["id"]
    assert await head_of(world) == before


async def test_a_wallet_stays_registered_when_its_customer_moves_on(world: World) -> None:
    for held in (
        *(await customers_at(world, "initiating")),
        *(await customers_at(world, "verifying")),
        *(await customers_at(world, "active")),
    ):
        problem = assert_problem(await register(world, held.wallet.account), 409, "customer_exists")
        assert problem["id"] == held.customer["id"]


async def test_another_partner_may_register_the_same_wallet_and_learns_nothing(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    response = await register(world, held.wallet.account, by="other")

    assert response.status_code == 201
    assert response.json()["id"] != held.customer["id"]
    assert response.json()["status"] == "initiating"
    problem = assert_problem(await register(world, held.wallet.account, by="other"), 409, "customer_exists")
    assert problem["id"] == response.json()["id"]


@pytest.mark.parametrize("how", ["screening", "verification", "monitoring"])
async def test_a_rejected_wallet_is_barred_everywhere_for_everybody(world: World, how: str) -> None:
    held = await rejected(world, how)
    before = await head_of(world)

    for by in ("partner", "other"):
        for account in (
            held.wallet.account,
            f"eip155:1:{held.wallet.address.lower()}",
            f"eip155:137:{held.wallet.address}",
        ):
            problem = assert_problem(await register(world, account, by=by), 403, "onboarding_barred")
            assert "id" not in problem
    assert await head_of(world) == before


async def test_the_same_external_id_may_stand_for_two_wallets(world: World) -> None:
    first, second = (await register(world, fresh_wallet().account)).json(), (await world.register(fresh_wallet()))

    assert first["externalId"] == second["externalId"]
    assert first["id"] != second["id"]


async def challenge_of(world: World, held: Held) -> dict[str, Any]:
    response = await world.partner.get(f"{held.path}/challenge")
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    assert set(answer) == {"challenge", "expiresAt"}
    return answer


async def test_the_open_challenge_can_be_read_again(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]

    answers = [await challenge_of(world, held) for _ in range(3)]

    assert [answer["challenge"] for answer in answers] == [held.customer["challenge"]] * 3
    written = datetime.fromisoformat(answers[0]["expiresAt"])
    assert written.strftime("%Y-%m-%dT%H:%M:%S") in b64decode(answers[0]["challenge"]).decode()
    assert await types_of(world, held.customer) == ["CustomerRegistered", "ChallengeIssued"]


async def test_an_expired_challenge_is_replaced_when_it_is_read(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]

    with world.clock.moved(LIFETIME - timedelta(minutes=1)):
        assert (await challenge_of(world, held))["challenge"] == held.customer["challenge"]
    with world.clock.moved(LIFETIME):
        fresh = await challenge_of(world, held)
        assert fresh["challenge"] != held.customer["challenge"]
        assert await challenge_of(world, held) == fresh
        assert_problem(await world.sign(held.customer, held.wallet), 401, "signature_invalid")
        newest = await challenge_of(world, held)
        assert (await world.sign(held.customer | newest, held.wallet)).status_code == 204
    assert await types_of(world, held.customer) == [
        "CustomerRegistered",
        "ChallengeIssued",
        "ChallengeIssued",
        "ChallengeFailed",
        "ChallengeIssued",
        "ChallengeVerified",
    ]


async def test_a_failed_challenge_is_replaced_when_it_is_read(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    assert (await world.sign(held.customer, fresh_wallet())).status_code == 401

    fresh = await challenge_of(world, held)

    assert fresh["challenge"] != held.customer["challenge"]
    assert (await world.partner.get(f"{held.path}/challenge")).headers["etag"] == '"4"'
    assert_problem(await world.sign(held.customer, held.wallet), 401, "signature_invalid")


async def test_there_is_no_challenge_once_it_is_signed(world: World) -> None:
    for status in ("verifying", "active"):
        held = (await customers_at(world, status))[0]
        assert_problem(await world.partner.get(f"{held.path}/challenge"), 409, "challenge_already_signed")
        assert_problem(await world.sign(held.customer, held.wallet), 409, "challenge_already_signed")
    barred = await rejected(world)
    assert_problem(await world.partner.get(f"{barred.path}/challenge"), 409, "challenge_already_signed")


async def test_a_signature_leads_to_screening_at_once(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]

    response = await world.sign(held.customer, held.wallet)

    assert (response.status_code, response.content) == (204, b"")
    customer = (await world.partner.get(held.path)).json()
    assert customer["status"] == "screening"
    assert customer["updatedAt"] > customer["createdAt"]


async def test_a_session_is_given_while_verifying(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]

    first, second = [await world.partner.get(f"{held.path}/verification") for _ in range(2)]

    session = first.json()
    assert (first.status_code, second.status_code) == (200, 200)
    assert session["provider"] == "sandbox"
    assert session["sessionUrl"] == f"{world.url}/sandbox/verification/{session['sessionToken']}"
    lifetime = datetime.fromisoformat(session["expiresAt"]) - datetime.now(UTC)
    assert timedelta() < lifetime <= SESSION
    assert (await types_of(world, held.customer)).count("VerificationStarted") == 1


async def test_a_session_may_be_opened_before_a_worker_has_opened_it(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    await world.sign(held.customer, held.wallet)
    await world.project()
    worker = Worker(world.services, asyncio.Event())
    await worker.take()
    await worker.idle()
    assert (await types_of(world, held.customer))[-1] == "ScreeningPassed"

    assert (await world.partner.get(f"{held.path}/verification")).status_code == 200
    await world.work()

    assert (await types_of(world, held.customer)).count("VerificationStarted") == 1
    assert (await last_event(world, held.customer))["type"] == "VerificationStarted"


@pytest.mark.parametrize("status", ["initiating", "screening", "active", "inactive", "rejected"])
async def test_there_is_no_session_but_while_verifying(world: World, status: str) -> None:
    held = await customer_that_is(world, status)
    before = await types_of(world, held.customer)

    assert_problem(await world.partner.get(f"{held.path}/verification"), 409, "not_verifying")
    assert await types_of(world, held.customer) == before


async def customer_that_is(world: World, status: str) -> Held:
    """A customer at any of the six statuses."""
    if status == "rejected":
        return await rejected(world)
    at = {"screening": "initiating", "inactive": "active"}.get(status, status)
    held = (await customers_at(world, at))[0]
    if status == "screening":
        assert (await world.sign(held.customer, held.wallet)).status_code == 204
    if status == "inactive":
        assert (await world.partner.patch(f"{held.path}/deactivate")).status_code == 200
    assert await world.status(held.customer["id"]) == status
    return held


async def test_a_customer_is_suspended_and_resumed_and_repeats_change_nothing(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    start = len(await types_of(world, held.customer))

    answers = [
        await world.partner.patch(f"{held.path}/{change}")
        for change in ("activate", "deactivate", "deactivate", "activate", "activate")
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    statuses = [answer.json()["status"] for answer in answers]
    assert statuses == ["active", "inactive", "inactive", "active", "active"]
    assert [int(answer.headers["etag"].strip('"')) - start for answer in answers] == [0, 1, 1, 2, 2]
    assert answers[1].json() == answers[2].json()
    assert (await types_of(world, held.customer))[start:] == ["CustomerDeactivated", "CustomerReactivated"]


async def test_a_change_under_a_condition_happens_once(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    seen = (await world.partner.get(held.path)).headers["etag"]

    first = await world.partner.patch(f"{held.path}/deactivate", headers={"If-Match": seen})
    again = await world.partner.patch(f"{held.path}/deactivate", headers={"If-Match": seen})

    assert first.status_code == 200
    assert first.headers["etag"] != seen
    assert_problem(again, 412, "version_mismatch")
    newer = {"If-Match": first.headers["etag"]}
    assert (await world.partner.patch(f"{held.path}/activate", headers=newer)).status_code == 200


@pytest.mark.parametrize("status", ["initiating", "screening", "verifying", "rejected"])
async def test_who_is_not_in_can_be_neither_suspended_nor_resumed(world: World, status: str) -> None:
    held = await customer_that_is(world, status)
    before = await types_of(world, held.customer)

    for change in ("deactivate", "activate"):
        for client in (world.partner, world.officer):
            assert_problem(await client.patch(f"{held.path}/{change}"), 409, "wrong_status")
    assert await types_of(world, held.customer) == before


async def test_who_was_deactivated_on_suspicion_is_not_the_partners_to_resume(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})

    problem = assert_problem(await world.partner.patch(f"{held.path}/activate"), 409, "activation_reserved")

    assert "suspicion" not in str(problem).lower()
    assert (await world.partner.get(held.path)).json()["status"] == "inactive"
    assert (await world.officer.patch(f"{held.path}/activate")).json()["status"] == "active"


async def test_the_partners_own_request_does_not_lift_a_suspicion(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})

    assert (await world.partner.patch(f"{held.path}/deactivate")).status_code == 200
    assert_problem(await world.partner.patch(f"{held.path}/activate"), 409, "activation_reserved")


async def test_whom_an_officer_suspended_only_an_officer_resumes(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    assert (await world.officer.patch(f"{held.path}/deactivate")).status_code == 200
    assert await detail_of(world, held.customer) == "issue"

    assert_problem(await world.partner.patch(f"{held.path}/activate"), 409, "activation_reserved")
    resumed = await world.officer.patch(f"{held.path}/activate")

    assert resumed.json()["status"] == "active"
    event = await last_event(world, held.customer)
    assert event["decidedBy"].startswith("officer:")


async def test_services_are_open_to_the_active_alone(world: World) -> None:
    for status in ("initiating", "screening", "verifying", "active", "inactive", "rejected"):
        held = await customer_that_is(world, status)
        for client in (world.partner, world.officer, world.auditor):
            assert (await client.get(f"{held.path}/services")).json() == {
                "status": status,
                "accountCreation": status == "active",
                "cardCreation": status == "active",
            }


async def test_services_close_with_the_suspension_and_open_with_its_end(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    async def cards() -> bool:
        return bool((await world.partner.get(f"{held.path}/services")).json()["cardCreation"])

    seen = [await cards()]
    for change in ("deactivate", "activate"):
        await world.partner.patch(f"{held.path}/{change}")
        seen.append(await cards())

    assert seen == [True, False, True]


async def test_who_did_it_stands_in_the_log(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.path}/deactivate")
    await world.project()

    timeline = (await world.officer.get(f"{held.path}/timeline")).json()["entries"]
    actors = {entry["type"]: entry["who"].partition(":")[0] for entry in timeline}
    assert actors == {
        "CustomerRegistered": "partner",
        "ChallengeIssued": "partner",
        "ChallengeVerified": "partner",
        "ScreeningAttempted": "policy",
        "ScreeningPassed": "policy",
        "VerificationStarted": "provider",
        "VerificationPassed": "policy",
        "CustomerDeactivated": "partner",
    }
