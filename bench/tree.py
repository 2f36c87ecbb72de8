"""How fast the tree over a long log is built, and what a proof costs in one of five million entries.

The builder works on a real log in PostgreSQL. The tree of the proofs is filled from made-up leaf hashes: of the log
itself a path to the root reads nothing. What a whole proof costs, which looks at its event, is measured on the former.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

import psycopg
from psycopg import AsyncConnection

from application.envelope import Context, Envelope
from application.mapper import EnvelopeMapper
from application.transparency.notes import Checkpoint, Signer, signed
from application.transparency.tiles import BYTES, WIDTH, Growth, Place
from application.transparency.tree import verify_inclusion
from bench.history import SINCE, load_log
from bench.postgres import Database, postgres
from bench.report import BenchError, Report, Target
from bench.traffic import SEED
from domain.events import CheckpointPublished
from infrastructure.migrate import migrate
from infrastructure.postgres import connect, service_conninfo
from infrastructure.transparency.builder import TreeBuilder
from infrastructure.transparency.checkpoints import root_at
from infrastructure.transparency.proving import paths, prove_inclusion
from infrastructure.transparency.tile_store import tree_state

FULL: Final = (1_000_000, 5_000_000)
QUICK: Final = (100_000, 300_000)
"""Entries of the real log, and of the tree of the proofs."""
PROOFS: Final = 2000
BATCH: Final = 50_000
LEAVES_PER_S: Final = 50_000.0
BELOW_MS: Final = 2.0
SIGNER: Final = Signer("bench.example/log", bytes(32))

_PUBLISH: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state) VALUES (%s, 1, %s, %s)
"""


def run(*, quick: bool) -> Report:
    """Build, then prove."""
    events, entries = QUICK if quick else FULL
    with postgres() as server:
        log, made = server.create_database("log"), server.create_database("made")
        for database in (log, made):
            migrate(database.conninfo)
        events = load_log(log.conninfo, events)
        rate = built(log, events)
        fill(made, entries)
        path, whole = asyncio.run(proven(made, entries)), asyncio.run(proven_whole(log, events))
        version = server.version()
    lengths: dict[str, object] = {"events": events, "entries": entries}
    return report(rate, path, whole, lengths | {"proofs": PROOFS, "postgresql": version})


def report(rate: float, path: dict[str, float], whole: dict[str, float], figures: dict[str, object]) -> Report:
    """Compare with the targets."""
    return Report(
        bench="tree",
        figures={"leaves_per_s": round(rate), "path_ms": path, "proof_ms": whole, **figures},
        targets=[
            Target(name="leaves_per_s", measured=round(rate), sense="at_least", bound=LEAVES_PER_S),
            Target(name="path_median_ms", measured=path["median"], sense="below", bound=BELOW_MS),
            Target(name="path_p99_ms", measured=path["p99"], sense="below", bound=BELOW_MS),
        ],
        columns=("inclusion", "median ms", "p99 ms"),
        rows=[
            ["path to the root", f"{path['median']:.3f}", f"{path['p99']:.3f}"],
            ["whole proof, its event included", f"{whole['median']:.3f}", f"{whole['p99']:.3f}"],
        ],
    )


def built(database: Database, events: int) -> float:
    """Leaves per second, from the first event to the last, tiles in PostgreSQL."""
    builder = TreeBuilder(service_conninfo(database.conninfo))
    begun = time.perf_counter()
    size = asyncio.run(builder.catch_up())
    seconds = time.perf_counter() - begun
    if size != events:
        raise BenchError(f"the tree has {size} of {events} events")
    return size / seconds


def fill(database: Database, entries: int) -> None:
    """Put the tiles of a tree over made-up leaves there."""
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        with connection.cursor().copy("COPY gatehouse.tiles (level, index, hashes) FROM STDIN (FORMAT BINARY)") as sink:
            sink.set_types(["int2", "int8", "bytea"])
            for (level, index), hashes in tiles_of(entries):
                sink.write_row((level, index, hashes))
        connection.execute("UPDATE gatehouse.tree SET size = %s", (entries,))
        connection.execute("VACUUM ANALYZE gatehouse.tiles")


def tiles_of(entries: int) -> Iterator[tuple[Place, bytes]]:
    """Every tile of the tree once: full ones as they come, the right edge at the end."""
    growth, edge = Growth(), dict[Place, bytes]()
    for first in range(0, entries, BATCH):
        leaves = [leaf(number) for number in range(first, min(first + BATCH, entries))]
        edge |= growth.extend(leaves)
        full = {place: hashes for place, hashes in edge.items() if len(hashes) == WIDTH * BYTES}
        yield from full.items()
        edge = {place: hashes for place, hashes in edge.items() if place not in full}
    yield from edge.items()


def leaf(number: int) -> bytes:
    """A made-up leaf's hash."""
    return sha256(b"%d" % number).digest()


async def proven(database: Database, entries: int) -> dict[str, float]:
    """Milliseconds for a leaf's path to the root, tiles read from PostgreSQL; each path is checked, off the clock."""
    async with await connect(service_conninfo(database.conninfo)) as connection:
        checkpoint = Checkpoint(SIGNER.public.name, entries, await root_at(connection, entries))

        found: list[tuple[bytes, ...]] = []

        async def prove(index: int) -> None:
            found[:] = await paths(connection, [index], checkpoint)

        def check(index: int) -> bool:
            return verify_inclusion(index, entries, leaf(index), found[0], checkpoint.root)

        return await timed(prove, entries, check)


async def proven_whole(database: Database, events: int) -> dict[str, float]:
    """Milliseconds for a proof as it is handed out: with the newest checkpoint, and checked against its event."""
    async with await connect(service_conninfo(database.conninfo)) as connection:
        await _publish(database, connection, events)

        async def prove(index: int) -> None:
            await prove_inclusion(connection, index + 1)

        return await timed(prove, events, lambda _: True)


async def _publish(database: Database, connection: AsyncConnection[Any], events: int) -> None:
    """Put a checkpoint on record, without a service to do it."""
    if (await tree_state(connection)).size != events:
        raise BenchError("the tree is not the log's")
    root = await root_at(connection, events)
    note = signed(Checkpoint(SIGNER.public.name, events, root).text, SIGNER).whole
    event = CheckpointPublished(size=events, root=root.hex(), note=note)
    context = Context("system:bench", uuid4(), uuid4(), SINCE)
    stored = EnvelopeMapper().to_stored_event(Envelope(uuid4(), 1, uuid4(), context, event))
    with psycopg.connect(database.conninfo, autocommit=True) as owner:
        owner.execute(_PUBLISH, (stored.originator_id, stored.topic, stored.state))


async def timed(
    prove: Callable[[int], Awaitable[None]], entries: int, check: Callable[[int], bool]
) -> dict[str, float]:
    """Median and 99th percentile over leaves from anywhere."""
    source = random.Random(SEED)  # noqa: S311  # the same leaves in every run
    taken = []
    for _ in range(PROOFS):
        index = source.randrange(entries)
        begun = time.perf_counter()
        await prove(index)
        taken.append((time.perf_counter() - begun) * 1000)
        if not check(index):
            raise BenchError(f"the path of leaf {index} does not lead to the root")
    return {"median": round(statistics.median(taken), 3), "p99": round(statistics.quantiles(taken, n=100)[98], 3)}
