"""Lists: whole, in order, filtered, and stable while customers are added and change."""

import asyncio
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from application.handlers import Handling, append
from domain.events import CustomerRegistered
from infrastructure.reading import CustomerFilter
from tests.support.http import (
    customers_at,
    fresh_wallet,
    rows,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


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
        assert page["nextCursor"] not in cursor
        cursor = f"&cursor={page['nextCursor']}"


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
    await customers_at(world, "active", 3)
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
