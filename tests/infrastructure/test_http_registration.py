"""Registration and the challenge: one customer a wallet, and a signature to prove who owns it."""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from domain.challenge import LIFETIME
from tests.support.http import (
    Held,
    assert_problem,
    customers_at,
    fresh_wallet,
    head_of,
    rejected,
    types_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def register(world: World, account: str, by: str = "partner") -> httpx2.Response:
    return await world.clients[by].post("/v1/customers", json={"chainId": account, "externalId": "user-1"})


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
    read = await world.partner.get(response.headers["location"])
    assert response.headers["etag"] == read.headers["etag"]
    assert read.json() == {name: value for name, value in customer.items() if name != "challenge"}


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


async def test_a_wallet_of_an_erased_customer_is_registered_anew_once_and_tells_nothing_of_it(world: World) -> None:
    first = (await customers_at(world, "initiating"))[0]
    erasure = {"legalBasis": "retention_over"}
    with world.clock.moved(world.services.retention):
        assert (await world.admin.post(f"{first.path}/erasure", json=erasure)).status_code == 200

    asked = await asyncio.gather(*(register(world, first.wallet.account) for _ in range(5)))

    (second,) = [answer.json() for answer in asked if answer.status_code == 201]
    assert second["id"] != first.customer["id"]
    for answer in asked:
        if answer.status_code != 201:
            assert assert_problem(answer, 409, "customer_exists")["id"] == second["id"]
    await world.project()
    listed = await world.partner.get("/v1/customers", params={"chainId": first.wallet.account})
    assert [customer["id"] for customer in listed.json()["customers"]] == [second["id"]]
    assert (await world.sign(second, first.wallet)).status_code == 204


async def test_a_failed_challenge_is_replaced_when_it_is_read(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    assert (await world.sign(held.customer, fresh_wallet())).status_code == 401

    fresh = await challenge_of(world, held)

    assert fresh["challenge"] != held.customer["challenge"]
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
