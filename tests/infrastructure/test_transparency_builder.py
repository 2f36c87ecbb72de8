"""The tree's builder on real PostgreSQL: whatever interrupts it, the tree is the log's; what is no entry stops it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, LiteralString

import psycopg
import pytest
from structlog.testing import capture_logs

from infrastructure.postgres import connect, service_conninfo
from infrastructure.transparency import builder as builder_module
from infrastructure.transparency import predecessors as predecessors_module
from infrastructure.transparency.builder import LOCK, TreeBuilder
from infrastructure.transparency.checkpoints import root_at
from infrastructure.transparency.tile_store import TilesMissing, tree_state
from tests.infrastructure.test_executor import eventually, rows
from tests.support.naive_tree import as_administrator, lines_of, root_over, say
from tests.support.world import Wallet, running

pytestmark = pytest.mark.anyio

LEADERS: Final = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
TREE: Final = "SELECT size, stopped_at, fault FROM gatehouse.tree"


def builder(database: str) -> TreeBuilder:
    return TreeBuilder(service_conninfo(database))


@asynccontextmanager
async def building(database: str) -> AsyncIterator[TreeBuilder]:
    """A builder that runs, as in a process of its own."""
    running_builder = builder(database)
    life = asyncio.create_task(running_builder.run())
    try:
        yield running_builder
        assert not life.done()
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


def size(database: str) -> int:
    return int(rows(database, TREE)[0][0])


def end(database: str, backend: int) -> None:
    """Break a connection, as the server's end would."""
    rows(database, "SELECT pg_terminate_backend(%s)", backend)


def leaders(database: str) -> list[int]:
    return [pid for (pid,) in rows(database, LEADERS, LOCK)]


