"""What partners can rely on."""

from base64 import b64decode
from datetime import UTC, datetime
from itertools import count

import pytest

from tests.support.world import Wallet, World

pytestmark = pytest.mark.anyio

WALLETS = count(20000)


async def test_a_registration_answers_with_the_customer_and_its_challenge(world: World) -> None:
    wallet = Wallet(next(WALLETS))
    response = await world.partner.post("/v1/customers", json={"chainId": wallet.account, "externalId": "user-7"})
    body = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/customers/{body['id']}"
    assert response.headers["etag"] == '"2"'
    assert set(body) == {"id", "externalId", "chainId", "status", "createdAt", "updatedAt", "challenge"}
    assert (body["externalId"], body["chainId"], body["status"]) == ("user-7", wallet.account, "initiating")
    message = b64decode(body["challenge"]).decode()
    assert message.splitlines()[1] == wallet.address
    assert message.endswith(f"Request ID: {body['id']}")


async def test_a_customer_is_read_as_it_was_answered_before_anything_is_projected(world: World) -> None:
    created = await world.register(Wallet(next(WALLETS)))
    del created["challenge"]
    response = await world.partner.get(f"/v1/customers/{created['id']}")
    assert response.json() == created
    assert response.headers["etag"] == '"2"'


async def test_a_wallet_is_one_wallet_in_any_case_and_on_any_chain(world: World) -> None:
    wallet = Wallet(next(WALLETS))
    customer = await world.register(wallet)
    for account in (wallet.account.lower(), wallet.account.replace("eip155:1:", "eip155:137:")):
        response = await world.partner.post("/v1/customers", json={"chainId": account, "externalId": "again"})
        assert response.status_code == 409
        assert response.json()["code"] == "customer_exists"
        assert response.json()["id"] == customer["id"]


async def test_another_partner_may_register_the_same_wallet(world: World) -> None:
    wallet = Wallet(next(WALLETS))
    mine, theirs = await world.register(wallet), await world.register(wallet, by="other")
    assert mine["id"] != theirs["id"]


async def test_a_rejected_wallet_is_barred_for_every_partner_and_on_every_chain(world: World) -> None:
    wallet = Wallet(next(WALLETS))
    customer = await world.verifying(wallet)
    await world.partner.patch(f"/v1/simulator/customers/{customer['id']}/reject")
    assert await world.status(customer["id"]) == "rejected"
    account = wallet.account.replace("eip155:1:", "eip155:8453:")
    for client in (world.partner, world.other):
        response = await client.post("/v1/customers", json={"chainId": account, "externalId": "back"})
        assert (response.status_code, response.json()["code"]) == (403, "onboarding_barred")


async def test_a_barred_person_is_rejected_whatever_wallet_they_come_with(world: World) -> None:
    first = await world.verifying(Wallet(next(WALLETS)))
    await approve(world, first["id"], answer="rejected", document="BARRED1")
    assert await world.status(first["id"]) == "rejected"
    second = await world.verifying(Wallet(next(WALLETS)), by="other")
    await approve(world, second["id"], answer="approved", document="BARRED1", by="other")
    assert await world.status(second["id"]) == "rejected"


async def test_a_person_who_is_another_live_customer_is_held_and_stays_verifying(world: World) -> None:
    first, second = await world.verifying(Wallet(next(WALLETS))), await world.verifying(Wallet(next(WALLETS)))
    await approve(world, first["id"], answer="approved", document="TWICE1")
    await approve(world, second["id"], answer="approved", document="TWICE1")
    assert await world.status(first["id"]) == "active"
    assert await world.status(second["id"]) == "verifying"


async def test_a_session_can_be_had_while_verifying_and_not_otherwise(world: World) -> None:
    customer = await world.register(Wallet(next(WALLETS)))
    before = await world.partner.get(f"/v1/customers/{customer['id']}/verification")
    assert (before.status_code, before.json()["code"]) == (409, "not_verifying")
    verifying = await world.verifying(Wallet(next(WALLETS)))
    session = (await world.partner.get(f"/v1/customers/{verifying['id']}/verification")).json()
    assert set(session) == {"provider", "sessionUrl", "sessionToken", "expiresAt"}
    assert (await world.partner.get(session["sessionUrl"])).status_code == 200


