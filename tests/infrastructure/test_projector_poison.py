"""What stops a projection: an event that it cannot take, one that nobody knows, and what stops nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from structlog.testing import capture_logs

from application import mapper
from application.envelope import Envelope
from infrastructure import projector as projector_module
from infrastructure.log.pages import Page, Pages, looked_into, read_page
from projections import PROJECTIONS
from projections.customers import CUSTOMERS, CustomerRow
from projections.projection import Projection
from projections.spans import SPANS
from projections.worklist import WORKLIST
from tests.infrastructure.test_executor import eventually, rows
from tests.infrastructure.test_projector import (
    NAMES,
    TRACKING,
    UNKNOWN,
    FromTheFuture,
    all_at,
    head,
    position,
    projecting,
    projector,
    register,
)
from tests.support.world import Wallet, running

pytestmark = pytest.mark.anyio


def poisoned(projection: Projection[Any], at: Sequence[UUID]) -> Projection[Any]:
    """The projection with a bug: it cannot take some customers' events."""

    def evolve(row: Any, recorded: Envelope) -> Any:  # noqa: ANN401 -- whatever row it is
        if recorded.stream in at:
            raise ZeroDivisionError
        return projection.evolve(row, recorded)

    return replace(projection, evolve=evolve)


def unwritable(at: Sequence[UUID], **wrong: Any) -> Projection[Any]:  # noqa: ANN401 -- of a wrong type, too
    """`customers` with another bug: it makes rows that cannot be written."""

    def evolve(row: CustomerRow | None, recorded: Envelope) -> CustomerRow | None:
        made = CUSTOMERS.evolve(row, recorded)
        return made._replace(**wrong) if made and recorded.stream in at else made

    return replace(CUSTOMERS, evolve=evolve)


def without_key(at: Sequence[UUID]) -> Projection[Any]:
    """`customers` with yet another bug: it does not know which row an event is about."""

    def key(recorded: Envelope) -> tuple[UUID | int, ...]:
        if recorded.stream in at:
            raise ZeroDivisionError
        return CUSTOMERS.key(recorded)

    return replace(CUSTOMERS, key=key)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (partial(poisoned, CUSTOMERS), "ZeroDivisionError"),
        (without_key, "ZeroDivisionError"),
        (partial(unwritable, detail="\0"), "CharacterNotInRepertoire"),
        (partial(unwritable, version=1 << 70), "error"),
        (partial(unwritable, status=None), "NotNullViolation"),
    ],
    ids=["it fails", "its key fails", "no such text", "no such number", "no text at all"],
)
async def test_an_event_that_a_projection_cannot_take_stops_that_projection_alone(
    database: str, tmp_path: Path, broken: Callable[[Sequence[UUID]], Projection[Any]], fault: str
) -> None:
    customers = await register(database, tmp_path, *range(8))
    async with projecting(database, [broken(customers[4:5]), SPANS, WORKLIST]):
        await eventually(lambda: position(database, "worklist") == 24)
        await register(database, tmp_path, 8)
        await eventually(lambda: position(database, "worklist") == 27)

    first = "SELECT min(notification_id) FROM gatehouse.stored_events WHERE originator_id = %s"
    poison = rows(database, first, customers[4])[0][0]
    assert rows(database, TRACKING) == [
        ("customers", poison - 1, poison, fault),
        ("spans", 27, None, None),
        ("worklist", 27, None, None),
    ]
    assert {row[0] for row in rows(database, "SELECT id FROM gatehouse.customers")} == set(customers[:4])


async def test_a_poison_event_late_in_a_large_page_is_found_by_halves(database: str, tmp_path: Path) -> None:
    customers = await register(database, tmp_path, *range(100))
    with capture_logs() as said:
        await projector(database, [poisoned(CUSTOMERS, customers[90:91]), WORKLIST]).catch_up()

    first = "SELECT min(notification_id) FROM gatehouse.stored_events WHERE originator_id = %s"
    poison = rows(database, first, customers[90])[0][0]
    assert rows(database, TRACKING) == [
        ("customers", poison - 1, poison, "ZeroDivisionError"),
        ("worklist", 300, None, None),
    ]
    assert len({row[0] for row in rows(database, "SELECT DISTINCT xmin::text FROM gatehouse.customers")}) < 10
    assert [line["event"] for line in said] == ["projections_taken_one_by_one", "projection_stopped"]


async def test_a_projection_that_stops_on_the_way_is_not_taken_along_by_one_that_is_further(
    database: str, tmp_path: Path
) -> None:
    customers = await register(database, tmp_path, *range(8))
    first = "SELECT min(notification_id) FROM gatehouse.stored_events WHERE originator_id = %s"
    poison = rows(database, first, customers[4])[0][0]
    await projector(database).catch_up()
    rows(database, "UPDATE gatehouse.tracking SET position = 0 WHERE projection = 'customers' RETURNING 1")
    rows(database, "UPDATE gatehouse.tracking SET position = %s WHERE projection = 'worklist' RETURNING 1", poison - 1)
    rows(database, "DELETE FROM gatehouse.worklist WHERE customer = ANY(%s) RETURNING 1", customers[4:])
    rows(database, "DELETE FROM gatehouse.customers RETURNING 1")
    with capture_logs() as said:
        await projector(database, [poisoned(CUSTOMERS, customers[4:5]), WORKLIST]).catch_up()

    assert rows(database, TRACKING) == [
        ("customers", poison - 1, poison, "ZeroDivisionError"),
        ("feed", 24, None, None),
        ("reviews", 24, None, None),
        ("spans", 24, None, None),
        ("worklist", 24, None, None),
    ]
    assert [line["event"] for line in said] == ["projections_taken_one_by_one", "projection_stopped"]


