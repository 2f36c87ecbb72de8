"""`GET /v1/events`: a partner's own public events, page by page, and held back until there is one."""

import asyncio
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from infrastructure.http.event_stream import WAITING
from tests.support.events import all_events, another_key, last_sequence, meanwhile, revoked
from tests.support.http import assert_problem, customers_at, fresh_wallet, rejected
from tests.support.world import World

pytestmark = pytest.mark.anyio

Waiting = set[asyncio.Task[httpx2.Response]]


async def page(client: httpx2.AsyncClient, query: str = "", **headers: str) -> dict[str, Any]:
    response = await client.get(f"/v1/events{query}", headers=headers)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_every_change_that_the_partner_sees_is_an_event_and_shows_the_customer_as_it_does(world: World) -> None:
    after = await last_sequence(world)
    customer = await world.register(fresh_wallet())
    await world.project()
    seen = [(await world.partner.get(f"/v1/customers/{customer['id']}")).json()]

    [event] = (await page(world.partner, f"?after={after}"))["events"]

    assert {name: event[name] for name in seen[0]} == seen[0]
    assert (event["webhookType"], event["previousSequence"], event["sequence"]) == ("customer.created", None, after + 1)


async def test_events_of_a_customer_are_chained_and_those_of_a_partner_have_no_gap(world: World) -> None:
    await rejected(world)
    await world.project()

    events = await all_events(world.partner)

    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    for customer in {event["id"] for event in events}:
        own = [event for event in events if event["id"] == customer]
        assert [event["previousSequence"] for event in own] == [None, *(event["sequence"] for event in own[:-1])]
        assert all(earlier["updatedAt"] < later["updatedAt"] for earlier, later in pairwise(own))


async def test_nothing_that_goes_on_inside_a_status_is_told(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.project()
    after = await last_sequence(world)
    assert (await world.partner.patch(f"{held.path}/deactivate")).status_code == 200
    assert (await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})).status_code == 202
    await world.work()

    events = (await page(world.partner, f"?after={after}"))["events"]

    assert [(event["id"], event["status"]) for event in events] == [(held.customer["id"], "inactive")]


async def test_a_page_goes_on_where_the_one_before_ended(world: World) -> None:
    await customers_at(world, "initiating", 3)
    await world.project()
    whole = await all_events(world.partner)

    first = await page(world.partner, "?limit=2")
    second = await page(world.partner, f"?after={first['next']}&limit=200")

    assert first["events"] == whole[:2]
    assert first["next"] == 2
    assert second["events"] == whole[2:]


async def test_another_partners_events_are_numbered_apart_and_never_seen(world: World) -> None:
    mine, theirs = await world.register(fresh_wallet()), await world.register(fresh_wallet(), by="other")
    await world.project()

    events = {name: await all_events(world.clients[name]) for name in ("partner", "other")}

    assert theirs["id"] not in {event["id"] for event in events["partner"]}
    assert mine["id"] not in {event["id"] for event in events["other"]}
    assert [event["sequence"] for event in events["other"]] == list(range(1, len(events["other"]) + 1))


async def test_a_page_shows_what_was_written_before_where_that_is_preferred(world: World) -> None:
    await world.project()
    after = await last_sequence(world)
    customer = await world.register(fresh_wallet())
    reading = asyncio.create_task(page(world.partner, f"?after={after}", Prefer="wait=10"))
    await meanwhile(world)
    assert not reading.done()

    await world.project()

    assert [event["id"] for event in (await reading)["events"]] == [customer["id"]]


async def test_a_page_that_would_be_empty_waits_for_the_next_event(world: World) -> None:
    await world.project()
    after = await last_sequence(world)
    reading = asyncio.create_task(page(world.partner, f"?after={after}&wait=30"))
    await meanwhile(world)
    assert not reading.done()

    customer = await world.register(fresh_wallet())
    await world.project()

    async with asyncio.timeout(5):
        assert [event["id"] for event in (await reading)["events"]] == [customer["id"]]


async def test_another_partners_event_does_not_end_the_waiting(world: World) -> None:
    await world.project()
    after = await last_sequence(world)
    reading = asyncio.create_task(page(world.partner, f"?after={after}&wait=2"))
    await meanwhile(world)
    await world.register(fresh_wallet(), by="other")
    await world.project()
    await meanwhile(world)
    assert not reading.done()

    assert await reading == {"events": [], "next": after}


async def test_who_need_not_wait_is_answered_at_once(world: World) -> None:
    await customers_at(world, "initiating")
    await world.project()

    async with asyncio.timeout(0.9):
        assert (await page(world.partner, "?after=0&wait=30"))["events"]


async def test_a_key_that_is_revoked_while_its_page_waits_is_shown_nothing(world: World) -> None:
    await world.project()
    key, client = await another_key(world)
    waiting = asyncio.create_task(client.get(f"/v1/events?after={await last_sequence(world)}&wait=30"))
    await meanwhile(world)
    await revoked(world, key, client)
    await world.register(fresh_wallet())
    await world.project()

    assert_problem(await waiting, 401, "unauthenticated")
    await client.aclose()


async def too_many_pages(client: httpx2.AsyncClient, query: str) -> tuple[httpx2.Response, Waiting]:
    """One page more than may wait at once, asked for together: the one that was refused, and those that wait."""
    asked = [asyncio.create_task(client.get(f"/v1/events{query}")) for _ in range(WAITING + 1)]
    (refused,), waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    return await refused, waiting


async def test_only_so_many_pages_of_a_key_wait_at_once(world: World) -> None:
    await world.project()
    after = await last_sequence(world)

    refused, waiting = await too_many_pages(world.partner, f"?after={after}&wait=30")

    assert_problem(refused, 429, "too_many_streams")
    assert refused.headers["retry-after"] == "1"
    assert (await page(world.other, "?after=1000&wait=1"))["events"] == []
    await world.register(fresh_wallet())
    await world.project()
    assert len({found.text for found in await asyncio.gather(*waiting)}) == 1
    assert (await page(world.partner, f"?after={after + 1}&wait=1"))["events"] == []


async def test_who_hangs_up_leaves_a_place(world: World) -> None:
    await world.project()
    after = await last_sequence(world)
    _, client = await another_key(world)
    refused, waiting = await too_many_pages(client, f"?after={after}&wait=30")
    assert_problem(refused, 429, "too_many_streams")

    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    async with asyncio.timeout(5):
        while (await client.get(f"/v1/events?after={after}&wait=1")).status_code == 429:
            pass
    await client.aclose()


@pytest.mark.parametrize(
    "query",
    ["?after=-1", "?after=x", "?after=1e3", f"?after={10**18}", "?limit=0", "?limit=201", "?wait=31", "?from=1"],
)
async def test_what_is_no_place_is_refused(world: World, query: str) -> None:
    assert_problem(await world.partner.get(f"/v1/events{query}"), 422, "invalid_request")


async def test_a_place_beyond_the_last_event_is_empty(world: World) -> None:
    assert await page(world.partner, f"?after={10**18 - 1}") == {"events": [], "next": 10**18 - 1}


async def test_an_event_stays_what_it_is(world: World) -> None:
    before = await all_events(world.partner)
    await customers_at(world, "initiating", 2)
    await world.project()

    assert (await all_events(world.partner))[: len(before)] == before
    assert len({event["eventId"] for event in before}) == len(before)
