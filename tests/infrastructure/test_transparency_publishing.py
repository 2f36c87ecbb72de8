"""Checkpoints on record: when they are due, that each is larger than all before, and that they hold for good."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from structlog.testing import capture_logs

from application.ports import Unavailable
from application.transparency.notes import opened_checkpoint
from domain.events import ApiKeyRevoked
from infrastructure.faults import KeyProblem
from infrastructure.services import Services
from infrastructure.transparency import checkpoints as checkpoints_module
from infrastructure.transparency import publisher as publisher_module
from infrastructure.transparency.builder import TreeBuilder
from infrastructure.transparency.checkpoints import (
    LOCK,
    checkpoint_at,
    newest_checkpoint,
    publish,
    publish_if_due,
)
from infrastructure.transparency.publisher import Publisher
from infrastructure.transparency.tile_store import TilesMissing
from tests.infrastructure.test_executor import adding, eventually, rows
from tests.support.naive_tree import as_administrator, lines_of, root_over, say
from tests.support.transparency import NEXT, SIGNER, publish_all
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

HOUR: Final = timedelta(hours=1)
NO_TIME: Final = timedelta(days=-1)
"""An age that every checkpoint has."""
PUBLISHED: Final = """
    SELECT (convert_from(state, 'UTF8')::jsonb -> 'data' ->> 'size')::bigint FROM gatehouse.stored_events
    WHERE topic = 'CheckpointPublished' ORDER BY notification_id
