"""Reads of one customer: what was just written is seen, and the past stays as it was."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest

from infrastructure.reading import fold_row
from tests.support.http import (
    Held,
    assert_problem,
    customers_at,
    fresh_wallet,
    head_of,
    rows,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

DETAILS: Final = ("detail", "reason", "finding", "suspicion", "hold", "attempt", "policy", "partner", "alert")
"""Words of the inside of a customer, which no partner may read."""


# What was just written.


async def test_a_write_is_seen_by_the_next_read_though_nothing_was_projected(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    for change, status in (("deactivate", "inactive"), ("activate", "active")) * 3:
        written = await world.partner.patch(f"{held.path}/{change}")
        read = await world.partner.get(held.path)
        assert read.json() == written.json()
        assert read.json()["status"] == status
        assert read.headers["etag"] == written.headers["etag"]


async def test_a_registration_is_seen_by_everybody_who_may_though_nothing_was_projected(world: World) -> None:
    customer = await world.register(fresh_wallet())
    del customer["challenge"]

    for client in (world.partner, world.officer, world.auditor):
        assert (await client.get(f"/v1/customers/{customer['id']}")).json() == customer


async def test_a_read_is_not_stale_where_the_projection_is_halfway(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    await world.project()
    assert (await world.sign(held.customer, held.wallet)).status_code == 204

    behind = await rows(world, "SELECT status FROM gatehouse.customers WHERE id = %s", held.customer["id"])

    assert behind == [("initiating",)]
    assert (await world.partner.get(held.path)).json()["status"] == "screening"


async def test_a_projected_customer_reads_as_the_log_tells_it(world: World) -> None:
    await world.project()
    for (stream,) in await rows(world, "SELECT id FROM gatehouse.customers"):
        row = await world.services.reader.customer(stream)
        assert row == fold_row((await world.services.reader.streams([stream]))[stream])


async def test_each_of_many_who_read_at_once_sees_what_was_written_before_it_asked(world: World) -> None:
    async def write_and_read() -> bool:
        customer = await world.register(fresh_wallet())
        return (await world.partner.get(f"/v1/customers/{customer['id']}")).status_code == 200

    assert all(await asyncio.gather(*(write_and_read() for _ in range(40))))


async def test_many_who_register_one_wallet_at_once_make_one_customer(world: World) -> None:
    body = {"chainId": fresh_wallet().account, "externalId": "race"}

    answers = await asyncio.gather(*(world.partner.post("/v1/customers", json=body) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_an_officers_timeline_is_not_stale_either(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.officer.patch(f"{held.path}/deactivate")

    response = await world.officer.get(f"{held.path}/timeline")

    assert response.json()["entries"][-1]["type"] == "CustomerDeactivated"
    assert f'"{len(response.json()["entries"])}"' == response.headers["etag"]


# What a partner sees.


async def test_a_partner_never_sees_the_inside_of_a_customer(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})
    await world.project()

    answers = [
        await world.partner.get(held.path),
        await world.partner.get(f"{held.path}?asOf={await head_of(world)}"),
        await world.partner.get(f"{held.path}/services"),
        await world.partner.get(f"/v1/customers?chainId={held.wallet.account}"),
        await world.partner.patch(f"{held.path}/activate"),
        await world.partner.patch(f"{held.path}/deactivate"),
    ]

    assert answers[0].json()["status"] == "inactive"
    for answer in answers:
        assert not [word for word in DETAILS if word in answer.text.lower()], answer.text
    for path in ("timeline", "events"):
        assert_problem(await world.partner.get(f"{held.path}/{path}"), 403, "forbidden")


# The past.


async def story(world: World) -> tuple[Held, list[dict[str, Any]], list[dict[str, Any]]]:
    """A customer, its events, and the customer as of the position of each."""
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.path}/deactivate")
    events = (await world.auditor.get(f"{held.path}/events")).json()["events"]
    seen = [(await world.partner.get(f"{held.path}?asOf={event['position']}")).json() for event in events]
    return held, events, seen


async def test_a_customer_as_of_each_position_is_what_it_was_then(world: World) -> None:
    held, events, seen = await story(world)

    assert [customer["status"] for customer in seen] == [
        "initiating",
        "initiating",
        "screening",
        "screening",
        "verifying",
        "verifying",
        "active",
        "inactive",
    ]
    assert seen[-1] == (await world.partner.get(held.path)).json()
    assert {customer["createdAt"] for customer in seen} == {events[0]["recordedAt"]}
    for customer, event in zip(seen, events, strict=True):
        assert customer["updatedAt"] <= event["recordedAt"]


async def test_a_customer_as_of_the_time_of_each_event_is_what_it_was_then(world: World) -> None:
    held, events, seen = await story(world)
    then = [datetime.fromisoformat(event["recordedAt"]) for event in events]

    for moment in then:
        for off in (timedelta(0), timedelta(microseconds=-1), timedelta(microseconds=1)):
            response = await world.partner.get(held.path, params={"asOf": (moment + off).isoformat()})
            known = [customer for customer, time in zip(seen, then, strict=True) if time <= moment + off]
            if known:
                assert response.json() == known[-1]
            else:
                assert_problem(response, 404, "customer_not_found")


async def test_a_customer_has_the_version_of_then(world: World) -> None:
    held, events, _ = await story(world)

    for event in events:
        response = await world.officer.get(f"{held.path}?asOf={event['position']}")
        assert response.headers["etag"] == f'"{event["version"]}"'


async def test_before_it_was_registered_there_was_no_customer(world: World) -> None:
    held, events, _ = await story(world)
    first = datetime.fromisoformat(events[0]["recordedAt"])

    for moment in (
        str(events[0]["position"] - 1),
        "0",
        (first - timedelta(microseconds=1)).isoformat(),
        "2020-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ):
        response = await world.partner.get(held.path, params={"asOf": moment})
        assert_problem(response, 404, "customer_not_found")


async def test_the_past_does_not_change_when_more_happens(world: World) -> None:
    held, events, seen = await story(world)
    await world.partner.patch(f"{held.path}/activate")
    await world.project()

    again = [(await world.partner.get(f"{held.path}?asOf={event['position']}")).json() for event in events]

    assert again == seen


async def test_a_moment_may_be_written_in_any_zone(world: World) -> None:
    held, events, _ = await story(world)
    moment = datetime.fromisoformat(events[2]["recordedAt"])

    written = [
        moment.astimezone(UTC).isoformat(),
        moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        moment.astimezone(timezone(timedelta(hours=5, minutes=45))).isoformat(),
        moment.astimezone(timezone(-timedelta(hours=9, minutes=30))).isoformat(),
    ]

    answers = [await world.partner.get(held.path, params={"asOf": text}) for text in written]
    assert {answer.json()["status"] for answer in answers} == {"screening"}


async def test_as_of_now_is_now(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    by_time = await world.partner.get(held.path, params={"asOf": datetime.now(UTC).isoformat()})
    by_position = await world.partner.get(held.path, params={"asOf": str(await head_of(world))})

    assert by_time.json() == by_position.json() == (await world.partner.get(held.path)).json()


async def test_officers_read_the_past_too(world: World) -> None:
    held, events, seen = await story(world)

    for client in (world.officer, world.auditor):
        assert (await client.get(f"{held.path}?asOf={events[4]['position']}")).json() == seen[4]
