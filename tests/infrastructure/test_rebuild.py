"""A rebuild: the same rows, put in force under readers and writers that do not notice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from domain.events import ApiKeyRevoked
from infrastructure import projector as projector_module
from infrastructure import rebuild as rebuild_module
from infrastructure.postgres import configure, service_conninfo
from infrastructure.reading import CustomerFilter, Reader
from infrastructure.rebuild import RebuildFailed, Rebuilt, rebuild
from projections import PROJECTIONS
from projections.customers import CUSTOMERS
from projections.projection import Projection
from projections.spans import SPANS
from projections.worklist import WORKLIST
from tests.infrastructure.test_executor import adding, context, eventually, executing, registration, rows
from tests.infrastructure.test_projector import (
    NAMES,
    TRACKING,
    all_at,
    head,
    leaders,
    models,
    position,
    projecting,
    projector,
    register,
)
from tests.infrastructure.test_projector_poison import poisoned

pytestmark = pytest.mark.anyio

INDEXES: Final = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'gatehouse' ORDER BY 1, 2"
TABLES: Final = """
    SELECT relname, relacl::text, obj_description(oid, 'pg_class') FROM pg_class
    WHERE relnamespace = 'gatehouse'::regnamespace AND relkind = 'r' ORDER BY 1
"""


def unheard(_position: int, _goal: int) -> None:
    """Nobody watches."""


async def rebuilt(database: str, projection: Projection[Any]) -> Rebuilt:
    return await rebuild(database, projection, unheard)


class Interrupted(Exception):
    """The rebuild ended in its midst, as by a crash."""


async def interrupted(database: str, projection: Projection[Any], after: int) -> None:
    """Begin a rebuild and leave it once it has come so far."""

    def report(at: int, _goal: int) -> None:
        if at >= after:
            raise Interrupted

    with pytest.raises(Interrupted):
        await rebuild(database, projection, report)


@asynccontextmanager
async def repeated(step: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do it over and over; it must never fail."""

    async def run() -> None:
        while True:
            await step()
            await asyncio.sleep(0)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
            raise ended


class Watch:
    """Somebody who reads all the time, over connections that stay, by statements that are prepared."""

    def __init__(self, pool: AsyncConnectionPool[Any], first: UUID) -> None:
        self._pool, self._reader, self._first = pool, Reader(pool), first
        self.seen = {"customers": 0, "worklist": 0}
        self.reads = 0

    async def __call__(self) -> None:
        listed = await self._reader.customers(CustomerFilter(), before=None, limit=100_000)
        async with self._pool.connection() as connection:
            cursor = await connection.execute("SELECT * FROM gatehouse.worklist", prepare=True)
            worklist = await cursor.fetchall()
            story = "SELECT status FROM gatehouse.spans WHERE customer = %b"
            lines = await (await connection.execute(story, (self._first,), prepare=True)).fetchall()
        assert lines == [("initiating",)]
        assert [row.registered_position for row in listed] == sorted(
            (row.registered_position for row in listed), reverse=True
        )
        assert {row.version for row in listed} == {2}
        for name, found in (("customers", len(listed)), ("worklist", len(worklist))):
            assert found >= self.seen[name], name
            self.seen[name] = found
        self.reads += 1


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
async def test_a_rebuilt_read_model_is_what_it_was_twice_in_a_row(
    database: str, tmp_path: Path, projection: Projection[Any]
) -> None:
    await register(database, tmp_path, *range(20))
    await projector(database).catch_up()
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "GRANT SELECT ON gatehouse.customers, gatehouse.feed, gatehouse.spans, gatehouse.worklist,"
            " gatehouse.reviews TO pg_monitor"
        )
    before = models(database), rows(database, INDEXES), rows(database, TABLES), rows(database, TRACKING)
    for _ in range(2):
        done = await rebuilt(database, projection)
        assert done.before == done.after
        assert (done.position, done.events) == (60, 60)
        assert (models(database), rows(database, INDEXES), rows(database, TABLES), rows(database, TRACKING)) == before


