"""`POST /v1/sanctions-lists`: the list is the body, however long, and nothing but a whole one counts."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest

from infrastructure.http import sanctions
from infrastructure.sanctions import bounded_xml
from tests.infrastructure.test_sanctions_adoption import adoptions, state
from tests.support.http import CANARY, assert_problem, head_of, send_parts
from tests.support.lists import address, days_ago, list_xml
from tests.support.world import World

pytestmark = pytest.mark.anyio

PATH: Final = "/v1/sanctions-lists"
XML: Final = {"content-type": "application/xml"}
IN_FORCE: Final = list_xml(*range(1, 41), published=days_ago(2))


async def post(world: World, content: bytes | AsyncIterator[bytes], query: str = "") -> httpx2.Response:
    return await world.admin.post(PATH + query, content=content, headers=XML)


@pytest.fixture(autouse=True)
async def in_force(world: World) -> None:
    """The same list before every test."""
    assert (await post(world, IN_FORCE, "?force=true")).status_code == 200


async def test_an_admin_adopts_a_list_and_is_told_what_it_changes(world: World) -> None:
    before = (await adoptions(world))[-1]

    response = await post(world, list_xml(*range(2, 43), published=days_ago(1)))

    latest = (await adoptions(world))[-1]
    assert response.status_code == 200
    assert response.json() == {
        "changed": True,
        "listVersion": days_ago(1).isoformat(),
        "listHash": latest.list_hash,
        "entries": 41,
        "addresses": 41,
        "sample": False,
        "previousHash": before.list_hash,
        "added": [address(41), address(42)],
        "removed": [address(1)],
    }


async def test_who_adopted_it_is_in_the_log(world: World) -> None:
    await post(world, list_xml(*range(1, 43), published=days_ago(1)))

    async with world.services.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT convert_from(state, 'UTF8')::jsonb ->> 'actor' FROM gatehouse.stored_events "
            "WHERE topic = 'SanctionsListPublished' ORDER BY notification_id DESC LIMIT 1"
        )
        row = await cursor.fetchone()
    assert row
    assert row[0].startswith("admin:")
    assert row[0] != "admin:console"


async def test_the_list_in_force_changes_nothing(world: World) -> None:
    before = await state(world)

    answer: dict[str, Any] = (await post(world, IN_FORCE)).json()

    assert (answer["changed"], answer["added"], answer["removed"]) == (False, [], [])
    assert await state(world) == before


async def test_a_list_cut_anywhere_changes_nothing(world: World) -> None:
    whole = list_xml(*range(1, 50), published=days_ago(1))
    before = await state(world)

    for length in range(0, len(whole) - 1, len(whole) // 60):
        assert_problem(await post(world, whole[:length], "?force=true"), 422, "malformed_sanctions_list")

    assert await state(world) == before


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (list_xml(*range(1, 50), published=days_ago(3)), 409, "sanctions_list_older"),
        (list_xml(1, published=days_ago(1)), 409, "sanctions_list_smaller"),
        (list_xml(*range(1, 50), published=days_ago(-3)), 422, "sanctions_list_in_future"),
        (b"<%b/>" % CANARY.encode(), 422, "malformed_sanctions_list"),
        (b'{"url": "https://example.com"}', 422, "malformed_sanctions_list"),
    ],
)
async def test_what_is_refused_changes_nothing(world: World, content: bytes, status: int, code: str) -> None:
    before = await state(world)

    assert_problem(await post(world, content), status, code)

    assert await state(world) == before


@pytest.mark.parametrize("media_type", ["", "application/json", "multipart/form-data; boundary=x", "text/html"])
async def test_another_media_type_is_refused(world: World, media_type: str) -> None:
    response = await world.admin.post(PATH, content=IN_FORCE, headers={"content-type": media_type})
    assert_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("query", ["?force=perhaps", f"?{CANARY}=1", "?force=true&force=true"])
async def test_a_parameter_that_makes_no_sense_is_refused(world: World, query: str) -> None:
    assert_problem(await post(world, IN_FORCE, query), 422, "invalid_request")


async def test_a_list_of_megabytes_may_come_in_small_chunks_while_others_are_answered(world: World) -> None:
    whole = list_xml(*range(1, 50), published=days_ago(1), filler=1_500)
    assert len(whole) > 6_000_000
    asked = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal asked
        for begin in range(0, len(whole), 500):
            yield whole[begin : begin + 500]
            if begin % 400_000 == 0:
                assert (await world.partner.get("/health/live")).status_code == 200
                asked += 1

    response = await post(world, chunks())

    assert (response.status_code, response.json()["entries"], asked) == (200, 1_549, 16)


async def test_a_list_may_come_in_very_small_chunks_of_which_more_come_while_some_wait(world: World) -> None:
    whole = list_xml(*range(1, 50), published=days_ago(1), filler=45)
    chunks = [b"19\r\n%b\r\n" % whole[begin : begin + 25].ljust(25) for begin in range(0, len(whole), 25)]
    key = f"Authorization: {world.admin.headers['Authorization']}"
    fields = ("Host: x", key, "Connection: close", "Content-Type: application/xml", "Transfer-Encoding: chunked")

    async def parts() -> AsyncIterator[bytes]:
        yield "\r\n".join((f"POST {PATH} HTTP/1.1", *fields, "", "")).encode()
        for begin in range(0, len(chunks), 400):
            yield b"".join(chunks[begin : begin + 400])
            assert (await world.partner.get("/health/live")).status_code == 200
        yield b"0\r\n\r\n"

    answer = await send_parts(world, parts())

    assert (answer.status, json.loads(answer.body)["entries"]) == (200, 94)


async def test_a_list_that_is_announced_too_large_is_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanctions, "LARGEST", 1000)
    assert_problem(await post(world, IN_FORCE), 422, "malformed_sanctions_list")


async def test_a_list_that_turns_out_too_large_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_xml, "LARGEST", 1000)
    assert_problem(await post(world, IN_FORCE), 422, "malformed_sanctions_list")


async def test_a_caller_that_hangs_up_half_way_changes_nothing(world: World) -> None:
    before = await head_of(world)
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {world.admin.headers['Authorization']}\r\n"
        f"Content-Type: application/xml\r\nContent-Length: {len(IN_FORCE)}\r\n\r\n".encode()
    )
    writer.write(IN_FORCE[:-10])
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert (await world.partner.get("/health/live")).status_code == 200
    assert await head_of(world) == before