async def assert_it_is_the_logs_tree(database: str) -> None:
    lines = lines_of(database)
    async with await connect(service_conninfo(database)) as connection:
        assert (await tree_state(connection))[:2] == (len(lines), 0)
        for part in {len(lines), len(lines) // 2, min(len(lines), 257), 1}:
            assert await root_at(connection, part) == root_over(lines[:part])


async def test_an_empty_log_has_an_empty_tree(database: str) -> None:
    assert await builder(database).catch_up() == 0
    assert rows(database, "SELECT count(*) FROM gatehouse.tiles") == [(0,)]


@pytest.mark.parametrize("batch", [1, 100, 256, 8000])
async def test_batches_of_any_size_come_to_the_same_tree(
    database: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder_module, "BATCH", batch)
    for stream in range(5):
        say(database, stream, 1, 60)
    say(database, 0, 61, 300)

    assert await builder(database).catch_up() == 540

    await assert_it_is_the_logs_tree(database)


async def test_a_tree_is_built_on_by_whoever_comes_next_and_remembers_nothing(database: str) -> None:
    for turn in range(1, 8):
        say(database, 1, turn, turn)
        say(database, 2, 100 * turn - 99, 100 * turn)
        assert await builder(database).catch_up() == 101 * turn

    await assert_it_is_the_logs_tree(database)


async def test_streams_that_were_forgotten_are_found_in_the_tree(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predecessors_module, "REMEMBERED", 2)
    monkeypatch.setattr(builder_module, "BATCH", 7)
    for version in range(1, 6):
        for stream in range(9):
            say(database, stream, version, version)

    await builder(database).catch_up()

    await assert_it_is_the_logs_tree(database)


async def test_what_is_appended_is_in_the_tree_soon(database: str) -> None:
    async with building(database) as following:
        await eventually(lambda: following.leads)
        say(database, 1, 1, 3)
        await asyncio.wait_for(following.grown.wait(), 30)
        await eventually(lambda: size(database) == 3)

    await assert_it_is_the_logs_tree(database)


async def test_of_two_builders_one_builds_and_the_other_follows_it(database: str) -> None:
    async with building(database) as one, building(database) as other:
        await eventually(lambda: one.leads or other.leads)
        say(database, 1, 1, 300)
        await eventually(lambda: size(database) == 300)
        assert one.leads is not other.leads

        [leader] = leaders(database)
        end(database, leader)
        say(database, 1, 301, 600)
        await eventually(lambda: size(database) == 600)

    await assert_it_is_the_logs_tree(database)


async def test_a_builder_that_lost_its_lead_unawares_changes_nothing(database: str) -> None:
    say(database, 1, 1, 10)
    first = builder(database)
    async with await connect(service_conninfo(database)) as connection:
        assert await first._leads(connection)  # noqa: SLF001 -- between the lead and the first page
        await connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
        await builder(database).catch_up()
        with pytest.raises(builder_module.LostLead):
            await first._advance(connection)  # noqa: SLF001 -- the same

    await assert_it_is_the_logs_tree(database)


@pytest.mark.parametrize("broken", [3, 255, 600])
async def test_a_broken_connection_loses_nothing(database: str, broken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder_module, "BATCH", 50)
    async with building(database):
        await eventually(lambda: leaders(database))
        say(database, 1, 1, broken)
        end(database, leaders(database)[0])
        say(database, 1, broken + 1, broken + 700)
        await eventually(lambda: size(database) == broken + 700)

    await assert_it_is_the_logs_tree(database)


CHANGES: Final[dict[str, tuple[LiteralString, str]]] = {
    "a gap": ("DELETE FROM gatehouse.stored_events WHERE notification_id = 7", "IllegibleEntry"),
    "two lines": (
        "UPDATE gatehouse.stored_events SET state = convert_to(E'{\\n}', 'UTF8') WHERE notification_id = 7",
        "IllegibleEntry",
    ),
    "no JSON object": ("UPDATE gatehouse.stored_events SET state = '7' WHERE notification_id = 7", "IllegibleEntry"),
    "a strange type": ("UPDATE gatehouse.stored_events SET topic = 'a b' WHERE notification_id = 7", "IllegibleEntry"),
    "a version left out": (
        "UPDATE gatehouse.stored_events SET originator_version = 99 WHERE notification_id = 7",
        "IllegibleEntry",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_no_entry_stops_the_tree_before_it_and_everybody_hears(
    database: str, tmp_path: Path, change: str
) -> None:
    statement, fault = CHANGES[change]
    say(database, 1, 1, 10)
    as_administrator(database, statement)

    with capture_logs() as logs:
        async with building(database):
            await eventually(lambda: logs)

    assert rows(database, TREE) == [(6, 7, fault)]
    assert {"event": "transparency_stopped", "fault": fault, "log_level": "error"} in logs
    async with running(database, tmp_path) as world:
        response = await world.partner.get("/health/ready")
        metrics = (await world.partner.get("/metrics")).text
    assert response.status_code == 503
    assert f"the tree over the log stopped at 7: {fault}" in response.json()["problems"]
    assert "gatehouse_tree_stopped 1.0" in metrics
    assert "gatehouse_tree_size 6.0" in metrics


async def test_a_tree_that_stood_still_goes_on_once_the_event_is_one(database: str) -> None:
    say(database, 1, 1, 10)
    as_administrator(database, "UPDATE gatehouse.stored_events SET state = '7' WHERE notification_id = 7")
    async with building(database):
        await eventually(lambda: rows(database, TREE)[0][1] == 7)
        as_administrator(database, "UPDATE gatehouse.stored_events SET state = '{}' WHERE notification_id = 7")
        await eventually(lambda: rows(database, TREE) == [(10, None, None)])

    await assert_it_is_the_logs_tree(database)


async def test_a_tree_that_lags_is_not_ready(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.http.operations.LONGEST_LAG", 20)
    async with running(database, tmp_path) as world:
        await world.project()
        a_little = await world.partner.get("/health/ready")
        for wallet in range(6):
            await world.register(Wallet(wallet))
        await world.project()
        much = await world.partner.get("/health/ready")
        await builder(database).catch_up()
        nothing = await world.partner.get("/health/ready")

    events = len(lines_of(database))
    assert a_little.status_code == 200
    assert much.json()["problems"] == [f"the tree over the log is {events} events behind"]
    assert nothing.status_code == 200
    assert nothing.json()["tree"] == {"size": events, "lag": 0}


async def test_a_log_that_leads_to_other_tiles_than_are_there_stops_the_tree(database: str) -> None:
    say(database, 1, 1, 10)
    await builder(database).catch_up()
    as_administrator(
        database,
        "UPDATE gatehouse.stored_events SET state = '{}' WHERE notification_id = 3",
        "UPDATE gatehouse.tree SET size = 0",
    )

    with capture_logs() as logs:
        async with building(database):
            await eventually(lambda: logs)

    assert rows(database, TREE) == [(0, 1, "TilesContradict")]
    assert {"event": "transparency_stopped", "fault": "TilesContradict", "log_level": "error"} in logs


async def test_a_tree_whose_edge_is_gone_stands_still(database: str) -> None:
    say(database, 1, 1, 10)
    await builder(database).catch_up()
    as_administrator(database, "DELETE FROM gatehouse.tiles")
    say(database, 1, 11, 12)

    async with building(database):
        await eventually(lambda: rows(database, TREE)[0][1])

    assert rows(database, TREE) == [(10, 11, "TilesMissing")]


@pytest.mark.parametrize("moment", ["infinity", "4000-01-01 BC"])
async def test_a_time_that_is_none_stops_the_tree_and_not_its_builder(database: str, moment: str) -> None:
    say(database, 1, 1, 10)
    await builder(database).catch_up()
    say(database, 1, 11, 11)
    as_administrator(
        database,
        "UPDATE gatehouse.stored_events SET recorded_at = %s::timestamptz WHERE notification_id = 11",
        parameters=(moment,),
    )

    async with building(database):
        await eventually(lambda: rows(database, TREE)[0][1])

    assert rows(database, TREE) == [(10, 11, "DataError")]


async def test_a_size_that_is_none_is_no_endless_search_for_an_edge(database: str) -> None:
    say(database, 1, 1, 10)
    as_administrator(database, "UPDATE gatehouse.tree SET size = -5")

    async with building(database):
        await eventually(lambda: rows(database, TREE)[0][1])

    assert rows(database, TREE) == [(-5, -4, "IllegibleEntry")]


async def test_a_predecessor_whose_hash_was_cut_off_is_missed(database: str) -> None:
    say(database, 1, 1, 10)
    say(database, 2, 1, 300)
    await builder(database).catch_up()
    as_administrator(
        database, "UPDATE gatehouse.tiles SET hashes = substr(hashes, 1, 32) WHERE (level, index) = (0, 0)"
    )
    say(database, 1, 11, 11)

    async with building(database):
        await eventually(lambda: rows(database, TREE)[0][1])

    assert rows(database, TREE) == [(310, 311, "TilesMissing")]


async def test_a_tree_whose_size_is_gone_is_told(database: str) -> None:
    as_administrator(database, "DELETE FROM gatehouse.tree")
    async with await connect(service_conninfo(database)) as connection:
        assert (await tree_state(connection)).fault == "TilesMissing"


REWRITES: Final[dict[str, LiteralString]] = {
    "another hash": "UPDATE gatehouse.tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)",
    "a shorter tile": "UPDATE gatehouse.tiles SET hashes = substr(hashes, 1, 32)",
    "no tile": "DELETE FROM gatehouse.tiles",
    "none at all": "TRUNCATE gatehouse.tiles",
}


@pytest.mark.parametrize("who", ["the service", "the owner"])
@pytest.mark.parametrize("rewrite", REWRITES)
async def test_a_tile_is_not_rewritten(database: str, rewrite: str, who: str) -> None:
    say(database, 1, 1, 3)
    await builder(database).catch_up()
    conninfo = service_conninfo(database) if who == "the service" else database

    with psycopg.connect(conninfo) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(REWRITES[rewrite])

    await assert_it_is_the_logs_tree(database)


async def test_tiles_that_are_gone_are_missed(database: str) -> None:
    say(database, 1, 1, 600)
    await builder(database).catch_up()
    as_administrator(database, "DELETE FROM gatehouse.tiles WHERE level = 0 AND index = 2")

    async with await connect(service_conninfo(database)) as connection:
        with pytest.raises(TilesMissing):
            await root_at(connection, 600)
        with pytest.raises(TilesMissing):
            await builder(database).catch_up()
        assert await root_at(connection, 512) == root_over(lines_of(database)[:512])