async def test_a_partner_suspends_and_resumes_and_a_repeat_changes_nothing(world: World) -> None:
    customer = await world.active(Wallet(next(WALLETS)))
    url = f"/v1/customers/{customer['id']}"
    once, twice = await world.partner.patch(f"{url}/deactivate"), await world.partner.patch(f"{url}/deactivate")
    assert once.json()["status"] == "inactive"
    assert (once.json(), once.headers["etag"]) == (twice.json(), twice.headers["etag"])
    services = (await world.partner.get(f"{url}/services")).json()
    assert services == {"status": "inactive", "accountCreation": False, "cardCreation": False}
    assert (await world.partner.patch(f"{url}/activate")).json()["status"] == "active"
    assert (await world.partner.patch(f"{url}/activate")).json()["status"] == "active"


async def test_a_precondition_keeps_a_change_from_what_has_changed(world: World) -> None:
    customer = await world.active(Wallet(next(WALLETS)))
    url = f"/v1/customers/{customer['id']}"
    tag = (await world.partner.get(url)).headers["etag"]
    changed = await world.partner.patch(f"{url}/deactivate", headers={"If-Match": tag})
    assert changed.status_code == 200
    stale = await world.partner.patch(f"{url}/activate", headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")
    assert (await world.partner.patch(f"{url}/activate", headers={"If-Match": "*"})).status_code == 200


async def test_suspicion_is_lifted_by_officers_alone(world: World) -> None:
    customer = await world.active(Wallet(next(WALLETS)))
    url = f"/v1/customers/{customer['id']}"
    await world.partner.patch(f"/v1/simulator/customers/{customer['id']}/monitoring", json={"outcome": "suspicion"})
    refused = await world.partner.patch(f"{url}/activate")
    assert (refused.status_code, refused.json()["code"]) == (409, "activation_reserved")
    assert (await world.officer.patch(f"{url}/activate")).json()["status"] == "active"


async def test_pages_hold_every_customer_once_while_more_are_registered(world: World) -> None:
    for number in range(7):
        await world.register(Wallet(next(WALLETS)), f"page-{number}", by="other")
    await world.project()
    seen: list[dict[str, str]] = []
    cursor = ""
    while cursor is not None:
        page = (await world.other.get(f"/v1/customers?limit=3{cursor and '&cursor=' + cursor}")).json()
        seen += page["customers"]
        cursor = page.get("nextCursor")
        await world.register(Wallet(next(WALLETS)), "later", by="other")
        await world.project()
    names = [customer["externalId"] for customer in seen]
    assert [name for name in names if name.startswith("page-")] == [f"page-{number}" for number in range(6, -1, -1)]
    assert len({customer["id"] for customer in seen}) == len(seen)


async def test_a_list_is_filtered(world: World) -> None:
    wallet = Wallet(next(WALLETS))
    customer = await world.register(wallet, "filtered")
    await world.project()
    later = datetime.now(UTC).isoformat()
    for query, found in (
        ({"externalId": "filtered"}, True),
        ({"chainId": wallet.account.lower()}, True),
        ({"chainId": wallet.account, "status": "initiating"}, True),
        ({"chainId": wallet.account, "status": "active"}, False),
        ({"externalId": "filtered", "createdAfter": customer["createdAt"][:-1] + "Z"}, False),
        ({"createdAfter": later}, False),
    ):
        page = (await world.partner.get("/v1/customers", params=query)).json()
        assert ([customer["id"]] == [one["id"] for one in page["customers"]]) is found, query


async def test_a_customer_is_read_as_of_a_time_and_a_position(world: World) -> None:
    customer = await world.active(Wallet(next(WALLETS)))
    url = f"/v1/customers/{customer['id']}"
    events = (await world.auditor.get(f"{url}/events")).json()["events"]
    for event, status in ((events[0], "initiating"), (events[2], "screening"), (events[-1], "active")):
        for moment in (event["position"], event["recordedAt"]):
            assert (await world.partner.get(url, params={"asOf": moment})).json()["status"] == status
    assert (await world.partner.get(url, params={"asOf": events[0]["position"] - 1})).status_code == 404


@pytest.mark.parametrize(
    ("outcome", "status", "detail"),
    [
        ("pass", "active", ""),
        ("retry", "verifying", "asked_to_retry"),
        ("final", "rejected", ""),
        ("hold", "verifying", "on_hold"),
        ("duplicate", "active", ""),
        ("out_of_order", "active", ""),
    ],
)
async def test_a_verification_is_rehearsed(world: World, outcome: str, status: str, detail: str) -> None:
    customer = await world.verifying(Wallet(next(WALLETS)))
    url = f"/v1/simulator/customers/{customer['id']}/verification"
    assert (await world.partner.patch(url, json={"outcome": outcome})).status_code == 202
    await world.project()
    told = (await world.officer.get(f"/v1/customers/{customer['id']}/timeline")).json()
    assert (told["status"], told["detail"]) == (status, detail)


@pytest.mark.parametrize(
    ("outcome", "status", "detail"),
    [
        ("pass", "verifying", "in_session"),
        ("hit", "rejected", ""),
        ("false_positive", "screening", "retrying"),
        ("outage", "screening", "retrying"),
    ],
)
async def test_a_screening_is_rehearsed(world: World, outcome: str, status: str, detail: str) -> None:
    wallet = Wallet(next(WALLETS))
    customer = await world.register(wallet)
    url = f"/v1/simulator/customers/{customer['id']}/screening"
    assert (await world.partner.patch(url, json={"outcome": outcome})).status_code == 202
    await world.sign(customer, wallet)
    await world.work()
    told = (await world.officer.get(f"/v1/customers/{customer['id']}/timeline")).json()
    assert (told["status"], told["detail"]) == (status, detail)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("pass", "active"),
        ("outage", "active"),
        ("suspicion", "inactive"),
        ("false_positive", "inactive"),
        ("evidence", "rejected"),
        ("hit", "rejected"),
    ],
)
async def test_monitoring_is_rehearsed(world: World, outcome: str, status: str) -> None:
    customer = await world.active(Wallet(next(WALLETS)))
    url = f"/v1/simulator/customers/{customer['id']}/monitoring"
    assert (await world.partner.patch(url, json={"outcome": outcome})).status_code == 202
    assert await world.status(customer["id"]) == status


