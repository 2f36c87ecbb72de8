"""How long an entry counts: a day, whether it was swept or not; and what is under way, until its process is dead."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import pytest

from application.idempotency import Once
from infrastructure import idempotency
from infrastructure.idempotency import IdempotencyKeys, keep_swept
from tests.infrastructure.test_executor import eventually, rows
from tests.support.http import assert_problem, customers_at, fresh_wallet
from tests.support.repeats import KEY, alike, two_processes
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

AGE: Final = "UPDATE gatehouse.idempotency SET expires_at = expires_at - %s::interval RETURNING 1"
DIES: Final = (
    "UPDATE gatehouse.idempotency SET under_way_until = clock_timestamp() WHERE under_way_until IS NOT NULL RETURNING 1"
)
BEGUN: Final = """
    UPDATE gatehouse.idempotency SET sealed = NULL, under_way_until = clock_timestamp() + interval '1 minute'
    RETURNING 1
"""
LEFT: Final = "SELECT count(*) FROM gatehouse.idempotency"


def age(database: str, by: str) -> None:
    """Let time pass for every entry."""
    assert rows(database, AGE, by)


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path) as world:
        yield world


def once(key: bytes = b"key", fingerprint: bytes = b"fingerprint") -> Once:
    return Once(key, fingerprint, uuid4())


@pytest.mark.parametrize("swept", [False, True])
async def test_a_repeat_within_a_day_is_one_and_after_it_is_executed_anew(world: World, swept: bool) -> None:  # noqa: FBT001
    held = (await customers_at(world, "active"))[0]
    database, entries = world.services.conninfo, IdempotencyKeys(world.services.pool)

    async def ask(change: str) -> dict[str, str]:
        response = await world.partner.patch(f"{held.path}/{change}", headers={KEY: change})
        assert response.status_code == 200
        return dict(response.json())

    suspended = await ask("deactivate")
    await ask("activate")
    age(database, "23:59:00")
    await entries.sweep()
    assert await ask("deactivate") == suspended
    age(database, "00:01:00")
    if swept:
        assert await entries.sweep() == 2

    anew = await ask("deactivate")

    assert anew["status"] == "inactive"
    assert anew["updatedAt"] > suspended["updatedAt"]
    assert await ask("deactivate") == anew
    assert await world.status(held.customer["id"]) == "inactive"


async def test_an_expired_key_may_ask_for_something_else_and_be_refused_something_else(world: World) -> None:
    body = {"chainId": fresh_wallet().account, "externalId": "user-1"}
    path = "/v1/customers"
    first = await world.partner.post(path, json=body, headers={KEY: "a key"})
    age(world.services.conninfo, "24:00:00")

    anew = [await world.partner.post(path, json=body, headers={KEY: "a key"}) for _ in range(2)]
    age(world.services.conninfo, "24:00:00")
    another = await world.partner.post(path, json={**body, "chainId": fresh_wallet().account}, headers={KEY: "a key"})

    assert assert_problem(anew[0], 409, "customer_exists")["id"] == first.json()["id"]
    assert alike(anew)
    assert another.status_code == 201


async def test_the_sweep_removes_what_has_expired_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, entries = world.services.conninfo, IdempotencyKeys(world.services.pool)
    monkeypatch.setattr(idempotency, "AT_ONCE", 2)
    for number in range(5):
        assert await entries.settle(once(b"old %d" % number), "wrong_status")
    age(database, "24:00:00")
    assert await entries.settle(once(b"new"), "wrong_status")

    life = asyncio.create_task(keep_swept(entries))
    await eventually(lambda: rows(database, LEFT) == [(1,)])
    life.cancel()

    assert await entries.find(b"new")


async def test_what_is_begun_is_begun_once_until_its_process_is_dead(world: World) -> None:
    entries = IdempotencyKeys(world.services.pool)
    first, second, other = once(), once(), once(fingerprint=b"another")
    first_id = first.command_id

    assert await entries.begin(first)
    assert not await entries.begin(second)
    assert rows(world.services.conninfo, DIES)
    assert not await entries.begin(other)
    assert await entries.begin(second)

    assert second.command_id == first_id, "what was half done is done under its first id"
    assert await entries.end(second, sealed=b"sealed")
    assert not await entries.end(first, refusal="wrong_status"), "whoever was taken for dead comes too late"
    found = await entries.find(first.key)
    assert found is not None
    assert (found.entry.sealed, found.entry.refusal, found.under_way) == (b"sealed", None, False)


async def test_what_was_abandoned_is_begun_again_under_an_id_of_its_own(world: World) -> None:
    entries, first, second = IdempotencyKeys(world.services.pool), once(), once()

    assert await entries.begin(first)
    await entries.abandon(first)
    assert await entries.begin(second)
    await entries.abandon(first)

    assert second.command_id != first.command_id
    assert not await entries.begin(once())


async def test_what_is_on_record_is_not_settled_again(world: World) -> None:
    entries = IdempotencyKeys(world.services.pool)

    assert await entries.settle(once(), "wrong_status")
    assert not await entries.settle(once(), "legal_hold")
    assert not await entries.begin(once())
    found = await entries.find(b"key")

    assert found is not None
    assert (found.entry.refusal, found.entry.stream) == ("wrong_status", UUID(int=0))


async def test_what_another_process_has_under_way_is_in_progress(database: str, tmp_path: Path) -> None:
    async with two_processes(database, tmp_path) as (world, elsewhere):
        held = (await customers_at(world, "initiating"))[0]
        path, scripted = f"{held.simulator}/screening", {"outcome": "pass"}
        first = await world.partner.patch(path, json=scripted, headers={KEY: "a script"})
        assert rows(database, BEGUN) == [(1,)]

        waiting = [
            await client.patch(path, json=scripted, headers={KEY: "a script"}) for client in (elsewhere, world.partner)
        ]
        other = await elsewhere.patch(path, json={"outcome": "hit"}, headers={KEY: "a script"})
        assert rows(database, DIES)
        taken_over = await elsewhere.patch(path, json=scripted, headers={KEY: "a script"})

    assert first.status_code == 202
    for answer in waiting:
        assert_problem(answer, 409, "in_progress")
        assert answer.headers["retry-after"] == "1"
    assert_problem(other, 422, "idempotency_key_reused")
    assert alike([first, taken_over])


async def test_an_export_whose_process_died_before_it_answered_is_the_same_order(world: World) -> None:
    asked, headers = {"types": ["CustomerRegistered"]}, {KEY: "an export"}
    first = await world.auditor.post("/v1/exports", json=asked, headers=headers)
    assert rows(world.services.conninfo, BEGUN)
    assert rows(world.services.conninfo, DIES)

    again = await world.auditor.post("/v1/exports", json=asked, headers=headers)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["location"] == first.headers["location"]
    assert len([*world.services.exports.all()]) == 1


async def test_a_fault_leaves_the_key_unused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held = (await customers_at(world, "initiating"))[0]
    path, scripted = f"{held.simulator}/screening", {"outcome": "pass"}
    sandbox = world.services.sandbox
    assert sandbox

    with monkeypatch.context() as broken:
        broken.setattr(type(sandbox.scripts), "write", None)
        failed = await world.partner.patch(path, json=scripted, headers={KEY: "a script"})
    again = await world.partner.patch(path, json=scripted, headers={KEY: "a script"})

    assert_problem(failed, 500, "internal_error")
    assert again.status_code == 202


async def test_an_answer_that_is_kept_opens_for_its_key_alone(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    answer = await world.partner.patch(
        f"{held.simulator}/screening", json={"outcome": "pass"}, headers={KEY: "a script"}
    )
    ((sealed,),) = rows(world.services.conninfo, "SELECT sealed FROM gatehouse.idempotency WHERE sealed IS NOT NULL")

    assert answer.content == b'{"accepted":true}'
    assert b"accepted" not in bytes(sealed)
    assert b"application/json" not in bytes(sealed)
