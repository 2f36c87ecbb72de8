"""A policy on trial over HTTP: lines as they come, counts by reason, and no customer."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from infrastructure.faults import CannotStart
from infrastructure.http import policies
from infrastructure.replay.trial import tried_policy
from tests.support.http import assert_problem, customers_at, head_of
from tests.support.world import World

pytestmark = pytest.mark.anyio

TRIAL: Final = "/v1/policies/screening-2/trial"


@pytest.fixture
async def lines(world: World) -> list[dict[str, Any]]:
    """The lines of a trial after a customer came in."""
    await customers_at(world, "active")
    response = await world.admin.post(TRIAL)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text.splitlines()]


async def test_it_tells_how_far_it_is_and_then_the_result(world: World, lines: list[dict[str, Any]]) -> None:
    *progress, last = lines

    head = await head_of(world)
    assert progress[0] == {"events": 0, "of": head}
    assert all(line.keys() == {"events", "of"} for line in progress)
    result = last["result"]
    assert (result["policy"], result["step"], result["position"]) == ("screening-2", "screening", head)
    assert result["decisions"] > 0
    assert (result["otherwise"], result["customers"], result["changes"]) == (0, 0, [])


async def test_it_names_no_customer(world: World, lines: list[dict[str, Any]]) -> None:
    ids = {customer["id"] for customer in (await world.auditor.get("/v1/customers")).json()["customers"]}

    assert ids
    assert not any(customer in json.dumps(lines) for customer in ids)


async def test_it_changes_nothing(world: World) -> None:
    before = await head_of(world)

    assert (await world.admin.post(TRIAL)).status_code == 200

    assert await head_of(world) == before


async def test_a_policy_that_there_is_not_is_not_found(world: World) -> None:
    for name in ("screening-99", "screening", "%2e%2e"):
        assert_problem(await world.admin.post(f"/v1/policies/{name}/trial"), 404, "policy_not_found")


async def over(world: World) -> None:
    """The next trial may begin: a thread that has said its last word ends by itself."""
    while (again := await world.admin.post(TRIAL)).status_code == 409:
        pass
    assert again.status_code == 200


@contextmanager
def held_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A trial that goes on when the test says so."""
    goes_on = threading.Event()

    def waiting(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- whatever it is called with
        assert goes_on.wait(30)
        return tried_policy(*arguments, **options)

    monkeypatch.setattr(policies, "tried_policy", waiting)
    try:
        yield goes_on
    finally:
        goes_on.set()


async def test_one_trial_at_a_time_and_the_service_answers_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held_up(monkeypatch) as goes_on:
        async with world.admin.stream("POST", TRIAL) as first:
            assert_problem(await world.admin.post("/v1/policies/screening-1/trial"), 409, "trial_under_way")
            assert (await world.partner.get("/v1/customers")).status_code == 200
            goes_on.set()
            lines = [json.loads(line) async for line in first.aiter_lines()]

    assert "result" in lines[-1]
    await over(world)


@pytest.mark.parametrize(
    ("fault", "code"), [(CannotStart("a secret"), "unavailable"), (RuntimeError("a secret"), "internal_error")]
)
async def test_what_ends_a_trial_is_its_last_line_without_details(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(policies, "tried_policy", failing)

    response = await world.admin.post(TRIAL)

    (line,) = response.text.splitlines()
    assert json.loads(line)["problem"]["code"] == code
    assert "a secret" not in response.text


async def test_who_hangs_up_ends_the_trial(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, told = threading.Event(), threading.Event()

    def endless(*_: object, begun: Any, progress: Any, **__: object) -> None:  # noqa: ANN401 -- told how far it is
        begun(1)
        told.set()
        try:
            while True:
                progress(1)
        finally:
            ended.set()

    monkeypatch.setattr(policies, "tried_policy", endless)

    async with world.admin.stream("POST", TRIAL) as response:
        await anext(response.aiter_lines())

    assert await asyncio.to_thread(ended.wait, 30)
    monkeypatch.undo()
    await over(world)