async def test_nobody_notices_a_rebuild(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one writes and one reads without a pause, the projector goes on over the same connection."""
    monkeypatch.setattr(rebuild_module, "BATCH", 50)
    monkeypatch.setattr(projector_module, "PACE", 0.0)
    first, *_ = await register(database, tmp_path, *range(200))
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        service_conninfo(database), configure=configure, kwargs={"autocommit": True}, open=False
    )
    numbers = count(200)
    async with pool, projecting(database), executing(database, tmp_path / "keys") as executor:
        await eventually(lambda: all_at(database, 600))
        led, watch = leaders(database), Watch(pool, first)

        async def write() -> None:
            await executor.execute(registration(next(numbers)), context())

        async with repeated(write), repeated(watch):
            for projection in PROJECTIONS:
                done = await rebuilt(database, projection)
                assert done.before == done.after
        await eventually(lambda: all_at(database, head(database)))
        assert leaders(database) == led
    kept = models(database)
    assert watch.reads > 20
    assert done.position > 600
    assert len(kept["customers"]) * 3 == head(database)
    for projection in PROJECTIONS:
        await rebuilt(database, projection)
    assert models(database) == kept


async def test_a_projector_that_waits_for_its_position_keeps_nobody_from_the_table(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swap holds the position, then asks for the table: who waits for the one must not hold the other."""
    monkeypatch.setattr(projector_module, "POLL", 0.05)
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(database) as swap:
        async with projecting(database):
            await eventually(lambda: all_at(database, 0) and len(leaders(database)) == len(NAMES))
            swap.execute("SELECT FROM gatehouse.tracking WHERE projection = 'customers' FOR UPDATE")
            await register(database, tmp_path, 1)
            await eventually(lambda: rows(database, waiting))
            swap.execute("LOCK TABLE gatehouse.customers IN ACCESS EXCLUSIVE MODE NOWAIT")
            swap.commit()
            await eventually(lambda: all_at(database, 3))


async def test_who_works_on_a_step_keeps_it(database: str, tmp_path: Path) -> None:
    customers = await register(database, tmp_path, 1, 2)
    await projector(database).catch_up()
    lease = "UPDATE gatehouse.worklist SET leased_until = now() + %s * interval '1 hour', leased_step = 'screen/1'"
    rows(database, lease + " WHERE customer = %s RETURNING 1", 1, customers[0])
    rows(database, lease + " WHERE customer = %s RETURNING 1", -1, customers[1])
    leased = "SELECT leased_until, leased_step FROM gatehouse.worklist WHERE customer = %s"
    held = rows(database, leased, customers[0])

    done = await rebuilt(database, WORKLIST)

    assert done.before == done.after
    assert rows(database, leased, customers[0]) == held
    assert rows(database, leased, customers[1]) == [(None, None)]


async def test_nothing_but_leases_is_in_a_read_model_and_not_derived(database: str) -> None:
    """What is not derived has to be carried over by name, or a rebuild loses it."""
    columns = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'gatehouse'"
    derived = {(projection.name, column) for projection in PROJECTIONS for column in projection.columns}
    stored = {column for column in rows(database, columns) if column[0] in {name for name, _ in derived}}

    assert derived <= stored
    assert stored - derived == {("worklist", "leased_until"), ("worklist", "leased_step")}


async def test_a_projection_that_never_ran_is_rebuilt_to_nothing(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, 1)

    done = await rebuilt(database, CUSTOMERS)
    await projector(database).catch_up()

    assert (done.position, done.events, done.before == done.after) == (0, 0, True)
    assert rows(database, TRACKING) == [(name, 3, None, None) for name in NAMES]
    assert len(rows(database, "SELECT FROM gatehouse.customers")) == 1


async def test_a_table_that_was_tampered_with_is_found_out_and_right_again(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, 1, 2, 3)
    await projector(database).catch_up()
    right = models(database)
    rows(database, "UPDATE gatehouse.customers SET status = 'active' WHERE registered_position = 1 RETURNING 1")

    found = await rebuilt(database, CUSTOMERS)
    again = await rebuilt(database, CUSTOMERS)

    assert found.before != found.after
    assert models(database) == right
    assert again.before == again.after == found.after


async def test_a_rebuild_goes_on_where_it_was_interrupted(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_module, "BATCH", 10)
    await register(database, tmp_path, *range(20))
    await projector(database).catch_up()
    await interrupted(database, SPANS, after=30)

    assert position(database, "spans_next") == 30
    done = await rebuilt(database, SPANS)

    assert (done.events, done.position, done.before == done.after) == (30, 60, True)


@pytest.mark.parametrize("other", ["UPDATE", "COMMENT", "DROP"])
async def test_what_cannot_be_gone_on_with_is_begun_anew(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """The one in force stands before it now; another version began it; its table is gone."""
    monkeypatch.setattr(rebuild_module, "BATCH", 10)
    await register(database, tmp_path, *range(20))
    await projector(database).catch_up()
    await interrupted(database, SPANS, after=30)
    with psycopg.connect(database, autocommit=True) as owner:
        match other:
            case "UPDATE":
                owner.execute("UPDATE gatehouse.tracking SET position = 20 WHERE projection = 'spans'")
                owner.execute("DELETE FROM gatehouse.spans WHERE recorded_from > 20")
            case "COMMENT":
                owner.execute("COMMENT ON TABLE gatehouse.spans_next IS 'other code'")
            case "DROP":
                owner.execute("DROP TABLE gatehouse.spans_next")

    done = await rebuilt(database, SPANS)

    assert done.events == done.position == (20 if other == "UPDATE" else 60)
    assert done.before == done.after


async def test_of_two_rebuilds_of_one_read_model_the_second_is_refused(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, 1)
    await projector(database).catch_up()
    with psycopg.connect(database, autocommit=True) as first:
        first.execute(rebuild_module._ALONE, rebuild_module._lock("customers"))  # noqa: SLF001 -- as another process would
        with pytest.raises(RebuildFailed, match="customers is being rebuilt already"):
            await rebuilt(database, CUSTOMERS)
        await rebuilt(database, SPANS)


async def test_a_rebuild_that_cannot_move_on_where_no_event_is_to_blame_ends(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with executing(database, tmp_path) as executor:
        await executor.execute(adding(uuid4(), ApiKeyRevoked()), context())
    await projector(database).catch_up()

    async def refused(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rebuild_module, "move_on", refused)

    with pytest.raises(ZeroDivisionError):
        await rebuilt(database, CUSTOMERS)


async def test_an_event_that_cannot_be_taken_ends_the_rebuild_and_leaves_what_is_in_force(
    database: str, tmp_path: Path
) -> None:
    customers = await register(database, tmp_path, *range(8))
    await projector(database).catch_up()
    before = models(database)
    first = "SELECT min(notification_id) FROM gatehouse.stored_events WHERE originator_id = %s"
    poison = rows(database, first, customers[4])[0][0]

    with pytest.raises(RebuildFailed, match=f"customers cannot take the event at {poison}: ZeroDivisionError"):
        await rebuilt(database, poisoned(CUSTOMERS, customers[4:5]))

    assert models(database) == before


async def test_a_stopped_projection_goes_on_after_its_rebuild_in_the_process_that_runs(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its table held what no event made: a row that cannot be changed. The new one does not."""
    monkeypatch.setattr(projector_module, "POLL", 0.05)
    await register(database, tmp_path, 1, 2)
    async with projecting(database):
        await eventually(lambda: all_at(database, 6))
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE raise_exception; END'"
            )
            owner.execute("CREATE TRIGGER refuse BEFORE INSERT ON gatehouse.customers EXECUTE FUNCTION refuse()")
        await register(database, tmp_path, 3)
        await eventually(lambda: rows(database, TRACKING)[0] == ("customers", 6, 7, "RaiseException"))

        done = await rebuilt(database, CUSTOMERS)

        assert (done.position, done.before == done.after) == (6, True)
        await eventually(lambda: all_at(database, 9))
    assert rows(database, TRACKING) == [(name, 9, None, None) for name in NAMES]
    assert len(rows(database, "SELECT FROM gatehouse.customers")) == 3
