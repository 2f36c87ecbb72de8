"""Wrong credentials: they are bounded, they are on record, and they lock nobody out."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pytest
from limits import parse

from application.ports import Unavailable
from infrastructure.access import refusals
from infrastructure.access.refusals import WINDOW, Refusals, TooMany
from infrastructure.http.refusal_timing import HELD_BACK
from infrastructure.key_changes import IssuedKey, issue_key
from tests.support.http import assert_problem, head_of, rows
from tests.support.tokens import call, log_in, token_of
from tests.support.world import World

pytestmark = pytest.mark.anyio

RECORDED: Final = "SELECT state FROM gatehouse.stored_events WHERE topic = 'LoginRefused' ORDER BY notification_id"


@pytest.fixture(autouse=True)
def _places_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody shares a place by chance."""
    monkeypatch.setattr(refusals, "PLACES", 1 << 60)


@pytest.fixture
async def issued(world: World) -> IssuedKey:
    key = await issue_key(world.services, role="auditor", name="a reader")
    await world.services.directory.known(key.key_id)
    return key


@pytest.fixture
async def refused(world: World) -> AsyncIterator[Refusals]:
    """Refusals of a process of its own, which records only what a test tells it to."""
    counting = Refusals(world.services)
    yield counting
    await counting.settle(ending=True)


async def recorded(world: World, key: UUID | None) -> list[dict[str, Any]]:
    """What is on record of a key, or of what names none."""
    events: list[dict[str, Any]] = [json.loads(state) for (state,) in await rows(world, RECORDED)]
    return [event["data"] for event in events if event["data"].get("apiKey") == (str(key) if key else None)]


async def test_whoever_goes_on_with_wrong_secrets_is_told_to_wait(world: World, issued: IssuedKey) -> None:
    answers = [await log_in(world, issued, f"wrong-{number}") for number in range(12)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert_problem(answers[-1], 429, "too_many_requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def test_wrong_secrets_lock_nobody_out(world: World, issued: IssuedKey) -> None:
    token = await token_of(world, issued)
    for number in range(12):
        await log_in(world, issued, f"wrong-{number}")

    assert (await log_in(world, issued)).status_code == 200
    for bearer in (token, issued.key):
        assert (await call(world, bearer)).status_code == 200


async def test_a_name_that_is_no_key_is_told_to_wait_as_soon(world: World) -> None:
    nobody = IssuedKey(uuid4(), "auditor", "nobody", None, "wrong")

    answers = [await log_in(world, nobody) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]


async def test_wrong_bearers_in_masses_are_told_to_wait_and_others_are_not(
    world: World, issued: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "OF_AN_ADDRESS", parse("20/second"))
    token = await token_of(world, issued)
    shown = {"Authorization": f"Bearer {token}x"}
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as client:
        answers = await asyncio.gather(*(client.get("/v1/schemas", headers=shown) for _ in range(100)))
        right = await call(world, token)

    statuses = {answer.status_code for answer in answers}
    assert statuses == {401, 429}
    assert right.status_code == 200
    held = [answer.elapsed.total_seconds() for answer in answers if answer.status_code == 429]
    assert min(held) >= HELD_BACK[0], "who asks on at once takes nobody's time"


async def test_an_address_is_told_apart_from_others_and_a_network_of_ipv6_is_one(
    refused: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "OF_AN_ADDRESS", parse("1/hour"))
    await refused.count_bearer("192.0.2.1")
    await refused.count_bearer("2001:db8::1")

    for address in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::2", "2001:db8::ffff%eth0"):
        with pytest.raises(TooMany):
            await refused.count_bearer(address)
    for address in ("192.0.2.2", "::ffff:192.0.2.3", "::ffff:192.0.2.4", "2001:db8:0:1::1", ""):
        await refused.count_bearer(address)


async def test_a_flood_from_everywhere_takes_no_more_memory_than_there_are_places(
    refused: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "PLACES", 16)
    for number in range(300):
        await refused.count_bearer(f"10.0.{number // 256}.{number % 256}")

    assert len(refused._limiter.storage.storage) <= 16  # type: ignore[attr-defined] # noqa: SLF001 -- the library's counters


async def test_refusals_are_on_record_at_the_first_and_when_their_time_is_over(
    world: World, issued: IssuedKey, refused: Refusals
) -> None:
    refused.note_login(issued.key_id)
    await refused.settle()
    for _ in range(500):
        refused.note_login(issued.key_id)
    await refused.settle()
    [first] = await recorded(world, issued.key_id)

    with world.clock.moved(WINDOW):
        await refused.settle()
        await refused.settle()

    assert (first["means"], first["attempts"]) == ("secret", 1)
    assert await recorded(world, issued.key_id) == [first, first | {"attempts": 500}]


async def test_what_was_refused_is_on_record_when_the_service_ends(
    world: World, issued: IssuedKey, refused: Refusals
) -> None:
    for _ in range(3):
        refused.note_login(issued.key_id)

    await refused.settle(ending=True)

    assert [event["attempts"] for event in await recorded(world, issued.key_id)] == [3]


async def test_names_that_are_no_keys_are_one_matter_and_not_repeated(world: World, refused: Refusals) -> None:
    before = len(await recorded(world, None))
    names = [uuid4() for _ in range(50)]
    for name in names:
        refused.note_login(name)

    await refused.settle()

    after = await recorded(world, None)
    assert [event["attempts"] for event in after[before:]] == [50]
    assert not any(str(name) in str(after) for name in names)


async def test_a_single_wrong_bearer_is_on_no_record(world: World, refused: Refusals) -> None:
    before = await head_of(world)

    await refused.count_bearer("192.0.2.7")
    await refused.settle(ending=True)

    assert await head_of(world) == before


async def test_what_the_log_cannot_take_now_is_recorded_later(
    world: World, issued: IssuedKey, refused: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise Unavailable

    refused.note_login(issued.key_id)
    with monkeypatch.context() as patch:
        patch.setattr(type(world.services), "execute", away)
        await refused.settle()
    refused.note_login(issued.key_id)
    await refused.settle()

    assert [event["attempts"] for event in await recorded(world, issued.key_id)] == [2]


async def test_a_running_service_puts_refused_logins_on_record(world: World, issued: IssuedKey) -> None:
    await log_in(world, issued, "canary7f-wrong")

    found: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not found:
            await head_of(world)
            found = await recorded(world, issued.key_id)

    assert found[0]["attempts"] == 1
    assert "canary7f" not in str(await rows(world, RECORDED))
    assert found[0]["since"] <= (world.clock() + timedelta(seconds=1)).isoformat()
