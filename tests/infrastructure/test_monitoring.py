from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from application.envelope import Envelope
from application.streams import sanctions_list_of
from domain.events import (
    CustomersRescreened,
    IllicitActivityConfirmed,
    MonitoringAttempted,
    OnboardingBarred,
)
from domain.vocabulary import Reason
from infrastructure.sanctions.adoption import Giving, put_in_force
from infrastructure.sanctions.adoption import adopt as adopt_list
from infrastructure.sanctions.sdn_advanced import Listing, SanctionsList
from infrastructure.sandbox.source import Step
from infrastructure.screening.ofac import OFAC
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

LIST = sanctions_list_of(OFAC)
DAY = timedelta(days=1)


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path) as world:
        await world.work()
        yield world


async def history(world: World, stream: str | UUID) -> list[Envelope]:
    """What the log has of a stream."""
    stream = UUID(str(stream))
    return (await world.services.reader.streams([stream])).get(stream, [])


async def looks(world: World, customer: dict[str, Any]) -> list[MonitoringAttempted]:
    """How often a customer was looked at, and what came of it."""
    events = [envelope.event for envelope in await history(world, customer["id"])]
    return [event for event in events if isinstance(event, MonitoringAttempted)]


async def adopt(world: World, *wallets: Wallet, day: int = 1) -> str:
    """Put a list in force that names these wallets."""
    given = listing(day, *wallets)
    await put_in_force(world.services, given, sample=False)
    return given.sha256


def listing(day: int, *wallets: Wallet) -> SanctionsList:
    """A list that names these wallets, as ETH and as USDT, and one that nobody has."""
    addresses = {
        wallet.address.lower(): tuple(Listing(wallet.address, currency, "1") for currency in ("ETH", "USDT"))
        for wallet in (Wallet(900), *wallets)
    }
    digest = sha256(repr((day, addresses)).encode()).hexdigest()
    return SanctionsList(datetime(2026, 11, day, tzinfo=UTC).date(), digest, 1000, addresses)


async def rehearse(world: World, customer: dict[str, Any], outcome: str, step: Step = "monitoring") -> None:
    """What the sandbox's source says of a customer from now on."""
    assert world.services.sandbox is not None
    await world.services.sandbox.scripts.write(UUID(customer["id"]), step, outcome)


async def test_a_customer_is_looked_at_once_a_day(world: World) -> None:
    customer = await world.active(Wallet(1))
    await world.work()
    assert await looks(world, customer) == []

    for days in (1, 2, 3):
        with world.clock.moved(DAY * days):
            await world.work()
            await world.work()
        assert [look.verdict for look in await looks(world, customer)] == ["clear"] * days

    look = (await looks(world, customer))[-1]
    report = next(report for report in look.reports if report.source == OFAC)
    assert report.list_hash is not None
    assert report.evidence is not None
    assert await world.status(customer["id"]) == "active"


async def test_who_is_on_the_way_or_rejected_is_not_monitored(world: World) -> None:
    on_the_way = await world.verifying(Wallet(1))
    rejected = await world.active(Wallet(2), "user-2")
    await world.partner.patch(f"/v1/simulator/customers/{rejected['id']}/monitoring", json={"outcome": "evidence"})
    with world.clock.moved(DAY * 2):
        await world.work()

    assert await looks(world, on_the_way) == []
    assert [look.verdict for look in await looks(world, rejected)] == ["evidence"]


async def test_whom_the_partner_suspended_is_looked_at_too(world: World) -> None:
    customer = await world.active(Wallet(1))
    await world.partner.patch(f"/v1/customers/{customer['id']}/deactivate")
    with world.clock.moved(DAY + timedelta(minutes=1)):
        await world.work()

    assert [look.verdict for look in await looks(world, customer)] == ["clear"]


async def test_what_a_look_suspects_suspends_in_one_decision(world: World) -> None:
    customer = await world.active(Wallet(1))
    await rehearse(world, customer, "suspicion")
    with world.clock.moved(DAY + timedelta(minutes=1)):
        await world.work()

    news = (await history(world, customer["id"]))[-3:]
    assert [envelope.type for envelope in news] == ["MonitoringAttempted", "AlertRaised", "CustomerDeactivated"]
    assert len({envelope.context.command_id for envelope in news}) == 1
    assert {envelope.context.actor for envelope in news} == {"policy:monitoring-1"}
    assert await world.status(customer["id"]) == "inactive"


async def test_an_outage_is_asked_about_again_and_harms_nobody(world: World) -> None:
    customer = await world.active(Wallet(1))
    await rehearse(world, customer, "outage")
    with world.clock.moved(DAY + timedelta(minutes=1)):
        await world.work()
        await world.work()
    assert [look.verdict for look in await looks(world, customer)] == ["retry"]
    assert await world.status(customer["id"]) == "active"

    await rehearse(world, customer, "pass")
    with world.clock.moved(DAY + timedelta(minutes=4)):
        await world.work()

    assert [look.verdict for look in await looks(world, customer)] == ["retry", "clear"]


