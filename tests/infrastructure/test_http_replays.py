"""`POST /v1/audit/replays`: an auditor has the read models compared with the log, while everybody else goes on."""

import json
import threading
from typing import Any, Final

import httpx2
import pytest

from infrastructure.faults import CannotStart
from infrastructure.http import replays
from infrastructure.replay.processes import replay
from tests.support.http import assert_problem, customers_at, head_of, rows
from tests.support.world import World

pytestmark = pytest.mark.anyio

REPLAYS: Final = "/v1/audit/replays"


def lines_of(response: httpx2.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


async def test_it_tells_how_far_it_is_and_then_that_all_agrees(world: World) -> None:
    await customers_at(world, "active")
    await world.project()

    *progress, last = lines_of(await world.auditor.post(REPLAYS))

    head = await head_of(world)
    assert progress[0] == {"events": 0, "of": head}
    result = last["result"]
    assert (result["agrees"], result["divergent"], result["divergences"]) == (True, 0, [])
    assert set(result["positions"].values()) == {head}
    assert result["rows"] > 0


async def test_it_names_what_differs_and_no_values(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.project()
    customer = held.customer["id"]
    change = "UPDATE gatehouse.customers SET status = %s WHERE id = %s RETURNING 1"
    await rows(world, change, "a secret", customer)

    response = await world.auditor.post(REPLAYS)
    await rows(world, change, "active", customer)

    result = lines_of(response)[-1]["result"]
    assert (result["agrees"], result["divergent"]) == (False, 1)
    assert result["divergences"] == [
        {"projection": "customers", "key": [customer], "what": "different", "columns": ["status"]}
    ]
    assert "a secret" not in response.text


async def test_it_changes_nothing(world: World) -> None:
    before = await head_of(world)

    assert (await world.auditor.post(REPLAYS)).status_code == 200

    assert await head_of(world) == before


async def test_one_replay_at_a_time_and_the_service_answers_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def waiting(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- whatever it is called with
        assert goes_on.wait(30)
        return replay(*arguments, **options)

    monkeypatch.setattr(replays, "replay", waiting)
    async with world.auditor.stream("POST", REPLAYS) as first:
        assert_problem(await world.auditor.post(REPLAYS), 409, "replay_under_way")
        assert (await world.partner.get("/v1/customers")).status_code == 200
        goes_on.set()
        await first.aread()

    assert "result" in lines_of(first)[-1]
    assert (await world.auditor.post(REPLAYS)).status_code == 200


@pytest.mark.parametrize(
    ("fault", "code"), [(CannotStart("a secret"), "unavailable"), (RuntimeError("a secret"), "internal_error")]
)
async def test_what_ends_a_replay_is_its_last_line_without_details(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(replays, "replay", failing)

    response = await world.auditor.post(REPLAYS)

    (line,) = lines_of(response)
    assert line["problem"]["code"] == code
    assert "a secret" not in response.text