async def test_an_outcome_that_a_step_has_not_is_refused(world: World) -> None:
    customer = await world.active(Wallet(next(WALLETS)))
    url = f"/v1/simulator/customers/{customer['id']}"
    refused = await world.partner.patch(f"{url}/monitoring", json={"outcome": "retry"})
    assert (refused.status_code, refused.json()["code"]) == (422, "outcome_not_applicable")
    late = await world.partner.patch(f"{url}/screening", json={"outcome": "pass"})
    assert (late.status_code, late.json()["code"]) == (409, "wrong_status")


async def test_every_answer_has_security_headers(world: World) -> None:
    for path in ("/v1/customers", "/v1/nothing", "/health/live", "/sandbox/verification/none"):
        headers = (await world.partner.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]


async def test_metrics_count_and_name_no_customer(world: World) -> None:
    customer = await world.register(Wallet(next(WALLETS)), "metric-canary")
    await world.project()
    text = (await world.partner.get("/metrics")).text
    assert "gatehouse_requests_total" in text
    assert 'gatehouse_projection_position{projection="customers"}' in text
    assert customer["id"] not in text
    assert "metric-canary" not in text


async def approve(world: World, customer_id: str, *, answer: str, document: str, by: str = "partner") -> None:
    """Click on the hosted page, as a person with this document."""
    session = (await world.clients[by].get(f"/v1/customers/{customer_id}/verification")).json()
    form = {"name": "Ada Sample", "document_number": document, "document_country": "UTO", "answer": answer}
    response = await world.partner.post(session["sessionUrl"], data=form)
    assert response.status_code == 200, response.text