async def test_a_new_list_touches_just_the_customers_it_names(world: World) -> None:
    customers = [await world.active(Wallet(number), f"user-{number}") for number in (1, 2, 3)]
    await world.verifying(Wallet(4), "user-4")
    heads = [len(await history(world, customer["id"])) for customer in customers]

    digest = await adopt(world, Wallet(2), Wallet(500))
    await world.work()

    assert [await world.status(customer["id"]) for customer in customers] == ["active", "rejected", "active"]
    news = [len(await history(world, customer["id"])) for customer in customers]
    assert [after - before for before, after in zip(heads, news, strict=True)] == [0, 2, 0]
    assert (await history(world, LIST))[-1].event == CustomersRescreened(list_hash=digest, named=1)
    look, rejection = (envelope.event for envelope in (await history(world, customers[1]["id"]))[-2:])
    assert isinstance(look, MonitoringAttempted)
    assert [(report.source, report.list_hash) for report in look.reports] == [(OFAC, digest)]
    assert isinstance(rejection, IllicitActivityConfirmed)
    assert rejection.reasons == (Reason.SANCTIONS_MATCH,)
    assert set(rejection.evidence) == {look.reports[0].evidence}


async def test_a_rejection_by_a_new_list_and_its_bars_are_one_transaction(world: World) -> None:
    customer = await world.active(Wallet(1))
    await adopt(world, Wallet(1))
    await world.work()

    rejection = (await history(world, customer["id"]))[-1]
    batch = await together_with(world, rejection)
    assert [type(envelope.event) for envelope in batch] == [
        MonitoringAttempted,
        IllicitActivityConfirmed,
        OnboardingBarred,
        OnboardingBarred,
    ]
    again = await world.other.post("/v1/customers", json={"chainId": Wallet(1).account, "externalId": "again"})
    assert (again.status_code, again.json()["code"]) == (403, "onboarding_barred")


async def together_with(world: World, event: Envelope) -> list[Envelope]:
    """What one command wrote, whatever the streams."""
    query = "SELECT DISTINCT originator_id FROM gatehouse.stored_events WHERE recorded_at = %s"
    async with world.services.pool.connection() as connection:
        found = await (await connection.execute(query, (event.recorded_at,))).fetchall()
    streams = await world.services.reader.streams([stream for (stream,) in found])
    batch = [
        envelope for stream in streams.values() for envelope in stream if envelope.recorded_at == event.recorded_at
    ]
    return sorted(batch, key=lambda envelope: envelope.position)


async def test_whom_the_list_before_named_already_is_not_looked_at_again(world: World) -> None:
    customer = await world.active(Wallet(1))
    await rehearse(world, customer, "pass")
    await adopt(world, day=1)
    await world.work()
    before = len(await history(world, customer["id"]))

    await adopt(world, Wallet(7), day=2)
    await adopt(world, Wallet(7), Wallet(8), day=3)
    await world.work()

    assert len(await history(world, customer["id"])) == before
    done = [
        envelope.event for envelope in await history(world, LIST) if isinstance(envelope.event, CustomersRescreened)
    ]
    assert [event.named for event in done] == [0, 0, 0]


async def test_a_list_that_is_taken_back_before_anybody_looked_leaves_nothing_to_do(world: World) -> None:
    await adopt(world, day=1)
    await world.work()
    await adopt(world, Wallet(1), day=2)
    await put_in_force_again(world, day=1)
    await world.work()

    assert await rescreens_due(world) == 0


async def put_in_force_again(world: World, *, day: int) -> None:
    """The list of a day that was in force before, as who forces it may."""
    given = listing(day)
    await adopt_list(world.services, given, Giving(actor="admin:console", force=True))


async def rescreens_due(world: World) -> int:
    query = "SELECT count(*) FROM gatehouse.worklist WHERE kind = 'rescreen'"
    async with world.services.pool.connection() as connection:
        row = await (await connection.execute(query)).fetchone()
    return int(row[0]) if row else -1


async def test_one_customers_fault_keeps_no_other_from_being_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = [await world.active(Wallet(number), f"user-{number}") for number in (1, 2)]
    first = min(customers, key=lambda customer: customer["id"])
    keep = world.services.evidence.keep

    async def failing(subject: UUID, payloads: Iterable[bytes]) -> list[str]:
        if str(subject) == first["id"]:
            raise RuntimeError
        return await keep(subject, payloads)

    monkeypatch.setattr(world.services.evidence, "keep", failing)
    await adopt(world, Wallet(1), Wallet(2))
    await world.work()
    assert sorted([await world.status(customer["id"]) for customer in customers]) == ["active", "rejected"]
    assert await rescreens_due(world) == 1


async def test_lists_that_follow_each_other_miss_nobody(world: World) -> None:
    customers = [await world.active(Wallet(number), f"user-{number}") for number in (1, 2)]
    await adopt(world, Wallet(1), day=1)
    await adopt(world, Wallet(1), Wallet(2), day=2)
    await world.work()

    assert [await world.status(customer["id"]) for customer in customers] == ["rejected", "rejected"]
