"""The past over HTTP: pages that know the same part of the log, the funnel, and comparisons."""

from collections import Counter
from typing import Any

import pytest

from domain.vocabulary import Status
from tests.support.http import Held, assert_problem, customers_at, fresh_wallet, head_of
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def pages(world: World, query: str, changing: list[Held]) -> list[dict[str, Any]]:
    """A whole list; between its pages, some whom it names change and more are registered."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await world.partner.get(f"/v1/customers?limit=2&{query}{cursor}")).json()
        found += page["customers"]
        if "nextCursor" not in page:
            return found
        cursor = f"&cursor={page['nextCursor']}"
        await world.register(fresh_wallet(), "later")
        for held in changing:
            await world.partner.patch(f"{held.path}/deactivate")
        await world.project()


@pytest.mark.parametrize("clock", ["recorded", "occurred"])
async def test_all_pages_of_a_past_list_know_the_same_part_of_the_log(world: World, clock: str) -> None:
    changing = await customers_at(world, "active", 5)
    await world.project()
    everybody = (await world.partner.get("/v1/customers?limit=200")).json()["customers"]
    head = await head_of(world)

    for query, expected in (
        (f"asOf={head}&clock={clock}", everybody),
        (f"asOf={head}&clock={clock}&status=active", [one for one in everybody if one["status"] == "active"]),
    ):
        assert await pages(world, query, changing) == expected


async def test_a_cursor_belongs_to_its_moment_and_its_clock(world: World) -> None:
    await customers_at(world, "initiating", 3)
    await world.project()
    head = await head_of(world)
    cursor = (await world.partner.get(f"/v1/customers?limit=1&asOf={head}")).json()["nextCursor"]
    present = (await world.partner.get("/v1/customers?limit=1")).json()["nextCursor"]

    for query in (f"asOf={head - 1}", f"asOf={head}&clock=occurred", "clock=recorded"):
        assert_problem(await world.partner.get(f"/v1/customers?{query}&cursor={cursor}"), 422, "invalid_cursor")
    assert_problem(await world.partner.get(f"/v1/customers?asOf={head}&cursor={present}"), 422, "invalid_cursor")


async def test_the_funnel_counts_all_six_statuses_of_those_whom_the_caller_may_see(world: World) -> None:
    await world.register(fresh_wallet(), by="other")
    await world.project()

    for name in ("partner", "other", "officer", "auditor"):
        client = world.clients[name]
        listed = (await client.get("/v1/customers?limit=200")).json()["customers"]
        funnel = (await client.get("/v1/funnel")).json()
        assert funnel["position"] == await head_of(world)
        assert list(funnel["counts"]) == [status.value for status in Status]
        assert {status: count for status, count in funnel["counts"].items() if count} == Counter(
            customer["status"] for customer in listed
        )


async def test_what_moved_in_the_funnel_is_said_with_those_who_are_new(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.project()
    before = await head_of(world)
    await world.partner.patch(f"{held.path}/deactivate")
    await world.register(fresh_wallet())
    await world.project()

    query = f"/v1/funnel/changes?from={before}&to={await head_of(world)}"
    changes = (await world.partner.get(query)).json()

    assert sorted(changes["moves"], key=str) == [
        {"from": "active", "to": "inactive", "customers": 1},
        {"from": "new", "to": "initiating", "customers": 1},
    ]
    assert (await world.other.get(query)).json()["moves"] == []


async def test_a_customer_is_compared_and_its_detail_is_not_for_partners(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    before = await head_of(world)
    await world.partner.patch(f"{held.path}/deactivate")
    path = f"{held.path}/changes?from={before}&to={await head_of(world)}"

    seen, inside = (await world.partner.get(path)).json(), (await world.officer.get(path)).json()

    assert (seen["before"]["status"], seen["after"]["status"]) == ("active", "inactive")
    assert seen["after"] == (await world.partner.get(held.path)).json()
    assert seen["changed"] == ["status", "updatedAt"]
    assert "detail" not in str(seen)
    assert inside["changed"] == ["status", "updatedAt", "detail"]
    assert inside["after"] == {**seen["after"], "detail": "partner_request"}


async def test_who_was_not_registered_yet_has_no_view_before(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]

    changes = (await world.partner.get(f"{held.path}/changes?from=0&to={await head_of(world)}")).json()

    assert "before" not in changes
    assert "status" in changes["changed"]
    assert_problem(await world.partner.get(f"{held.path}/changes?from=0&to=1"), 404, "customer_not_found")
