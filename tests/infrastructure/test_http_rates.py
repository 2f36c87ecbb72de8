"""How often a key may call."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from infrastructure.http import rates
from infrastructure.http.challenges import WRONG_ANSWERS
from infrastructure.http.problems import Problem
from infrastructure.http.rates import MANY, MINUTE, Budget
from infrastructure.http.request_signatures import MOST_WRONG
from tests.conftest import Server
from tests.support.http import assert_problem, customers_at, fresh_wallet, head_of
from tests.support.signing import new_pair, new_signer
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

FEW = 5


class Time:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0 * MINUTE

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(rates, "time", clock)
    return clock


@pytest.fixture(scope="module")
async def strict(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    folder: Path = tmp_path_factory.mktemp("strict")
    async with running(conninfo, folder, reads_per_minute=FEW, writes_per_minute=FEW) as world:
        yield world
    server.drop(conninfo)


async def test_a_key_that_calls_too_often_is_told_when_to_come_back(strict: World) -> None:
    answers = [await strict.partner.get("/v1/customers") for _ in range(FEW + 1)]

    assert [answer.status_code for answer in answers] == [200] * FEW + [429]
    assert_problem(answers[-1], 429, "too_many_requests")
    wait = int(answers[-1].headers["retry-after"])
    assert 1 <= wait <= MINUTE
    assert answers[-1].headers["ratelimit-policy"] == f'"reads";q={FEW};w={MINUTE}'
    assert answers[-1].headers["ratelimit"] == f'"reads";r=0;t={wait}'
    assert (await strict.other.get("/v1/customers")).status_code == 200


async def test_reads_and_writes_have_budgets_of_their_own(strict: World) -> None:
    while (await strict.officer.get("/v1/customers")).status_code == 200:
        pass

    answers = [await strict.officer.post("/v1/customers") for _ in range(FEW + 1)]

    assert [answer.status_code for answer in answers] == [403] * FEW + [429]
    assert answers[-1].headers["ratelimit-policy"].startswith('"writes"')


async def test_refusals_are_counted_like_all_answers_and_take_nothing(strict: World) -> None:
    answers = await asyncio.gather(*(strict.auditor.get("/v1/audit/keys") for _ in range(FEW * 3)))

    assert sorted(answer.status_code for answer in answers) == [200] * FEW + [429] * FEW * 2
    metrics = (await strict.auditor.get("/metrics")).text
    assert f'gatehouse_requests_total{{route="GET /audit/keys",status="429"}} {FEW * 2}.0' in metrics


async def test_wrong_answers_to_a_challenge_are_borne_for_a_while(world: World) -> None:
    held, other = await customers_at(world, "initiating", 2)
    wrong = [await world.sign(held.customer, fresh_wallet()) for _ in range(WRONG_ANSWERS)]
    assert {answer.status_code for answer in wrong} == {401}
    before = await head_of(world)

    assert_problem(await world.sign(held.customer, held.wallet), 429, "too_many_requests")

    assert await head_of(world) == before
    assert (await world.sign(other.customer, other.wallet)).status_code == 204
    assert_problem(await world.sign(held.customer, held.wallet, by="other"), 404, "customer_not_found")


async def test_wrong_request_signatures_are_checked_for_a_while(world: World) -> None:
    signer, other = await new_signer(world), await new_signer(world)
    wrong = new_pair("ed25519")

    answers = await asyncio.gather(
        *(signer.send("GET", "/v1/customers", pair=wrong) for _ in range(MOST_WRONG)),
    )

    assert {answer.status_code for answer in answers} == {401}
    assert_problem(await signer.send("GET", "/v1/customers"), 429, "too_many_requests")
    assert (await other.send("GET", "/v1/customers")).status_code == 200


async def test_an_unsigned_request_is_no_wrong_signature(world: World) -> None:
    signer = await new_signer(world)
    plain = {"Authorization": f"Bearer {signer.key}"}
    await asyncio.gather(*(world.partner.get("/v1/customers", headers=plain) for _ in range(MOST_WRONG + 1)))

    assert (await signer.send("GET", "/v1/customers")).status_code == 200


def refused(budget: Budget, key: UUID) -> int:
    """The seconds to wait; 0 where the request counts."""
    try:
        budget.spend(key)
    except Problem as problem:
        return int(problem.headers["Retry-After"])
    return 0


@pytest.mark.parametrize("limit", [1, 2, 7, 60, 6000])
@pytest.mark.parametrize("begun", [0.0, 1.0, 30.5, 59.9])
def test_whoever_waits_as_long_as_told_is_served_and_not_much_sooner(clock: Time, limit: int, begun: float) -> None:
    budget, key = Budget("reads", limit), uuid4()
    clock.now += begun
    for _ in range(3):
        while not (wait := refused(budget, key)):
            pass
        assert 1 <= wait <= MINUTE + 1
        clock.now += wait - 1
        assert refused(budget, key) == 1
        clock.now += 1
        assert refused(budget, key) == 0


def test_a_new_minute_is_no_new_budget(clock: Time) -> None:
    limit, key = 60, uuid4()
    budget = Budget("reads", limit)
    clock.now += MINUTE - 1
    served = [refused(budget, key) for _ in range(2 * limit)].count(0)
    clock.now += 2
    served += [refused(budget, key) for _ in range(2 * limit)].count(0)

    assert limit <= served <= limit + 2


def test_no_bound_is_no_bound() -> None:
    budget, key = Budget("reads", 0), uuid4()

    assert [refused(budget, key) for _ in range(1000)] == [0] * 1000


def test_keys_that_have_gone_quiet_are_forgotten(clock: Time) -> None:
    budget, busy = Budget("reads", 2), uuid4()
    for _ in range(MANY):
        refused(budget, uuid4())
    clock.now += 2 * MINUTE
    assert refused(budget, busy) == refused(budget, busy) == 0

    refused(budget, uuid4())

    assert len(vars(budget)["_windows"]) == 2
    assert refused(budget, busy) > 0
