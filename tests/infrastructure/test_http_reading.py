"""Reads: what was just written is seen, lists are whole and stable, and the past stays as it was."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, Final

import pytest

from application.handlers import Handling, append
from domain.events import CustomerRegistered
from infrastructure.reading import CustomerFilter, fold_row
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


async def all_pages(
    world: World, query: str = "", limit: int = 7, by: str = "partner", cursor: str = ""
) -> list[dict[str, Any]]:
    """Every customer of a list, page by page."""
    customers: list[dict[str, Any]] = []
    while True:
        response = await world.clients[by].get(f"/v1/customers?limit={limit}{query}{cursor}")
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["customers"]) <= limit
        customers += page["customers"]
        if "nextCursor" not in page:
            return customers
        assert len(page["customers"]) == limit
        cursor = f"&cursor={page['nextCursor']}"


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


async def test_a_timeline_reads_the_same_from_the_log_and_from_the_read_model(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.path}/deactivate")
    from_the_log = (await world.officer.get(f"{held.path}/timeline")).json()

    await world.project()

    assert (await world.officer.get(f"{held.path}/timeline")).json() == from_the_log


# What a partner sees.


async def test_a_partner_never_sees_the_inside_of_a_customer(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})
    await world.project()

    answers = [
        await world.partner.get(held.path),
        await world.partner.get(f"{held.path}?asOf=999999"),
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


# Lists.


async def many(world: World, name: str, how_many: int) -> list[str]:
    """Register customers under one external id; their ids, newest first."""
    ids = [(await world.register(fresh_wallet(), name))["id"] for _ in range(how_many)]
    await world.project()
    return ids[::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 21, 200])
async def test_all_pages_together_name_every_customer_once_newest_first(world: World, limit: int) -> None:
    ids = await many(world, f"pages of {limit}", 20)

    listed = await all_pages(world, f"&externalId=pages of {limit}", limit)

    assert [customer["id"] for customer in listed] == ids


async def test_all_pages_of_everything_are_everything(world: World) -> None:
    await world.project()
    stored = await rows(world, "SELECT id::text FROM gatehouse.customers ORDER BY registered_position DESC")

    for limit in (3, 50):
        assert [(customer["id"],) for customer in await all_pages(world, "", limit, "auditor")] == stored


async def test_what_is_registered_meanwhile_moves_nothing_on_later_pages(world: World) -> None:
    ids = await many(world, "meanwhile", 9)
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = (await world.partner.get(f"/v1/customers?externalId=meanwhile&limit=3{cursor}")).json()
        seen += [customer["id"] for customer in page["customers"]]
        cursor = f"&cursor={page.get('nextCursor')}"
        await many(world, "meanwhile", 2)

    assert seen == ids


async def test_who_changes_meanwhile_keeps_its_place(world: World) -> None:
    held = await customers_at(world, "active", 3)
    everything = [customer["id"] for customer in await all_pages(world, "", 200)]
    first = (await world.partner.get("/v1/customers?limit=1")).json()
    for customer in held:
        await world.partner.patch(f"{customer.path}/deactivate")
    await world.project()

    rest = await all_pages(world, "", 200, cursor=f"&cursor={first['nextCursor']}")

    assert [customer["id"] for customer in first["customers"] + rest] == everything


async def test_customers_that_were_registered_in_the_same_instant_are_not_lost_between_pages(world: World) -> None:
    """Commands that wait together are committed together, and so recorded at the same time."""
    name = "same instant"
    moment = (await rows(world, "SELECT clock_timestamp()"))[0][0]
    ids = [world.services.new_id() for _ in range(12)]
    partner = (await rows(world, "SELECT partner FROM gatehouse.customers LIMIT 1"))[0][0]

    def registration(number: int) -> Handling:
        event = CustomerRegistered(partner=partner, wallet=fresh_wallet().account, external_id=f"{name} {number % 2}")
        return append(ids[number], lambda _: (event,))

    await asyncio.gather(
        *(
            world.services.execute(partial(registration, number), actor=f"partner:{partner}", correlation_id=partner)
            for number in range(12)
        )
    )
    await world.project()

    times = await rows(
        world, "SELECT count(*), count(DISTINCT created_at) FROM gatehouse.customers WHERE created_at > %s", moment
    )
    assert times[0][0] == 12
    assert times[0][1] < 12
    for number in (0, 1):
        listed = await all_pages(world, f"&externalId={name} {number}", 1)
        assert {customer["id"] for customer in listed} == {str(stream) for stream in ids[number::2]}
        assert len(listed) == 6


async def test_a_list_by_status_names_those_that_have_it_now(world: World) -> None:
    await customers_at(world, "initiating", 3)
    inactive = (await customers_at(world, "active", 2))[0]
    await world.partner.patch(f"{inactive.path}/deactivate")
    await customers_at(world, "verifying", 2)
    await world.project()
    everybody = await all_pages(world, "", 200)

    for status in ("initiating", "screening", "verifying", "active", "inactive", "rejected"):
        expected = [customer for customer in everybody if customer["status"] == status]
        assert await all_pages(world, f"&status={status}", 3) == expected
    assert inactive.customer["id"] in {customer["id"] for customer in await all_pages(world, "&status=inactive")}


async def test_a_list_by_wallet_finds_it_in_any_case_and_on_any_chain(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    await world.project()

    for account in (
        held.wallet.account,
        f"eip155:1:{held.wallet.address.lower()}",
        f"eip155:10:0x{held.wallet.address[2:].upper()}",
    ):
        listed = (await world.partner.get("/v1/customers", params={"chainId": account})).json()["customers"]
        assert [customer["id"] for customer in listed] == [held.customer["id"]]
    nobody = await world.partner.get("/v1/customers", params={"chainId": fresh_wallet().account})
    assert nobody.json() == {"customers": []}


async def test_a_list_by_external_id_is_exact(world: World) -> None:
    for name in ("exact", "exact ", "Exact", "exact%", "exac_"):
        await world.register(fresh_wallet(), name)
    await world.project()

    for name in ("exact", "exact%", "exac_", "Exact"):
        listed = (await world.partner.get("/v1/customers", params={"externalId": name})).json()["customers"]
        assert [customer["externalId"] for customer in listed] == [name]


async def test_a_list_of_those_created_after_a_moment_begins_after_it(world: World) -> None:
    ids = await many(world, "after", 4)
    created = [(await world.partner.get(f"/v1/customers/{id_}")).json()["createdAt"] for id_ in ids]
    east = timezone(timedelta(hours=9))

    for moment, expected in (
        (created[2], ids[:2]),
        (datetime.fromisoformat(created[2]).astimezone(east).isoformat(), ids[:2]),
        (created[0], []),
        ("2020-01-01T00:00:00Z", ids),
    ):
        response = await world.partner.get("/v1/customers", params={"externalId": "after", "createdAfter": moment})
        assert [customer["id"] for customer in response.json()["customers"]] == expected


async def test_filters_together_name_what_each_of_them_names(world: World) -> None:
    await customers_at(world, "active", 2)
    await world.project()
    everybody = await all_pages(world, "", 200)
    wanted = next(customer for customer in everybody if customer["status"] == "active")

    query = f"&status=active&externalId={wanted['externalId']}&chainId={wanted['chainId']}"

    assert await all_pages(world, query) == [wanted]
    assert await all_pages(world, query.replace("status=active", "status=rejected")) == []


async def test_every_filter_agrees_with_a_search_by_hand(world: World) -> None:
    await world.project()
    reader = world.services.reader
    everybody = await reader.customers(CustomerFilter(), before=None, limit=1000)
    some = everybody[len(everybody) // 2]
    choices = [
        CustomerFilter(partner=partner, status=status, external_id=name, wallet=wallet, created_after=moment)
        for partner in (None, some.partner)
        for status in (None, some.status, "rejected")
        for name in (None, some.external_id)
        for wallet in (None, some.wallet)
        for moment in (None, some.created_at, everybody[-1].created_at)
    ]
    for wanted in choices:
        expected = [
            row
            for row in everybody
            if wanted.partner in (None, row.partner)
            and wanted.status in (None, row.status)
            and wanted.external_id in (None, row.external_id)
            and wanted.wallet in (None, row.wallet)
            and (wanted.created_after is None or row.created_at > wanted.created_after)
        ]
        assert await reader.customers(wanted, before=None, limit=1000) == expected
        older = [row for row in expected if row.registered_position < some.registered_position]
        assert await reader.customers(wanted, before=some.registered_position, limit=3) == older[:3]


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
        response = await world.partner.get(f"{held.path}?asOf={event['position']}")
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
