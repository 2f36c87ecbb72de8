"""Reading one's writes: a list that is asked to wait shows what was written before it, or says that it cannot."""

import asyncio
from typing import Any, Final

import httpx2
import pytest

from infrastructure.http.waiting import LONGEST, MENDING
from infrastructure.projector import Projector
from projections import PROJECTIONS
from tests.support.http import assert_problem, fresh_wallet, rows
from tests.support.world import World

pytestmark = pytest.mark.anyio

STOP: Final = """
    UPDATE gatehouse.tracking SET stopped_at = position + 1, fault = 'Poison' WHERE projection = 'customers'
    RETURNING 1
"""
SOON: Final = 0.9
"""Seconds; less than anybody who waits waits for."""


@pytest.fixture(autouse=True)
async def followed(world: World) -> None:
    """Nothing is behind and nothing stands when a test begins."""
    await world.project()


async def listed(world: World, *prefer: str, query: str = "?limit=200") -> httpx2.Response:
    return await world.partner.get(f"/v1/customers{query}", headers=[("Prefer", value) for value in prefer])


def ids(response: httpx2.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [customer["id"] for customer in response.json()["customers"]]


async def stop(world: World) -> None:
    assert await rows(world, STOP) == [(1,)]


async def test_while_the_projector_follows_every_write_is_in_the_next_list(world: World) -> None:
    following = asyncio.create_task(Projector(world.services.conninfo, PROJECTIONS).run())
    try:
        for number in range(20):
            customer = await world.register(fresh_wallet(), f"follows {number}")
            response = await listed(world, "wait=10", query=f"?externalId=follows {number}")
            assert ids(response) == [customer["id"]]
            assert response.headers["preference-applied"] == "wait=10"
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_list_waits_for_a_slow_projector(world: World) -> None:
    customer = await world.register(fresh_wallet())
    reading = asyncio.create_task(listed(world, "wait=10"))

    for _ in range(20):
        assert (await world.partner.get(f"/v1/customers/{customer['id']}")).status_code == 200
    assert not reading.done()
    await world.project()

    assert ids(await reading)[0] == customer["id"]


async def test_a_list_may_be_asked_to_wait_by_its_query(world: World) -> None:
    customer = await world.register(fresh_wallet())
    reading = asyncio.create_task(listed(world, query="?wait=10&limit=1"))

    for _ in range(20):
        assert (await world.partner.get(f"/v1/customers/{customer['id']}?wait=10")).status_code == 200
    assert not reading.done()
    await world.project()

    assert ids(await reading) == [customer["id"]]


@pytest.mark.parametrize(("query", "seconds"), [("?limit=1&wait=3", 3), ("?wait=999999999", LONGEST), ("?wait=0", 1)])
async def test_the_query_counts_more_than_the_preference(world: World, query: str, seconds: int) -> None:
    response = await listed(world, "wait=1", query=query)

    assert response.headers["preference-applied"] == f"wait={seconds}"


async def test_no_seconds_in_the_query_ask_for_nothing(world: World) -> None:
    await world.register(fresh_wallet())

    response = await listed(world, query="?wait=0")

    assert response.status_code == 200
    assert "preference-applied" not in response.headers


@pytest.mark.parametrize(
    "query", ["?wait", "?wait=", "?wait=-1", "?wait=1.0", "?wait=soon", "?wait=1&wait=1", "?awaits=1"]
)
async def test_what_are_no_seconds_is_refused(world: World, query: str) -> None:
    assert_problem(await listed(world, query=query), 422, "invalid_request")
    assert_problem(await world.partner.get(f"/v1/webhooks{query}"), 422, "invalid_request")


async def test_what_is_written_while_a_list_waits_does_not_make_it_wait_longer(world: World) -> None:
    first = await world.register(fresh_wallet())
    reading = asyncio.create_task(listed(world, "wait=10"))
    for _ in range(20):
        assert (await world.partner.get(f"/v1/customers/{first['id']}")).status_code == 200

    await world.project()
    await world.register(fresh_wallet())

    async with asyncio.timeout(5):
        assert first["id"] in ids(await reading)


async def test_a_list_that_is_up_to_date_answers_at_once(world: World) -> None:
    async with asyncio.timeout(SOON):
        response = await listed(world, "wait=10")

    assert response.headers["preference-applied"] == "wait=10"


async def test_when_the_time_is_over_the_caller_is_told_to_come_back(world: World) -> None:
    await world.register(fresh_wallet())
    begun = asyncio.get_running_loop().time()

    response = await listed(world, "wait=1")

    assert_problem(response, 503, "projection_behind")
    assert response.headers["retry-after"] == "1"
    assert "preference-applied" not in response.headers
    assert 1 <= asyncio.get_running_loop().time() - begun < 5


async def test_for_a_stopped_projection_nobody_waits(world: World) -> None:
    await stop(world)
    await world.register(fresh_wallet())

    async with asyncio.timeout(SOON):
        response = await listed(world, "wait=10")

    assert_problem(response, 503, "projection_behind")
    assert response.headers["retry-after"] == str(MENDING)


async def test_a_stopped_projection_that_has_missed_nothing_is_shown(world: World) -> None:
    await stop(world)

    assert (await listed(world, "wait=1")).headers["preference-applied"] == "wait=1"


async def test_a_projection_that_stops_while_a_list_waits_ends_the_waiting(world: World) -> None:
    await world.register(fresh_wallet())
    reading = asyncio.create_task(listed(world, "wait=10"))
    for _ in range(20):
        await listed(world)
    assert not reading.done()

    await stop(world)

    async with asyncio.timeout(5):
        assert_problem(await reading, 503, "projection_behind")


async def test_no_seconds_are_one_look(world: World) -> None:
    assert (await listed(world, "wait=0")).headers["preference-applied"] == "wait=0"
    await world.register(fresh_wallet())

    async with asyncio.timeout(SOON):
        assert_problem(await listed(world, "wait=0"), 503, "projection_behind")


async def test_without_the_preference_a_list_shows_what_there_is(world: World) -> None:
    customer = await world.register(fresh_wallet())

    response = await listed(world)

    assert customer["id"] not in ids(response)
    assert "preference-applied" not in response.headers


@pytest.mark.parametrize(
    "nonsense",
    [
        "wait",
        "wait=",
        "wait=soon",
        "wait=-1",
        "wait=1.5",
        "wait=\uff11",
        "wait=1e1",
        "waits=1",
        "=1",
        ",",
        ";",
        '"',
        '"wait=1"',
        "respond-async",
        'wait="1',
        "wait:1",
        "wait=9999999999",
        "wait=soon, wait=1",
        'a="wait=1, wait=1"',
        "wait=1," + 1000 * "x",
        '"\\' * 400,
    ],
)
async def test_what_is_no_preference_is_ignored(world: World, nonsense: str) -> None:
    await world.register(fresh_wallet())

    async with asyncio.timeout(SOON):
        response = await world.partner.get("/v1/customers", headers=[(b"Prefer", nonsense.encode())])

    assert response.status_code == 200
    assert "preference-applied" not in response.headers


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (["wait=2"], 2),
        (["WAIT=2"], 2),
        (['a, wait = "2"'], 2),
        (["wait=2; soon"], 2),
        (["respond-async, wait=2"], 2),
        (["respond-async", "wait=2"], 2),
        (['a="b, wait=3", wait=2'], 2),
        (['a="\\", wait=3", wait=2'], 2),
        (["wait=2, wait=3"], 2),
        (["wait=2", "wait=3"], 2),
        (["wait=002"], 2),
        ([f"wait={LONGEST + 1}"], LONGEST),
        (["wait=999999999"], LONGEST),
    ],
)
async def test_the_preference_is_read_as_the_standard_writes_it(world: World, given: list[str], seconds: int) -> None:
    assert (await listed(world, *given)).headers["preference-applied"] == f"wait={seconds}"


