"""Producing a bundle: the tree brought up to the log, a checkpoint published, the files written.

Whoever is handed a bundle is on record before.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.handlers import alone
from application.transparency.entry import IllegibleEntry
from application.transparency.notes import Signer
from domain.events import ExportProduced
from infrastructure.exports.asked import Asked
from infrastructure.exports.bundle import Made, Writing, seal
from infrastructure.exports.progress import Progress, unheard
from infrastructure.exports.target import State, Target
from infrastructure.exports.zipping import zip_bundle
from infrastructure.faults import CannotStart
from infrastructure.keys.signing import current_signer
from infrastructure.postgres import connect
from infrastructure.services import Services
from infrastructure.transparency.announced_keys import announced_keys
from infrastructure.transparency.builder import TilesContradict, TreeBuilder
from infrastructure.transparency.checkpoints import CheckpointContradicts, publish
from infrastructure.transparency.tile_store import TilesMissing

LOOK: Final = 0.1
"""Seconds from one look at a tree that somebody else builds to the next."""

_UPTO: Final = """
    SELECT least(coalesce(max(notification_id), 0), gatehouse.position_at(coalesce(%b, 'infinity'::timestamptz)
        - interval '1 microsecond')) FROM gatehouse.stored_events
"""
_STOPPED: Final = "SELECT stopped_at FROM gatehouse.tree"


@dataclass(frozen=True, slots=True)
class Exporter:
    """Who exports: an API key, or nobody but whoever has the command line."""

    actor: str
    reader: UUID | None = None


@dataclass(frozen=True, slots=True)
class Produced:
    """What a bundle came to."""

    upto: int
    """The size of the log that it is of."""
    entries: int
    manifest: str
    """The SHA-256 of manifest.json."""


class NothingRecorded(CannotStart):
    """The log has nothing that could be exported."""


class Abandoned(Exception):
    """Nobody waits any more."""


Write = Callable[[Writing], Awaitable[Made]]
"""Does the writing, in a thread or a process of its own."""


async def in_thread(writing: Writing, progress: Progress = unheard) -> Made:
    """Write in a thread of this process, which ends at its next step where nobody waits for it any more."""
    abandoned = threading.Event()

    def step(positions: int) -> None:
        if abandoned.is_set():
            raise Abandoned
        progress(positions)

    try:
        return await asyncio.to_thread(writing.run, step)
    finally:
        abandoned.set()


async def produce(
    services: Services, asked: Asked, target: Target, exporter: Exporter, write: Write = in_thread
) -> Produced:
    """Produce a bundle, or go on with one. Raises `CannotStart`, `OSError`, `psycopg.Error` and `Unavailable`."""
    with target.held(), _told():
        state = target.state(asked)
        if state is None:
            state = State(await _upto(services, asked))
            target.keep(asked, state)
        signer = await current_signer(services)
        announced = await _announced(services, signer)
        await _grown(services.conninfo, max(state.upto, announced))
        checkpoint = await publish(services, signer, state.upto)
        writing = Writing(services.conninfo, asked, checkpoint, announced, target, state)
        made = await write(writing)
        produced = Produced(state.upto, made.entries, seal(writing, made, signer))
        if target.zipped:
            await asyncio.to_thread(zip_bundle, target)
        await _record(services, asked, exporter, produced)
        await asyncio.to_thread(target.hand_over)  # what it removes are thousands of files
    return produced


@contextmanager
def _told() -> Iterator[None]:
    """Say in one line what keeps the log from being exported."""
    try:
        yield
    except IllegibleEntry as fault:
        raise CannotStart(f"the log holds what is no event: {fault}") from fault
    except TilesMissing as fault:
        raise CannotStart("the tree over the log is not whole: tiles are missing") from fault
    except CheckpointContradicts as fault:
        raise CannotStart("what the log has as its newest checkpoint is none") from fault
    except TilesContradict as fault:
        raise CannotStart("the tree over the log stands still: the log leads to other tiles") from fault


async def _upto(services: Services, asked: Asked) -> int:
    """The size of the log that is exported: what was recorded by now, or before the time that was asked for."""
    async with services.pool.connection() as connection:
        row = await (await connection.execute(_UPTO, (asked.recorded_until,))).fetchone()
    if row is None or not row[0]:
        raise NothingRecorded("nothing was recorded by then: there is nothing to export")
    return int(row[0])


async def _announced(services: Services, signer: Signer) -> int:
    """Where in the log the key is announced."""
    async with services.pool.connection() as connection:
        return next(key.since for key in await announced_keys(connection) if key.key == signer.public.vkey)


async def _grown(conninfo: str, upto: int) -> None:
    """Have the tree cover a position, building it unless somebody else does. Raises `CannotStart`."""
    while await TreeBuilder(conninfo).catch_up() < upto:
        async with await connect(conninfo) as connection:
            row = await (await connection.execute(_STOPPED)).fetchone()
        if row and row[0] is not None:
            raise IllegibleEntry(f"the event at {row[0]}")
        await asyncio.sleep(LOOK)


async def _record(services: Services, asked: Asked, exporter: Exporter, produced: Produced) -> None:
    """Put on record who takes out what. Raises `Unavailable` where that cannot be recorded."""
    event = ExportProduced(
        reader=exporter.reader,
        formats=tuple(asked.written),
        upto=produced.upto,
        recorded_from=asked.recorded_from,
        recorded_until=asked.recorded_until,
        customer=asked.customer,
        partner=asked.partner,
        types=tuple(sorted(set(asked.types))),
        entries=produced.entries,
        manifest=produced.manifest,
    )
    stream = services.new_id()
    await services.execute(lambda: alone(stream, event), actor=exporter.actor)
