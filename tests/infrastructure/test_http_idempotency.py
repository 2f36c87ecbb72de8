"""Repeats over HTTP: executed once, answered alike, whether they were carried out, refused, or are under way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from application.executor import Executor
from infrastructure.http import idempotency
from infrastructure.key_changes import issue_key
from tests.infrastructure.test_sealing import contents, dump, found
from tests.support.http import Held, assert_problem, customers_at, fresh_wallet, head_of, rows, service_log
from tests.support.repeats import KEY, alike, two_processes
from tests.support.world import World

pytestmark = pytest.mark.anyio

COUNT = "SELECT count(*) FROM gatehouse.idempotency"


def registration() -> dict[str, str]:
    return {"chainId": fresh_wallet().account, "externalId": "user-1"}


async def register(
    client: httpx2.AsyncClient, body: dict[str, str], key: str, path: str = "/v1/customers"
) -> httpx2.Response:
    return await client.post(path, json=body, headers={KEY: key})


async def suspend(world: World, held: Held, key: str, change: str = "deactivate") -> httpx2.Response:
    return await world.partner.patch(f"{held.path}/{change}", headers={KEY: key})


async def test_a_repeated_registration_is_the_first_one(world: World) -> None:
    body = registration()

    first = await register(world.partner, body, "registration")
    head = await head_of(world)
    again = await register(world.partner, body, "registration")

    assert first.status_code == 201
    assert alike([first, again])
    assert await head_of(world) == head


async def test_without_a_key_nothing_is_kept_and_a_repeat_is_decided_anew(world: World) -> None:
    body, before = registration(), await rows(world, COUNT)

    first = await world.partner.post("/v1/customers", json=body)
    again = await world.partner.post("/v1/customers", json=body)

    assert first.status_code == 201
    assert_problem(again, 409, "customer_exists")
    assert await rows(world, COUNT) == before


async def test_a_repeat_is_answered_as_it_was_then_however_much_has_happened_since(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    first = await suspend(world, held, "then")
    assert (await suspend(world, held, "later", "activate")).json()["status"] == "active"
    again = await suspend(world, held, "then")

    assert first.json()["status"] == "inactive"
    assert alike([first, again])
    assert await world.status(held.customer["id"]) == "active"


async def test_a_refusal_is_repeated_though_what_was_asked_for_has_become_possible(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]

    refused = await suspend(world, held, "too early")
    assert (await world.partner.patch(f"{held.simulator}/verify")).status_code == 202
    again = await suspend(world, held, "too early")

    assert_problem(refused, 409, "wrong_status")
    assert alike([refused, again])
    assert (await suspend(world, held, "now")).status_code == 200


async def test_a_refusal_that_names_a_customer_names_it_again(world: World) -> None:
    body = registration()
    customer = (await world.partner.post("/v1/customers", json=body)).json()

    answers = [await register(world.partner, body, "exists") for _ in range(3)]

    assert assert_problem(answers[0], 409, "customer_exists")["id"] == customer["id"]
    assert alike(answers)


async def test_what_was_true_already_is_answered_as_it_was(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await suspend(world, held, "first")
    head = await head_of(world)

    unchanged = await suspend(world, held, "true already")
    await suspend(world, held, "back", "activate")
    again = await suspend(world, held, "true already")

    assert unchanged.json()["status"] == "inactive"
    assert alike([unchanged, again])
    assert await head_of(world) == head + 1


async def test_a_wrong_signature_is_repeated_and_counted_once(world: World) -> None:
    held, other = await customers_at(world, "initiating", 2)
    path = f"{held.path}/challenge/sign"
    challenge = held.customer["challenge"]
    body = {"chainId": held.wallet.account, "challenge": challenge, "signature": other.wallet.sign(b"something else")}

    first = await register(world.partner, body, "wrong", path)
    head = await head_of(world)
    again = await register(world.partner, body, "wrong", path)

    assert_problem(first, 401, "signature_invalid")
    assert alike([first, again])
    assert await head_of(world) == head


@pytest.mark.parametrize("other", ["body", "path", "method"])
async def test_another_request_under_the_same_key_is_refused(world: World, other: str) -> None:
    held, second = await customers_at(world, "active", 2)
    reason = {"reason": "first"}
    first = await world.officer.patch(f"{held.path}/deactivate", json=reason, headers={KEY: other})
    method, path = "PATCH", f"{held.path}/deactivate"
    if other == "path":
        path = f"{second.path}/deactivate"
    elif other == "method":
        method, path = "POST", f"{held.path}/rejection"
    elif other == "body":
        reason = {"reason": "second"}
    assert first.status_code == 200
    head = await head_of(world)

    again = await world.officer.request(method, path, json=reason, headers={KEY: other})

    assert_problem(again, 422, "idempotency_key_reused")
    assert await head_of(world) == head


async def test_another_partners_key_is_another_key_and_ones_own_serves_from_every_api_key(world: World) -> None:
    body = registration()

    mine = await register(world.partner, body, "of two")
    theirs = await register(world.other, body, "of two")
    caller = await world.services.directory.find(world.partner.headers["Authorization"].removeprefix("Bearer "))
    assert caller
    second = await issue_key(world.services, role="partner", name="second host", partner=caller.partner)
    headers = {"Authorization": f"Bearer {second.key}", KEY: "of two"}
    again = await world.partner.post("/v1/customers", json=body, headers=headers)

    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["id"] != theirs.json()["id"]
    assert alike([mine, again])


async def test_what_is_not_well_formed_leaves_its_key_unused(world: World) -> None:
    body = registration()

    for wrong in ({**body, "chainId": "nonsense"}, {**body, "more": "1"}):
        assert (await register(world.partner, wrong, "corrected")).status_code == 422
    assert (await register(world.partner, body, "corrected")).status_code == 201


async def test_repeats_that_come_at_once_share_one_answer(world: World) -> None:
    body, head = registration(), await head_of(world)

    answers = await asyncio.gather(*(register(world.partner, body, "at once") for _ in range(16)))
    others = await asyncio.gather(*(register(world.partner, body, "exists now") for _ in range(16)))

    assert answers[0].status_code == 201
    assert alike(answers)
    assert await head_of(world) == head + 3
    assert_problem(others[0], 409, "customer_exists")
    assert alike(others)


async def test_another_request_is_refused_while_the_first_is_under_way(world: World) -> None:
    bodies = [registration() for _ in range(8)]

    answers = await asyncio.gather(*(register(world.partner, body, "of many") for body in bodies))

    carried_out = [answer for answer in answers if answer.status_code == 201]
    assert len(carried_out) == 1
    for answer in answers:
        if answer not in carried_out:
            assert_problem(answer, 422, "idempotency_key_reused")


@pytest.fixture
async def held_up(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """The executor's commands wait for this."""
    let_go, execute = asyncio.Event(), Executor.execute

    async def waiting(self: Executor, *given: object) -> object:
        await let_go.wait()
        return await execute(self, *given)  # type: ignore[arg-type] # as it was called

    monkeypatch.setattr(Executor, "execute", waiting)
    yield let_go
    let_go.set()