async def test_after_an_interruption_smaller_batches_are_tried(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk so slow that a whole batch never ends in time, the same batch again would not either."""
    await register(database, tmp_path, *range(20))
    limits: list[int] = []

    async def slow(self: Pages, position: int, limit: int) -> Page:
        limits.append(limit)
        if limit > 15:
            raise psycopg.OperationalError
        return await read_page(self._connection, position, limit, looked_into(PROJECTIONS))

    monkeypatch.setattr(projector_module, "BATCH", 60)
    monkeypatch.setattr(projector_module, "POLL", 0.01)
    monkeypatch.setattr(Pages, "after", slow)
    async with projecting(database):
        await eventually(lambda: all_at(database, 60))

    assert limits[:3] == [60, 30, 15]


async def test_a_read_model_without_its_table_stops_alone(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, 1)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP TABLE gatehouse.spans")
    await projector(database).catch_up()

    assert rows(database, TRACKING) == [
        ("customers", 3, None, None),
        ("feed", 3, None, None),
        ("reviews", 3, None, None),
        ("spans", 0, 1, "UndefinedTable"),
        ("worklist", 3, None, None),
    ]


async def test_after_the_fix_a_projection_goes_on_from_where_it_stood(database: str, tmp_path: Path) -> None:
    customers = await register(database, tmp_path, *range(8))
    await projector(database, [poisoned(CUSTOMERS, customers[4:5]), SPANS, WORKLIST]).catch_up()
    told = rows(database, "UPDATE gatehouse.customers SET detail = 'kept as it is' RETURNING id")
    await projector(database).catch_up()

    assert rows(database, TRACKING) == [(name, 24, None, None) for name in NAMES]
    kept = rows(database, "SELECT id FROM gatehouse.customers WHERE detail = 'kept as it is'")
    assert (len(told), set(kept)) == (4, set(told))
    assert {row[0] for row in rows(database, "SELECT id FROM gatehouse.customers")} == set(customers)


async def test_an_event_that_nobody_knows_stops_all_projections_until_somebody_does(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await register(database, tmp_path, 1)
    rows(database, UNKNOWN)
    second = await register(database, tmp_path, 2)
    async with projecting(database):
        await eventually(lambda: [row[2] for row in rows(database, TRACKING)] == [4] * len(NAMES))
        third = await register(database, tmp_path, 3)

    assert rows(database, TRACKING) == [(name, 3, 4, "UnknownEventType") for name in NAMES]
    assert {row[0] for row in rows(database, "SELECT id FROM gatehouse.customers")} == set(first)

    monkeypatch.setitem(mapper._STATES, "FromTheFuture", mapper.State[FromTheFuture])  # noqa: SLF001 -- a new version
    monkeypatch.setitem(mapper._UNREAD, "FromTheFuture", FromTheFuture.model_construct(customer=UUID(int=0)))  # noqa: SLF001 -- the same
    await projector(database).catch_up()

    assert rows(database, TRACKING) == [(name, 10, None, None) for name in NAMES]
    assert {row[0] for row in rows(database, "SELECT id FROM gatehouse.customers")} == {*first, *second, *third}


async def test_a_projection_that_is_past_an_unknown_event_is_not_stopped_by_it(database: str, tmp_path: Path) -> None:
    """It may have been projected by a version that knew it."""
    await register(database, tmp_path, 1)
    rows(database, UNKNOWN)
    await projector(database).catch_up()
    rows(database, "UPDATE gatehouse.tracking SET position = 4 WHERE projection = 'spans' RETURNING 1")
    await register(database, tmp_path, 2)
    await projector(database).catch_up()

    assert rows(database, TRACKING) == [
        ("customers", 3, 4, "UnknownEventType"),
        ("feed", 3, 4, "UnknownEventType"),
        ("reviews", 3, 4, "UnknownEventType"),
        ("spans", 7, None, None),
        ("worklist", 3, 4, "UnknownEventType"),
    ]


async def test_a_stopped_projection_is_said_by_readiness_and_stops_no_command(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await world.register(Wallet(1))
        await world.project()
        ready = await world.partner.get("/health/ready")
        assert (ready.status_code, ready.json()["problems"]) == (200, [])

        rows(database, UNKNOWN)
        stopped_at = head(database)
        await world.project()
        stopped = await world.partner.get("/health/ready")
        customer = await world.register(Wallet(2))
        status = await world.status(customer["id"])

    assert stopped.status_code == 503
    assert stopped.json()["problems"] == [
        f"projection {name} stopped at {stopped_at}: UnknownEventType" for name in NAMES
    ]
    assert status == "initiating"
