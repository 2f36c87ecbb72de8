"""Proofs from the tiles in PostgreSQL, for checkpoints that were published.

Each is checked before it is handed out, against the checkpoint and against the log's own row: where the three
contradict each other, that is told, and nobody gets a proof.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from psycopg import AsyncConnection

from application.transparency.completeness import ProvenEntry, StreamProof
from application.transparency.entry import IllegibleEntry, entry_of
from application.transparency.notes import BadNote, Checkpoint, parse_checkpoint, parse_note
from application.transparency.proofs import ConsistencyProof, InclusionProof
from application.transparency.tiles import hashes_of, needed
from application.transparency.tree import HashAt, consistency, inclusion, leaf_hash, root, verify_inclusion
from infrastructure.arrays import UuidArray
from infrastructure.log.journal import STREAMS
from infrastructure.transparency.checkpoints import Published, checkpoint_at, newest_checkpoint
from infrastructure.transparency.predecessors import Predecessors, Row
from infrastructure.transparency.tile_store import TilesMissing, read_tiles

_ROW: Final = """
    SELECT originator_id::text, originator_version, topic, state, notification_id, recorded_at
    FROM gatehouse.stored_events WHERE notification_id = %b
"""
_HEAD: Final = "SELECT max(notification_id) FROM gatehouse.stored_events"

log = structlog.get_logger()


class LogDoesNotMatch(Exception):
    """The log's events, the tree's tiles and a published checkpoint contradict each other."""


class NotInACheckpointYet(Exception):
    """No checkpoint that was published covers it."""


class NoSuchEntry(Exception):
    """The log has nothing at this position, or no such stream."""


class NoSuchCheckpoint(Exception):
    """No checkpoint of this size was published."""


async def prove_inclusion(connection: AsyncConnection[Any], position: int) -> InclusionProof:
    """That the log's event at a position is in the newest checkpoint.

    Raises `NoSuchEntry`, `NotInACheckpointYet` and `LogDoesNotMatch`.
    """
    note, checkpoint = await _newest(connection)
    row = await (await connection.execute(_ROW, (position,), prepare=True, binary=True)).fetchone()
    if position > checkpoint.size:
        raise NotInACheckpointYet if row else NoSuchEntry
    if row is None:
        raise NoSuchEntry if position < 1 else _mismatch("the log has no event where the tree has one", position)
    [entry] = await _entries_of(connection, [row])
    [path] = await paths(connection, [position - 1], checkpoint)
    _check(entry, position, path, checkpoint)
    return InclusionProof(position - 1, path, note)


async def prove_consistency(connection: AsyncConnection[Any], old: int, new: int | None = None) -> ConsistencyProof:
    """That the log of a published checkpoint's size, the newest's by default, begins with its first `old` entries.

    Raises `NoSuchCheckpoint` and `LogDoesNotMatch`.
    """
    published = await newest_checkpoint(connection) if new is None else await checkpoint_at(connection, new)
    if published is None:
        raise NoSuchCheckpoint
    note, checkpoint = _read(published)
    if not 0 <= old <= checkpoint.size:
        raise NoSuchCheckpoint

    def read(hash_at: HashAt) -> tuple[bytes, list[bytes]]:
        return root(old, hash_at), consistency(old, checkpoint.size, hash_at)

    old_root, path = read(await _hashes(connection, read, checkpoint.size))
    proof = ConsistencyProof(old, tuple(path), note)
    if not proof.proves(Checkpoint(checkpoint.origin, old, old_root), checkpoint):
        raise _mismatch("the tree is not the one that was signed", checkpoint.size)
    return proof


async def prove_stream(connection: AsyncConnection[Any], stream: UUID) -> StreamProof:
    """All events of a stream, each in the newest checkpoint.

    Raises `NoSuchEntry`, `NotInACheckpointYet` and `LogDoesNotMatch`.
    """
    rows = await (await connection.execute(STREAMS, (UuidArray([stream]),), prepare=True, binary=True)).fetchall()
    if not rows:
        raise NoSuchEntry
    note, checkpoint = await _newest(connection)
    positions = [row[4] for row in rows]
    if max(positions) > checkpoint.size:
        raise NotInACheckpointYet
    entries = await _entries_of(connection, [(str(stream), *row[1:]) for row in rows])
    found = await paths(connection, [position - 1 for position in positions], checkpoint)
    for entry, position, path in zip(entries, positions, found, strict=True):
        _check(entry, position, path, checkpoint)
    return StreamProof(stream, note, tuple(map(ProvenEntry, entries, found)))


async def paths(
    connection: AsyncConnection[Any], indices: Sequence[int], checkpoint: Checkpoint
) -> list[tuple[bytes, ...]]:
    """The way from each leaf to a checkpoint's root. Of the log itself nothing is read. Raises `LogDoesNotMatch`."""

    def read(hash_at: HashAt) -> list[tuple[bytes, ...]]:
        return [tuple(inclusion(index, checkpoint.size, hash_at)) for index in indices]

    return read(await _hashes(connection, read, checkpoint.size))


async def _hashes(connection: AsyncConnection[Any], read: Callable[[HashAt], object], size: int) -> HashAt:
    """The hashes that a computation on the tree of `size` entries needs."""
    try:
        return hashes_of(await read_tiles(connection, needed(read), size))
    except TilesMissing:
        raise _mismatch("tiles are missing", size) from None


async def _newest(connection: AsyncConnection[Any]) -> tuple[str, Checkpoint]:
    """The newest checkpoint: the note, and what it says."""
    published = await newest_checkpoint(connection)
    if published is None:
        raise NotInACheckpointYet
    return _read(published)


def _read(published: Published) -> tuple[str, Checkpoint]:
    note = published.event.note
    try:
        return note, parse_checkpoint(parse_note(note).text)
    except BadNote:
        raise _mismatch("what is on record is no checkpoint", published.envelope.position) from None


async def _entries_of(connection: AsyncConnection[Any], rows: Sequence[Row]) -> list[bytes]:
    """The entries of rows; of what came before them in their streams, the tree's own hashes."""
    predecessors, entries = Predecessors(), []
    try:
        await predecessors.prepare(connection, rows)
    except TilesMissing:
        raise _mismatch("tiles are missing", rows[0][4]) from None
    for row in rows:
        stream, version, _, _, position, _ = row
        try:
            entry = entry_of(*row, predecessors.before(stream, version))
        except IllegibleEntry:
            raise _mismatch("the log's event is no entry", position) from None
        predecessors.remember(stream, version, leaf_hash(entry))
        entries.append(entry)
    return entries


def _check(entry: bytes, position: int, path: tuple[bytes, ...], checkpoint: Checkpoint) -> None:
    """Raise `LogDoesNotMatch` where the log's row, through the tree's tiles, does not come to what was signed."""
    if not verify_inclusion(position - 1, checkpoint.size, leaf_hash(entry), path, checkpoint.root):
        raise _mismatch("the log's event is not the one that was signed", position)


def _mismatch(what: str, position: int) -> LogDoesNotMatch:
    """What is wrong, for the log; whoever asked is told that something is."""
    log.error("log_does_not_match", what=what, position=position)
    return LogDoesNotMatch(what)
