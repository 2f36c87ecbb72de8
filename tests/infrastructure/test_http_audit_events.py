"""`GET /v1/audit/events`: the whole log by type, actor, time and customer, a bounded part of it at a time."""

from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import pytest

from infrastructure import searching
from tests.support.http import MISSING, assert_problem, customers_at, fresh_wallet, head_of, rows
from tests.support.world import World

pytestmark = pytest.mark.anyio

EVENTS: Final = "/v1/audit/events"


async def page(client: httpx2.AsyncClient, **query: object) -> dict[str, Any]:
    response = await client.get(f"{EVENTS}?{urlencode(query)}")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def whole(client: httpx2.AsyncClient, **query: object) -> list[dict[str, Any]]:
    """Every page, one after the other."""
    events: list[dict[str, Any]] = []
    found = await page(client, **query)
    events += found["events"]
    while cursor := found.get("nextCursor"):
        found = await page(client, **query, cursor=cursor)
        events += found["events"]
    return events


async def stored(world: World, of_type: str = "%") -> list[int]:
    """The positions of what is stored, newest first."""
    query = "SELECT notification_id FROM gatehouse.stored_events WHERE topic LIKE %s ORDER BY notification_id DESC"
    return [row[0] for row in await rows(world, query, of_type)]


async def test_it_shows_the_whole_log_as_it_is_stored_newest_first(world: World) -> None:
    await customers_at(world, "active")
    positions = await stored(world)

    events = await whole(world.auditor, limit=7)

    assert [event["position"] for event in events] == positions
    assert events[0].keys() == {"position", "stream", "version", "type", "recordedAt", "event"}


async def test_an_event_is_shown_as_the_customers_own_page_shows_it(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    shown = (await world.auditor.get(f"{held.path}/events")).json()["events"]

    assert await whole(world.auditor, customer=held.customer["id"], limit=3) == shown[::-1]


@pytest.mark.parametrize("span", [1, 3, 1000])
async def test_it_does_not_matter_how_much_is_searched_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch, span: int
) -> None:
    await customers_at(world, "active")
    monkeypatch.setattr(searching, "SPAN", span)

    events = await whole(world.officer, type="ScreeningPassed", limit=2)

    assert [event["position"] for event in events] == await stored(world, "ScreeningPassed")


async def test_it_finds_what_an_actor_did(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    assert (await world.officer.patch(f"{held.path}/deactivate", json={"reason": "A word."})).status_code == 200
    actor = next(f"officer:{key['keyId']}" for key in await world.services.directory.all() if key["role"] == "officer")

    events = await whole(world.auditor, actor=actor, type="CustomerDeactivated")

    assert [event["stream"] for event in events] == [held.customer["id"]]
    assert events[0]["event"]["actor"] == actor
    assert {event["event"]["actor"] for event in await whole(world.auditor, actor=actor)} == {actor}
    assert await whole(world.auditor, actor=actor[:-1]) == []


async def test_who_only_writes_like_an_actor_is_none(world: World) -> None:
    """The words of a partner stand in the log too, and must not be found as somebody's deeds."""
    await world.register(fresh_wallet(), external_id='","actor":"officer:nobody')

    assert await whole(world.auditor, actor="officer:nobody") == []


async def test_it_finds_what_was_recorded_from_a_time_on_and_before_another(world: World) -> None:
    first, second, third = [(await world.register(fresh_wallet()))["createdAt"] for _ in range(3)]

    events = await whole(world.auditor, type="CustomerRegistered", recordedFrom=first, recordedUntil=third)

    assert [event["recordedAt"] for event in events] == [second, first]
    assert await whole(world.auditor, recordedFrom=third, recordedUntil=first) == []
    assert await whole(world.auditor, recordedUntil="2001-01-01T00:00:00Z") == []
    assert await whole(world.auditor, recordedFrom="9999-12-31T23:59:59Z") == []


async def test_a_page_goes_on_in_the_log_as_it_was(world: World) -> None:
    await customers_at(world, "initiating")
    before = await stored(world)
    first = await page(world.auditor, limit=2)
    await world.register(fresh_wallet())

    second = await page(world.auditor, limit=2, cursor=first["nextCursor"])

    assert [event["position"] for event in first["events"] + second["events"]] == before[:4]


async def test_a_cursor_is_good_for_its_own_search_alone(world: World) -> None:
    cursor = (await page(world.auditor, limit=1))["nextCursor"]

    for query in (f"cursor={cursor}&type=CustomerRegistered", f"cursor={cursor[:-1]}", "cursor=x"):
        assert_problem(await world.auditor.get(f"{EVENTS}?{query}"), 422, "invalid_cursor")


@pytest.mark.parametrize(
    "query",
    [
        "type=Nothing",
        "actor=somebody",
        "actor=officer:%20",
        "customer=1",
        "limit=201",
        "recordedFrom=2026-01-01",
        "recordedUntil=0.5",
        "x=1",
    ],
)
async def test_what_is_no_search_is_refused(world: World, query: str) -> None:
    assert_problem(await world.auditor.get(f"{EVENTS}?{query}"), 422, "invalid_request")


@pytest.mark.parametrize("role", ["officer", "auditor"])
async def test_whoever_looks_for_a_customer_is_on_record(world: World, role: str) -> None:
    held = (await customers_at(world, "initiating"))[0]
    before = await head_of(world)

    await page(world.clients[role], customer=held.customer["id"])

    ((topic, state),) = await rows(
        world,
        "SELECT topic, convert_from(state, 'UTF8') FROM gatehouse.stored_events WHERE notification_id > %s",
        before,
    )
    assert topic == "AuditTrailRead"
    assert f'"customer":"{held.customer["id"]}","what":"events"' in state


async def test_a_customer_that_there_is_not_has_no_events_and_leaves_no_record(world: World) -> None:
    before = await head_of(world)

    assert await page(world.auditor, customer=MISSING) == {"events": []}
    assert await page(world.auditor, limit=1, type="CustomerRegistered")

    assert await head_of(world) == before
