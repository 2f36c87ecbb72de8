"""Repeats of what is done with webhooks: an endpoint that could not be called by now does not make a repeat another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from infrastructure.webhooks.sender import Outcome, Sender
from tests.support.http import assert_problem
from tests.support.repeats import KEY, alike
from tests.support.webhooks import TYPES
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

WANTED: Final = {"callbackUrl": "http://127.0.0.1:9/hook", "types": TYPES}


@asynccontextmanager
async def beside_a_stricter_one(database: str, folder: Path) -> AsyncIterator[tuple[World, httpx2.AsyncClient]]:
    """A service that calls the machine itself, and the partner's client of another that does not."""
    async with running(database, folder, webhooks_allow_loopback=True) as world, running(database, folder) as strict:
        headers = {"Authorization": world.partner.headers["Authorization"]}
        async with httpx2.AsyncClient(base_url=strict.url, headers=headers, timeout=30) as elsewhere:
            yield world, elsewhere


async def put(client: httpx2.AsyncClient, key: str, **changed: Any) -> httpx2.Response:  # noqa: ANN401 -- JSON
    return await client.put("/v1/webhooks", json=WANTED | changed, headers={KEY: key})


async def test_a_repeated_registration_is_answered_alike_where_its_host_would_be_refused_by_now(
    database: str, tmp_path: Path
) -> None:
    async with beside_a_stricter_one(database, tmp_path) as (world, elsewhere):
        first = await put(world.partner, "webhook")
        again = [await put(client, "webhook") for client in (elsewhere, world.partner, elsewhere)]
        removed = await world.partner.delete(f"/v1/webhooks/{first.json()['id']}")
        after_its_end = [await put(client, "webhook") for client in (elsewhere, world.partner)]
        other = await put(elsewhere, "webhook", types=["customer.created"])
        anew = await put(elsewhere, "another")

    assert (first.status_code, removed.status_code) == (200, 204)
    assert first.json()["secret"]
    assert alike([first, *again, *after_its_end])
    assert_problem(other, 422, "callback_url_refused")
    assert_problem(anew, 422, "callback_url_refused")


async def test_a_repeated_change_of_types_is_answered_as_it_was_and_shows_no_secret(
    database: str, tmp_path: Path
) -> None:
    async with beside_a_stricter_one(database, tmp_path) as (world, elsewhere):
        await put(world.partner, "webhook")
        first = await put(world.partner, "fewer", types=["customer.created"])
        await put(world.partner, "more")
        again = [await put(client, "fewer", types=["customer.created"]) for client in (world.partner, elsewhere)]

    assert first.json()["types"] == ["customer.created"]
    assert "secret" not in first.json()
    assert alike([first, *again])


async def test_repeats_of_a_rotation_and_a_removal_are_answered_alike_after_the_webhook_has_ended(
    database: str, tmp_path: Path
) -> None:
    async with beside_a_stricter_one(database, tmp_path) as (world, elsewhere):
        path = f"/v1/webhooks/{(await put(world.partner, 'webhook')).json()['id']}"
        clients = (world.partner, elsewhere) * 4
        rotated = await asyncio.gather(*(each.post(f"{path}/secret", headers={KEY: "rotation"}) for each in clients))
        removed = await asyncio.gather(*(each.delete(path, headers={KEY: "removal"}) for each in clients))
        later = [await each.post(f"{path}/secret", headers={KEY: "rotation"}) for each in clients[:2]]
        gone = [await each.post(f"{path}/secret", headers={KEY: "too late"}) for each in clients[:2]]

    assert (rotated[0].status_code, removed[0].status_code) == (200, 204)
    assert alike([*rotated, *later])
    assert alike(removed)
    assert_problem(gone[0], 404, "webhook_not_found")
    assert alike(gone)


async def test_a_test_that_had_to_wait_for_another_leaves_its_key_unused(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, over = asyncio.Event(), asyncio.Event()

    async def sending(*_: object) -> Outcome:
        under_way.set()
        await over.wait()
        return Outcome("delivered", 204)

    async with running(database, tmp_path, webhooks_allow_loopback=True) as world:
        path = f"/v1/webhooks/{(await put(world.partner, 'webhook')).json()['id']}/test"
        monkeypatch.setattr(Sender, "send", sending)
        first = asyncio.create_task(world.partner.post(path))
        await under_way.wait()
        early = await world.partner.post(path, headers={KEY: "test"})
        over.set()
        await first
        again = await world.partner.post(path, headers={KEY: "test"})

    assert_problem(early, 409, "test_under_way")
    assert (again.status_code, again.json()["delivered"]) == (200, True)
