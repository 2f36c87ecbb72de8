"""The projector: rows and position are one transaction, one process leads, a poison event stops one projection."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from domain.events import ApiKeyRevoked, CustomerDeactivated, WalletClaimed
from domain.vocabulary import Ground
from infrastructure import projector as projector_module
from infrastructure.following import LostLead
from infrastructure.postgres import service_conninfo
from infrastructure.projector import LOCKS, Projector
from projections import PROJECTIONS
from projections.projection import Projection
from projections.spans import SPANS
from tests.infrastructure.test_executor import adding, context, eventually, executing, registration, rows
from tests.support.world import Wallet, running

pytestmark = pytest.mark.anyio

NAMES: Final = ["customers", "feed", "reviews", "spans", "worklist"]
TRACKING: Final = "SELECT projection, position, stopped_at, fault FROM gatehouse.tracking ORDER BY 1"
HEAD: Final = "SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events"
LEADERS: Final = """
    SELECT objid, pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
MODELS: Final[dict[str, LiteralString]] = {
    "customers": "SELECT * FROM gatehouse.customers ORDER BY id",
    "worklist": "SELECT customer, kind, attempt, due, wallet, caused_by FROM gatehouse.worklist ORDER BY customer",
    "spans": "SELECT * FROM gatehouse.spans ORDER BY customer, recorded_from, occurred_from",
    "reviews": "SELECT * FROM gatehouse.reviews ORDER BY customer, position",
    "feed": "SELECT * FROM gatehouse.feed ORDER BY partner, sequence",
}
EMPTY: Final = """
    TRUNCATE gatehouse.tracking, gatehouse.customers, gatehouse.worklist, gatehouse.spans, gatehouse.reviews,
        gatehouse.feed
"""
# As anybody else might write, who tells nobody.
UNKNOWN: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)
    SELECT gen_random_uuid(), 1, 'FromTheFuture', state FROM gatehouse.stored_events
    WHERE topic = 'WalletClaimed' LIMIT 1 RETURNING 1
"""


class FromTheFuture(WalletClaimed):
    """What a later version writes."""


def projector(database: str, projections: Sequence[Projection[Any]] = PROJECTIONS) -> Projector:
    return Projector(service_conninfo(database), projections)


@asynccontextmanager
async def projecting(database: str, projections: Sequence[Projection[Any]] = PROJECTIONS) -> AsyncIterator[Projector]:
    """A projector that runs, as in a process of its own."""
    following = projector(database, projections)
    life = asyncio.create_task(following.run())
    try:
        yield following
        assert not life.done()
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def register(database: str, folder: Path, *wallets: int) -> list[UUID]:
    """Three events for each wallet, in one batch; the customers."""
    async with executing(database, folder) as executor:
        outcomes = await asyncio.gather(*(executor.execute(registration(wallet), context()) for wallet in wallets))
    return [outcome.stream for outcome in outcomes]


def insert_quietly(database: str) -> None:
    """Append an event without telling anybody."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            """
            INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)
            SELECT gen_random_uuid(), 1, topic, state FROM gatehouse.stored_events WHERE topic = 'ApiKeyRevoked' LIMIT 1
            """
        )


def empty(database: str) -> None:
    """Drop every read model."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(EMPTY)


def leaders(database: str) -> dict[int, int]:
    """Which backend leads each projection, by their locks."""
    return dict(rows(database, LEADERS, LOCKS))


def all_at(database: str, upto: int) -> bool:
    """Whether every projection has come so far."""
    return rows(database, "SELECT position FROM gatehouse.tracking") == [(upto,)] * len(NAMES)


def position(database: str, name: str = "customers") -> int:
    found = rows(database, "SELECT position FROM gatehouse.tracking WHERE projection = %s", name)
    return int(found[0][0]) if found else 0


def head(database: str) -> int:
    return int(rows(database, HEAD)[0][0])


def models(database: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows(database, query) for name, query in MODELS.items()}


async def test_rows_and_position_are_written_in_one_transaction(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, *range(20))
    await projector(database).catch_up()

    assert rows(database, TRACKING) == [(name, 60, None, None) for name in NAMES]
    for name, query in (
        ("customers", "SELECT DISTINCT xmin::text FROM gatehouse.customers"),
        ("worklist", "SELECT DISTINCT xmin::text FROM gatehouse.worklist"),
        ("spans", "SELECT DISTINCT xmin::text FROM gatehouse.spans"),
    ):
        tracked = rows(database, "SELECT xmin::text FROM gatehouse.tracking WHERE projection = %s", name)
        assert rows(database, query) == tracked


