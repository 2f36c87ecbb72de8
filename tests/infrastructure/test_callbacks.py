"""Callbacks in: forged, stale, misplaced, repeated and disordered ones change nothing."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook

from infrastructure.sandbox.provider import Callback, somebody
from infrastructure.services import CALLBACK_PATH
from tests.support.world import Wallet, World

pytestmark = pytest.mark.anyio

WALLETS = count(30000)


def callback(customer_id: str, answer: str = "approved", minutes: int = 0) -> bytes:
    body = Callback.model_validate(
        {
            "applicant": UUID(customer_id),
            "answer": answer,
            "reported_at": datetime.now(UTC) + timedelta(minutes=minutes),
            "person": somebody(UUID(customer_id)),
        }
    )
    return body.model_dump_json(by_alias=True).encode()


async def send(world: World, body: bytes, *, secret: bytes | None = None, age: timedelta = timedelta()) -> int:
    """Send a signed callback; the status that it is answered with."""
    sent_at = datetime.now(UTC) - age
    signature = Webhook(secret or world.services.keys.callback).sign("msg_1", sent_at, body.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": signature,
        "authorization": "",
    }
    response = await world.partner.post(CALLBACK_PATH, content=body, headers=headers)
    return response.status_code


async def test_a_signed_result_is_recorded_and_a_repeat_changes_nothing(world: World) -> None:
    customer = await world.verifying(Wallet(next(WALLETS)))
    body = callback(customer["id"])
    assert [await send(world, body), await send(world, body)] == [200, 200]
    events = (await world.auditor.get(f"/v1/customers/{customer['id']}/events")).json()["events"]
    assert [event["type"] for event in events].count("VerificationPassed") == 1


async def test_a_result_with_another_signature_is_refused(world: World) -> None:
    customer = await world.verifying(Wallet(next(WALLETS)))
    assert await send(world, callback(customer["id"]), secret=b"another secret of this length...") == 401
    unsigned = await world.partner.post(CALLBACK_PATH, content=callback(customer["id"]))
    assert (unsigned.status_code, unsigned.json()["code"]) == (401, "callback_signature_invalid")
    assert await world.status(customer["id"]) == "verifying"


async def test_a_result_that_was_signed_too_long_ago_is_refused(world: World) -> None:
    customer = await world.verifying(Wallet(next(WALLETS)))
    assert await send(world, callback(customer["id"]), age=timedelta(minutes=6)) == 401
    assert await world.status(customer["id"]) == "verifying"


async def test_a_result_for_nobody_is_taken_and_changes_nothing(world: World) -> None:
    assert await send(world, callback(str(uuid4()))) == 202


async def test_a_signed_body_that_is_no_result_is_refused(world: World) -> None:
    for body in (b"{}", b"[]", b"no json", json.dumps({"applicant": "x", "answer": "maybe"}).encode()):
        assert await send(world, body) == 422


async def test_a_result_before_its_time_changes_nothing(world: World) -> None:
    customer = await world.register(Wallet(next(WALLETS)))
    assert await send(world, callback(customer["id"])) == 202
    assert await world.status(customer["id"]) == "initiating"


async def test_an_older_result_that_comes_later_is_ignored(world: World) -> None:
    customer = await world.verifying(Wallet(next(WALLETS)))
    assert await send(world, callback(customer["id"], "on_hold")) == 200
    assert await send(world, callback(customer["id"], "rejected", minutes=-5)) == 200
    assert await world.status(customer["id"]) == "verifying"
    assert await send(world, callback(customer["id"], "approved", minutes=1)) == 200
    assert await world.status(customer["id"]) == "active"


async def test_a_session_that_is_forged_or_over_shows_nothing(world: World) -> None:
    customer = await world.verifying(Wallet(next(WALLETS)))
    url = (await world.partner.get(f"/v1/customers/{customer['id']}/verification")).json()["sessionUrl"]
    forged = url[:-3] + ("AAA" if url[-3:] != "AAA" else "BBB")
    assert (await world.partner.get(forged)).status_code == 404
    with world.clock.moved(timedelta(minutes=-31)):
        over = (await world.partner.get(f"/v1/customers/{customer['id']}/verification")).json()["sessionUrl"]
    assert (await world.partner.post(over, data={"answer": "approved"})).status_code == 404
    assert await world.status(customer["id"]) == "verifying"


async def test_the_page_escapes_and_refuses_what_is_malformed(world: World) -> None:
    customer = await world.verifying(Wallet(next(WALLETS)))
    url = (await world.partner.get(f"/v1/customers/{customer['id']}/verification")).json()["sessionUrl"]
    bad = {"name": "<script>", "document_number": "1", "document_country": "xx", "answer": "approved"}
    response = await world.partner.post(url, data=bad)
    assert response.status_code == 422
    assert "<script>" not in response.text
    assert await world.status(customer["id"]) == "verifying"