"""

WAITING: Final = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"


@pytest.fixture
async def world(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async def signer(_: Services) -> Any:  # noqa: ANN401 -- whichever it is
        return SIGNER

    monkeypatch.setattr(checkpoints_module, "current_signer", signer)
    async with running(database, tmp_path) as world:
        yield world


def sizes(database: str) -> list[int]:
    return [size for (size,) in rows(database, PUBLISHED)]


async def built(world: World) -> int:
    return await TreeBuilder(world.services.conninfo).catch_up()


async def test_a_checkpoint_is_an_event_that_anybody_can_check(world: World, database: str) -> None:
    lines = lines_of(database)

    checkpoint = await publish_all(world.services)

    async with world.services.pool.connection() as connection:
        published = await newest_checkpoint(connection)
    assert published is not None
    assert (checkpoint.size, checkpoint.root) == (len(lines), root_over(lines))
    assert (published.event.size, published.event.root) == (len(lines), root_over(lines).hex())
    assert opened_checkpoint(published.event.note, [SIGNER.public]) == checkpoint
    assert published.envelope.position == len(lines) + 1
    assert published.envelope.context.actor == "system:transparency"


async def test_nothing_is_signed_of_an_empty_tree(world: World, database: str) -> None:
    assert await publish_if_due(world.services, NO_TIME) is None
    assert sizes(database) == []


async def test_an_idle_log_publishes_nothing_more(world: World, database: str) -> None:
    first = await built(world)
    assert await publish_if_due(world.services, NO_TIME) is not None

    for _ in range(3):
        await built(world)
        assert await publish_if_due(world.services, NO_TIME) is None
    assert sizes(database) == [first]


async def test_what_was_appended_while_a_checkpoint_was_made_is_covered_by_the_next(
    world: World, database: str
) -> None:
    first = await built(world)
    say(database, 1, 1, 2)
    await publish(world.services, SIGNER, first)

    await built(world)
    assert await publish_if_due(world.services, NO_TIME) is not None
    await built(world)
    assert await publish_if_due(world.services, NO_TIME) is None
    assert sizes(database) == [first, first + 3]


async def test_the_next_one_is_due_when_the_last_is_old_enough(world: World, database: str) -> None:
    first = await built(world)
    await publish_if_due(world.services, HOUR)
    say(database, 1, 1, 1)
    second = await built(world)

    assert await publish_if_due(world.services, HOUR) is None
    with world.clock.moved(HOUR):
        assert await publish_if_due(world.services, HOUR) is not None
    assert sizes(database) == [first, second]


async def test_each_is_larger_than_all_before_whoever_asks_for_what(world: World, database: str) -> None:
    say(database, 1, 1, 9)
    size = await built(world)

    notes = [await publish(world.services, SIGNER, asked) for asked in (5, 3, 5, size, 7, size)]

    assert sizes(database) == [5, size]
    lines = lines_of(database)
    for asked, note in zip((5, 3, 5, size, 7, size), notes, strict=True):
        assert opened_checkpoint(note.whole, [SIGNER.public]).root == root_over(lines[:asked])
    assert notes[0] == notes[2]


async def test_many_who_publish_at_once_put_one_on_record(world: World, database: str) -> None:
    say(database, 1, 1, 9)
    size = await built(world)

    await asyncio.gather(*(publish(world.services, SIGNER, size) for _ in range(5)))

    assert sizes(database) == [size]


async def test_of_two_processes_that_publish_the_second_sees_what_the_first_put_on_record(
    world: World, database: str
) -> None:
    say(database, 1, 1, 9)
    size = await built(world)
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        publishing = asyncio.ensure_future(publish(world.services, SIGNER, size))
        await eventually(lambda: rows(database, WAITING, LOCK))
        assert sizes(database) == []
    await publishing

    assert sizes(database) == [size]


async def test_a_checkpoint_is_found_by_its_size(world: World, database: str) -> None:
    say(database, 1, 1, 9)
    size = await built(world)
    for asked in (4, 6, size):
        await publish(world.services, SIGNER, asked)

    async with world.services.pool.connection() as connection:
        found = [await checkpoint_at(connection, asked) for asked in (3, 4, 5, 6, size, size + 1)]

    assert [published and published.event.size for published in found] == [None, 4, None, 6, size, None]


async def test_what_was_signed_by_an_older_key_stays_as_it_was(world: World, database: str) -> None:
    first = await publish_all(world.services)
    say(database, 1, 1, 9)
    second = await publish_all(world.services, NEXT)

    async with world.services.pool.connection() as connection:
        notes = [await checkpoint_at(connection, checkpoint.size) for checkpoint in (first, second)]

    for published, signer in zip(notes, (SIGNER, NEXT), strict=True):
        assert published is not None
        opened_checkpoint(published.event.note, [signer.public])


async def test_a_tree_whose_tiles_are_gone_is_not_signed(world: World, database: str) -> None:
    say(database, 1, 1, 9)
    size = await built(world)
    as_administrator(database, "DELETE FROM gatehouse.tiles")

    with pytest.raises(TilesMissing):
        await publish(world.services, SIGNER, size)
    assert sizes(database) == []


async def test_metrics_show_the_tree_and_how_old_the_newest_checkpoint_is(world: World) -> None:
    checkpoint = await publish_all(world.services)
    size = await built(world)

    with world.clock.moved(HOUR):
        metrics = (await world.partner.get("/metrics")).text.splitlines()

    assert f"gatehouse_tree_size {size:.1f}" in metrics
    assert "gatehouse_tree_stopped 0.0" in metrics
    assert f"gatehouse_checkpoint_size {checkpoint.size:.1f}" in metrics
    (age,) = [line.split(" ")[1] for line in metrics if line.startswith("gatehouse_checkpoint_age_seconds ")]
    assert HOUR <= timedelta(seconds=float(age)) < 2 * HOUR


async def test_the_publisher_publishes_where_the_tree_is_built_and_nowhere_else(
    world: World, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "LOOK", 0.01)
    builders = [TreeBuilder(world.services.conninfo) for _ in range(2)]
    lives = [asyncio.ensure_future(builder.run()) for builder in builders]
    try:
        async with asyncio.timeout(30):
            while not any(builder.leads for builder in builders):  # noqa: ASYNC110 -- it is the database that knows
                await asyncio.sleep(0.01)
        (idle,) = [builder for builder in builders if not builder.leads]
        (leader,) = [builder for builder in builders if builder.leads]
        lives.append(asyncio.ensure_future(Publisher(world.services, idle, HOUR).run()))
        await world.services.execute(adding(world.services.new_id(), ApiKeyRevoked()), actor="system:test")
        assert sizes(database) == []
        lives.append(asyncio.ensure_future(Publisher(world.services, leader, HOUR).run()))
        async with asyncio.timeout(30):
            while not sizes(database):  # noqa: ASYNC110 -- it is the database that knows
                await asyncio.sleep(0.01)
        assert not any(life.done() for life in lives)
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
    assert len(sizes(database)) == 1


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Unavailable(), ("checkpoint_delayed", "warning")),
        (KeyProblem("none"), ("checkpoint_not_published", "error")),
        (TilesMissing(), ("checkpoint_not_published", "error")),
    ],
)
async def test_what_keeps_the_publisher_from_it_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: tuple[str, str]
) -> None:
    async def fail(_: Services) -> None:
        raise fault

    monkeypatch.setattr(checkpoints_module, "current_signer", fail)
    await built(world)

    with capture_logs() as logs:
        assert not await Publisher(world.services, TreeBuilder(world.services.conninfo), HOUR).look()

    assert logs == [{"event": told[0], "fault": type(fault).__name__, "log_level": told[1]}]
