"""Every write there is takes an idempotency key: what is asked again is not done again, and answered alike."""

import asyncio
import json
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest

from infrastructure.exports.asked import Asked
from infrastructure.exports.order_folder import Failed, Order
from infrastructure.http.app import create_app
from tests.infrastructure.test_http_authorisation import CALLERS, TABLE, Callers, callers, request_for
from tests.infrastructure.test_sanctions_adoption import adoptions
from tests.support.http import assert_problem, customers_at, rows
from tests.support.lists import days_ago, list_xml
from tests.support.people import REASON
from tests.support.repeats import KEY, alike
from tests.support.world import World

pytestmark = pytest.mark.anyio

__all__ = ["callers"]

KINDS: Final = {
    "POST /v1/customers": "command",
    "POST /v1/customers/{customer_id}/challenge/sign": "command",
    "PATCH /v1/customers/{customer_id}/deactivate": "command",
    "PATCH /v1/customers/{customer_id}/activate": "command",
    "POST /v1/reviews/{review_id}/decision": "command",
    "POST /v1/alerts/{alert_id}/clear": "command",
    "POST /v1/customers/{customer_id}/rejection": "command",
    "POST /v1/customers/{customer_id}/rejection/confirmation": "command",
    "POST /v1/customers/{customer_id}/rejection/refusal": "command",
    "POST /v1/customers/{customer_id}/rejection/withdrawal": "command",
    "POST /v1/customers/{customer_id}/hold": "command",
    "POST /v1/customers/{customer_id}/hold/lift": "command",
    "POST /v1/customers/{customer_id}/erasure": "command",
    "POST /v1/sanctions-lists": "command",
    "PATCH /v1/simulator/customers/{customer_id}/monitoring": "command",
    "POST /v1/exports": "begun",
    "PATCH /v1/simulator/customers/{customer_id}/screening": "begun",
    "PATCH /v1/simulator/customers/{customer_id}/verification": "begun",
    "PATCH /v1/simulator/customers/{customer_id}/verify": "begun",
    "PATCH /v1/simulator/customers/{customer_id}/reject": "begun",
    "POST /v1/keys": "command",
    "POST /v1/keys/{key_id}/rotation": "command",
    "DELETE /v1/keys/{key_id}": "begun",
    "PUT /v1/keys/{key_id}/public-key": "begun",
    "DELETE /v1/keys/{key_id}/public-key": "begun",
    "PUT /v1/webhooks": "command",
    "DELETE /v1/webhooks/{webhook_id}": "command",
    "POST /v1/webhooks/{webhook_id}/secret": "command",
    "POST /v1/webhooks/{webhook_id}/test": "begun",
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": "begun",
    "POST /v1/policies/{name}/trial": "safe",
    "POST /v1/audit/replays": "safe",
    "POST /v1/auth/token": "safe",
}
"""One command, which goes on record with its events; begun on record, its answer kept; or it changes nothing."""
CARRIED_OUT: Final = [
    name for name, kind in KINDS.items() if kind != "safe" and any(answer < 300 for answer in TABLE[name].answers)
]
DONE: Final = "SELECT count(*) FROM gatehouse.stored_events WHERE topic <> 'AuditTrailRead'"
"""All that was ever done; that somebody looked is on record each time."""
SANCTIONS: Final = "/v1/sanctions-lists"
XML: Final = {"content-type": "application/xml"}


async def test_every_write_has_its_kind(world: World) -> None:
    found = {}
    for route in create_app(world.services).state.routes:
        if route.method != "GET":
            kind = "safe" if route.safe else "begun" if route.render is None else "command"
            found[f"{route.method} /v1{route.path}"] = kind
    assert found == KINDS


@pytest.mark.parametrize("name", CARRIED_OUT)
async def test_what_is_asked_again_is_not_done_again(callers: Callers, name: str) -> None:
    caller = next(who for who, status in zip(CALLERS, TABLE[name].answers, strict=True) if status < 300)
    client, world = callers.clients[caller], callers.world
    method, path, body = await request_for(callers, name, spent=True)
    headers = {KEY: f"of {name}"}

    first = await client.request(method, path, json=body, headers=headers)
    done = await rows(world, DONE)
    again = [await client.request(method, path, json=body, headers=headers) for _ in range(2)]
    again += await asyncio.gather(*(client.request(method, path, json=body, headers=headers) for _ in range(4)))
    other = {"content-type": "application/json", **headers}
    changed = await client.request(method, path, content=json.dumps(body or {}, indent=2), headers=other)

    assert first.status_code < 300, first.text
    assert alike([first, *again])
    assert_problem(changed, 422, "idempotency_key_reused")
    assert await rows(world, DONE) == done