async def test_a_repeat_that_would_wait_too_long_is_told_so(
    world: World, held_up: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "PATIENCE", 0.05)
    body = registration()

    first = asyncio.create_task(register(world.partner, body, "slow"))
    await asyncio.sleep(0)
    early = await register(world.partner, body, "slow")
    held_up.set()

    slow, fast = (await first, early) if early.status_code == 409 else (early, await first)
    assert_problem(fast, 409, "in_progress")
    assert fast.headers["retry-after"] == "1"
    assert slow.status_code == 201
    assert alike([slow, await register(world.partner, body, "slow")])


async def test_a_repeat_that_the_process_remembers_does_not_trouble_the_executor(
    world: World, held_up: asyncio.Event
) -> None:
    body = registration()
    held_up.set()
    first = await register(world.partner, body, "remembered")
    held_up.clear()

    again = await register(world.partner, body, "remembered")
    other = await register(world.partner, registration(), "remembered")

    assert alike([first, again])
    assert_problem(other, 422, "idempotency_key_reused")


async def test_two_processes_execute_once_and_answer_alike(database: str, tmp_path: Path) -> None:
    async with two_processes(database, tmp_path) as (world, elsewhere):
        head = await head_of(world)
        for number in range(10):
            body = registration()
            answers = await asyncio.gather(
                *(register(client, body, f"key {number}") for client in (world.partner, elsewhere) * 4)
            )
            assert answers[0].status_code == 201
            assert alike(answers)
        assert await head_of(world) == head + 30


async def test_what_was_done_is_answered_by_a_process_that_would_refuse_it_by_now(
    database: str, tmp_path: Path
) -> None:
    async with two_processes(database, tmp_path) as (world, elsewhere):
        held = (await customers_at(world, "active"))[0]
        path, found_guilty = f"{held.simulator}/monitoring", {"outcome": "evidence"}
        first = await world.partner.patch(path, json=found_guilty, headers={KEY: "evidence"})
        again = await elsewhere.patch(path, json=found_guilty, headers={KEY: "evidence"})
        other = await elsewhere.patch(path, json={"outcome": "pass"}, headers={KEY: "evidence"})
        anew = await elsewhere.patch(path, json=found_guilty, headers={KEY: "more evidence"})

    assert first.status_code == 202
    assert alike([first, again])
    assert_problem(other, 422, "idempotency_key_reused")
    assert_problem(anew, 409, "wrong_status")


async def test_what_was_refused_before_it_was_decided_is_refused_alike_everywhere(
    database: str, tmp_path: Path
) -> None:
    async with two_processes(database, tmp_path) as (world, elsewhere):
        held = (await customers_at(world, "initiating"))[0]
        path, nothing = f"{held.simulator}/monitoring", {"outcome": "pass"}
        first = await elsewhere.patch(path, json=nothing, headers={KEY: "too early"})
        assert (await world.sign(held.customer, held.wallet)).status_code == 204
        await world.work()
        assert (await world.partner.patch(f"{held.simulator}/verify")).status_code == 202
        again = [
            await client.patch(path, json=nothing, headers={KEY: "too early"}) for client in (world.partner, elsewhere)
        ]

    assert_problem(first, 409, "wrong_status")
    assert alike([first, *again])


async def test_a_key_is_found_nowhere_nor_what_was_asked_under_it(
    database: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with two_processes(database, tmp_path) as (world, elsewhere):
        with service_log() as log:
            body = registration()
            for client in (world.partner, elsewhere, world.partner):
                assert (await register(client, body, "Xanthippe@example.com")).status_code == 201
            reused = await register(elsewhere, registration(), "Xanthippe@example.com")
            malformed = await register(elsewhere, body, '"Xanthippe@example.com')
        out, err = capfd.readouterr()
        said = reused.text + malformed.text + str(reused.headers) + log.getvalue() + out + err
        metrics = (await world.partner.get("/metrics")).text

    assert_problem(reused, 422, "idempotency_key_reused")
    assert_problem(malformed, 422, "invalid_request")
    everything = b"".join(contents(database)) + dump(database) + (said + metrics).encode()
    assert found("user-1", everything), "the search itself finds nothing"
    assert not found("Xanthippe@example.com", everything)