@pytest.mark.parametrize("path", ["", "/challenge", "/services"])
async def test_one_customer_is_never_waited_for(world: World, path: str) -> None:
    await stop(world)
    customer = await world.register(fresh_wallet())

    async with asyncio.timeout(SOON):
        response = await world.partner.get(f"/v1/customers/{customer['id']}{path}", headers={"Prefer": "wait=10"})

    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=10"


@pytest.mark.parametrize("path", ["timeline", "events"])
async def test_one_customer_s_story_is_never_waited_for(world: World, path: str) -> None:
    await stop(world)
    customer = await world.register(fresh_wallet())

    response = await world.officer.get(f"/v1/customers/{customer['id']}/{path}", headers={"Prefer": "wait=10"})

    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=10"


async def test_a_write_applies_no_preference(world: World) -> None:
    body = {"chainId": fresh_wallet().account, "externalId": "writes"}

    response = await world.partner.post("/v1/customers", json=body, headers={"Prefer": "wait=1"})

    assert response.status_code == 201
    assert "preference-applied" not in response.headers


async def test_the_description_names_the_preference_wherever_something_is_read(world: World) -> None:
    document: dict[str, Any] = (await world.partner.get("/openapi.json")).json()

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
            assert ("Prefer" in named) is (method == "get"), (method, path)
            asked = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert asked.count("wait") == (method == "get"), (method, path)
    (listing, reading) = (document["paths"][f"/v1/customers{one}"]["get"] for one in ("", "/{customer_id}"))
    assert "Preference-Applied" in listing["responses"]["200"]["headers"]
    assert "projection_behind" in listing["responses"]["503"]["description"]
    assert "projection_behind" not in reading["responses"]["503"]["description"]
