"""Cursors that were made up, edited, or are somebody else's."""

from collections.abc import Iterator
from io import StringIO

import pytest

from tests.support.http import (
    CANARY,
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    service_log,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    with service_log() as written:
        yield written


@pytest.fixture(scope="module", autouse=True)
async def held(world: World) -> Held:
    """An active customer, beside some others."""
    await customers_at(world, "initiating", 6)
    held = (await customers_at(world, "active"))[0]
    await world.project()
    return held


@pytest.fixture(autouse=True)
def _nothing_is_logged(log: StringIO) -> Iterator[None]:
    yield
    assert_no_canary(log.getvalue())


async def cursor_of(world: World, query: str = "", by: str = "partner") -> str:
    answer = await world.clients[by].get(f"/v1/customers?limit=1{query}")
    return str(answer.json()["nextCursor"])


@pytest.mark.parametrize(
    "cursor", [CANARY, "A", "AAAA", "====", "!", "%00", "%FF", "A" * 32, "A" * 100, "None", "\u0661" * 32]
)
async def test_a_cursor_that_was_made_up_is_refused(world: World, cursor: str) -> None:
    assert_problem(await world.partner.get(f"/v1/customers?cursor={cursor}"), 422, "invalid_cursor")


async def test_a_cursor_is_refused_whichever_character_was_edited(world: World) -> None:
    cursor = await cursor_of(world)
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "B"
        edited = cursor[:place] + other + cursor[place + 1 :]
        assert_problem(await world.partner.get("/v1/customers", params={"cursor": edited}), 422, "invalid_cursor")


async def test_a_cursor_has_one_form(world: World) -> None:
    cursor = await cursor_of(world)
    assert (await world.partner.get("/v1/customers", params={"cursor": cursor})).status_code == 200
    for edited in (
        cursor[:-1],
        cursor[1:],
        cursor + "A",
        cursor + "=",
        cursor + "!",
        cursor[:5] + "!" + cursor[5:],
        cursor[:5] + "\n" + cursor[5:],
        " " + cursor,
        cursor.swapcase(),
    ):
        response = await world.partner.get("/v1/customers", params={"cursor": edited})
        assert_problem(response, 422, "invalid_cursor")


async def test_a_cursor_of_another_query_is_refused(world: World, held: Held) -> None:
    await world.project()
    cursor = await cursor_of(world)
    for other in (
        "&status=initiating",
        "&externalId=user-1",
        f"&chainId={held.wallet.account}",
        "&createdAfter=2026-01-01T00:00:00Z",
    ):
        response = await world.partner.get(f"/v1/customers?limit=1&cursor={cursor}{other}")
        assert_problem(response, 422, "invalid_cursor")
    filtered = await cursor_of(world, "&status=initiating")
    assert_problem(await world.partner.get(f"/v1/customers?cursor={filtered}"), 422, "invalid_cursor")


async def test_a_cursor_of_somebody_else_is_refused(world: World) -> None:
    await world.project()
    cursors = {name: await cursor_of(world, by=name) for name in ("partner", "officer")}

    assert_problem(await world.other.get(f"/v1/customers?cursor={cursors['partner']}"), 422, "invalid_cursor")
    assert_problem(await world.officer.get(f"/v1/customers?cursor={cursors['partner']}"), 422, "invalid_cursor")
    assert_problem(await world.partner.get(f"/v1/customers?cursor={cursors['officer']}"), 422, "invalid_cursor")
    assert (await world.auditor.get(f"/v1/customers?cursor={cursors['officer']}")).status_code == 200


async def test_a_page_may_end_elsewhere_than_the_one_before(world: World) -> None:
    cursor = await cursor_of(world)

    assert len((await world.partner.get(f"/v1/customers?limit=3&cursor={cursor}")).json()["customers"]) == 3