async def give(world: World, content: bytes, key: str, query: str = "") -> httpx2.Response:
    return await world.admin.post(SANCTIONS + query, content=content, headers={**XML, KEY: key})


async def test_a_list_that_is_given_again_is_answered_with_what_it_changed(world: World) -> None:
    first_list, second_list = (
        list_xml(*range(1, 41), published=days_ago(3)),
        list_xml(*range(2, 42), published=days_ago(2)),
    )

    first = await give(world, first_list, "a list", "?force=true")
    second = await give(world, second_list, "the next list", "?force=true")
    adopted = len(await adoptions(world))
    again = await give(world, first_list, "a list", "?force=true")
    without = await give(world, first_list, "a list")
    another = await give(world, second_list, "a list", "?force=true")

    assert first.json()["changed"]
    assert second.json()["previousHash"] == first.json()["listHash"]
    assert alike([first, again])
    for other in (without, another):
        assert_problem(other, 422, "idempotency_key_reused")
    assert len(await adoptions(world)) == adopted


async def test_a_list_that_was_refused_or_in_force_is_answered_alike(world: World) -> None:
    newest, old = list_xml(*range(1, 45), published=days_ago(0)), list_xml(*range(1, 45), published=days_ago(9))
    assert (await give(world, newest, "in force", "?force=true")).status_code == 200

    unchanged = [await give(world, newest, "in force already") for _ in range(2)]
    older = [await give(world, old, "older") for _ in range(2)]

    assert unchanged[0].json()["changed"] is False
    assert alike(unchanged)
    assert_problem(older[0], 409, "sanctions_list_older")
    assert alike(older)


async def test_an_export_that_is_ordered_again_is_the_one_that_was_ordered(world: World) -> None:
    asked: dict[str, Any] = {"types": ["CustomerRegistered"]}
    ordered = [await world.auditor.post("/v1/exports", json=asked, headers={KEY: "an export"})]
    path = ordered[0].headers["location"]
    async with asyncio.timeout(60):
        while (await world.auditor.get(path)).json()["status"] == "running":  # noqa: ASYNC110 -- another process makes it
            await asyncio.sleep(0.05)

    ordered.append(await world.auditor.post("/v1/exports", json=asked, headers={KEY: "an export"}))
    other = await world.auditor.post("/v1/exports", json=asked, headers={KEY: "another export"})

    assert ordered[0].status_code == 202
    assert alike(ordered)
    assert other.headers["location"] != path


async def test_an_export_that_had_to_wait_may_be_ordered_under_the_same_key(world: World) -> None:
    order = Order(Asked(), uuid4(), "auditor:another", world.clock())
    under_way = world.services.exports.take(uuid4(), order)
    asked: dict[str, Any] = {"types": ["CustomerRegistered"]}

    early = await world.auditor.post("/v1/exports", json=asked, headers={KEY: "patient"})
    under_way.conclude(Failed("export_failed"))
    again = await world.auditor.post("/v1/exports", json=asked, headers={KEY: "patient"})

    assert_problem(early, 409, "export_under_way")
    assert again.status_code == 202


async def test_an_erasure_is_answered_alike_and_what_showed_the_customer_is_not_shown_again(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    again_later = {"chainId": held.wallet.account, "externalId": "user-1"}
    shown = await world.partner.post(
        f"{held.path}/challenge/sign", json={**again_later, "challenge": "", "signature": ""}, headers={KEY: "no"}
    )
    hold = {"authority": "Central Bank", "reason": REASON}
    holds = [await world.officer.post(f"{held.path}/hold", json=hold, headers={KEY: "hold"})]
    assert (await world.officer.post(f"{held.path}/hold/lift", json=hold)).status_code == 200
    basis = {"legalBasis": "data_subject_request"}

    with world.clock.moved(world.services.retention):
        erased = [
            await world.admin.post(f"{held.path}/erasure", json=basis, headers={KEY: "erasure"}) for _ in range(2)
        ]
    gone = await world.officer.post(f"{held.path}/hold", json=hold, headers={KEY: "hold"})

    assert shown.status_code == 422
    assert holds[0].status_code == 200
    assert erased[0].status_code == 200, erased[0].text
    assert alike(erased)
    assert_problem(gone, 410, "customer_erased")


async def test_a_read_does_not_look_at_a_key(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    before = await rows(world, "SELECT count(*) FROM gatehouse.idempotency")

    for key in ("of a read", "", "x" * 300):
        assert (await world.partner.get(held.path, headers={KEY: key})).status_code == 200

    assert await rows(world, "SELECT count(*) FROM gatehouse.idempotency") == before