async def test_small_batches_come_to_the_same_as_one_large_one(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(database, tmp_path) as world:
        for number in range(3):
            await world.active(Wallet(number))
        await world.verifying(Wallet(4))
    before = models(database)
    empty(database)
    monkeypatch.setattr(projector_module, "BATCH", 4)
    await projector(database).catch_up()

    assert models(database) == before
    assert {position(database, name) for name in NAMES} == {head(database)}


async def test_customers_that_begin_are_copied_at_once(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await world.active(Wallet(1))
        await world.verifying(Wallet(2))
    empty(database)
    with capture_logs() as said:
        await projector(database).catch_up()

    assert said == []
    assert len(rows(database, "SELECT FROM gatehouse.customers")) == 2


async def test_rows_that_are_there_although_they_should_not_be_are_replaced(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, 1, 2)
    await projector(database).catch_up()
    before = models(database)
    rows(database, "UPDATE gatehouse.customers SET detail = 'somebody was here' RETURNING 1")
    rows(database, "DELETE FROM gatehouse.tracking RETURNING 1")
    with capture_logs() as said:
        await projector(database).catch_up()

    assert [line["event"] for line in said] == ["projections_taken_one_by_one"]
    assert models(database) == before
    assert rows(database, TRACKING) == [(name, 6, None, None) for name in NAMES]


async def test_a_projector_whose_lead_was_taken_writes_nothing_more(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, 1, 2)
    slow = projector(database)
    await slow.catch_up()
    await projector(database).catch_up()
    await register(database, tmp_path, 3)
    await projector(database).catch_up()
    rows(database, "DELETE FROM gatehouse.customers RETURNING 1")

    with pytest.raises(LostLead):
        await slow.catch_up()

    assert rows(database, "SELECT FROM gatehouse.customers") == []
    assert position(database) == 9


async def test_a_projector_that_lost_its_lead_while_it_runs_goes_on_from_where_the_other_is(
    database: str, tmp_path: Path
) -> None:
    await register(database, tmp_path, 1)
    async with projecting(database):
        await eventually(lambda: all_at(database, 3))
        rows(database, "UPDATE gatehouse.tracking SET position = 0 WHERE projection = 'customers' RETURNING 1")
        rows(database, "DELETE FROM gatehouse.customers RETURNING 1")
        await register(database, tmp_path, 2)
        await eventually(lambda: all_at(database, 6))

    assert len(rows(database, "SELECT FROM gatehouse.customers")) == 2


async def test_of_two_projectors_one_leads_and_the_other_takes_over(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "POLL", 0.05)
    async with projecting(database):
        await eventually(lambda: len(leaders(database)) == len(NAMES))
        first = leaders(database)
        async with projecting(database):
            await register(database, tmp_path, 1)
            await eventually(lambda: all_at(database, 3))
            assert leaders(database) == first

            for number in range(2, 5):
                victim = min(leaders(database).values())
                rows(database, "SELECT pg_terminate_backend(%s)", victim)
                await eventually(partial(led_without, database, victim))
                await register(database, tmp_path, number)
                await eventually(partial(all_at, database, 3 * number))

    assert len(rows(database, "SELECT FROM gatehouse.customers")) == 4


def led_without(database: str, victim: int) -> bool:
    """Whether every projection has a leader, and that is somebody else."""
    found = leaders(database)
    return len(found) == len(NAMES) and victim not in found.values()


async def test_each_projection_has_a_leader_of_its_own(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "POLL", 0.05)
    async with projecting(database, [SPANS]):
        await eventually(lambda: leaders(database))
        async with projecting(database):
            await eventually(lambda: len(leaders(database)) == len(NAMES))
            assert len(set(leaders(database).values())) == 2
            await register(database, tmp_path, 1)
            await eventually(lambda: all_at(database, 3))


async def test_every_append_wakes_it_up(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector_module, "POLL", 3600.0)
    async with projecting(database), executing(database, tmp_path) as executor:
        await eventually(lambda: leaders(database))
        for number in range(1, 51):
            await executor.execute(adding(uuid4(), ApiKeyRevoked()), context())
            if number % 2:  # at times it is asleep, at times it is just busy with the one before
                await eventually(partial(all_at, database, number))
        await eventually(lambda: all_at(database, 50))


async def test_it_looks_by_itself_where_nobody_calls(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "POLL", 0.05)
    async with executing(database, tmp_path) as executor:
        await executor.execute(adding(uuid4(), ApiKeyRevoked()), context())
    async with projecting(database):
        await eventually(lambda: all_at(database, 1))
        insert_quietly(database)
        await eventually(lambda: all_at(database, 2))


async def test_it_goes_on_after_its_connection_was_killed_again_and_again(database: str, tmp_path: Path) -> None:
    kill = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    async with projecting(database), executing(database, tmp_path) as executor:
        for number in range(60):
            await executor.execute(registration(number), context())
            if number % 20 == 0:
                rows(database, kill)
        await eventually(lambda: all_at(database, 180))
    before = models(database)
    empty(database)
    await projector(database).catch_up()

    assert models(database) == before
    assert len(before["customers"]) == 60


async def test_what_is_deactivated_by_hand_is_projected_too(database: str, tmp_path: Path) -> None:
    """Events outside of any flow, as an officer's, reach the read model as any other."""
    [customer] = await register(database, tmp_path, 1)
    event = CustomerDeactivated(ground=Ground.ISSUE, decided_by="officer:1")
    async with executing(database, tmp_path) as executor:
        await executor.execute(adding(customer, event), context())
    await projector(database).catch_up()

    assert rows(database, "SELECT status, detail, version FROM gatehouse.customers") == [("inactive", "issue", 3)]
