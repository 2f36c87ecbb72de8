"""Checkpoints: how large the log is and what its root is, signed, and recorded as events of that same log.

Whoever kept one can tell later whether history was changed. Each is larger than all before it, so that the newest is
the largest, and an idle log publishes nothing.
"""

from datetime import timedelta
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection

from application.envelope import Envelope
from application.handlers import alone
from application.mapper import read
from application.transparency.notes import Checkpoint, Note, Signer, parse_checkpoint, signed
from application.transparency.tiles import hashes_of, needed
from application.transparency.tree import HashAt, consistency, root, verify_consistency
from domain.events import CheckpointPublished
from infrastructure.keys.signing import current_signer
from infrastructure.services import Services
from infrastructure.transparency.tile_store import read_tiles, tree_size

ACTOR: Final = "system:transparency"
LOCK: Final = 7166157
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(%b)"

_NEWEST: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at FROM gatehouse.stored_events
    WHERE topic = 'CheckpointPublished' ORDER BY notification_id DESC LIMIT 1
"""
_BEHIND: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at FROM gatehouse.stored_events
    WHERE topic = 'CheckpointPublished' AND notification_id > %b ORDER BY notification_id LIMIT %b
"""
BEHIND: Final = 16
"""Smaller checkpoints may have been recorded behind those entries too, if they were slow: a few at most."""


class CheckpointContradicts(Exception):
    """The tree does not begin with what the newest checkpoint was signed for, or that one cannot be read."""


class Published(NamedTuple):
    """A checkpoint on record, and the envelope that it was recorded in."""

    event: CheckpointPublished
    envelope: Envelope


async def newest_checkpoint(connection: AsyncConnection[Any]) -> Published | None:
    """The last checkpoint that was published. Raises `CheckpointContradicts`."""
    row = await (await connection.execute(_NEWEST, prepare=True, binary=True)).fetchone()
    return _published(row) if row else None


async def checkpoint_at(connection: AsyncConnection[Any], size: int) -> Published | None:
    """The checkpoint of this very size, if it was published: one of the first that stand behind so many entries."""
    rows = await (await connection.execute(_BEHIND, (size, BEHIND), prepare=True, binary=True)).fetchall()
    return next((found for found in map(_published, rows) if found.event.size == size), None)


def _published(row: tuple[Any, ...]) -> Published:
    try:
        envelope = read(*row)
    except ValueError:
        raise CheckpointContradicts from None
    if not isinstance(envelope.event, CheckpointPublished):
        raise TypeError(envelope.type)
    return Published(envelope.event, envelope)


async def root_at(connection: AsyncConnection[Any], size: int) -> bytes:
    """The root of the tree's first `size` entries. Raises `TilesMissing`."""
    places = needed(lambda hash_at: root(size, hash_at))
    return root(size, hashes_of(await read_tiles(connection, places, size)))


async def checkpoint_of(connection: AsyncConnection[Any], signer: Signer, size: int) -> Note:
    """A signed checkpoint of the tree's first `size` entries: the same bytes whenever it is asked for."""
    return signed(Checkpoint(signer.public.name, size, await root_at(connection, size)).text, signer)


async def publish(services: Services, signer: Signer, size: int) -> Note:
    """Sign the tree of the first `size` entries; put that on record unless a tree as large is on record already.

    Raises `Unavailable` and `TilesMissing`.
    """
    async with services.pool.connection() as connection, connection.transaction():
        await connection.execute(_ONE_AT_A_TIME, (LOCK,))
        note = await checkpoint_of(connection, signer, size)
        newest = await newest_checkpoint(connection)
        if newest is None or newest.event.size < size:
            event = CheckpointPublished(size=size, root=parse_checkpoint(note.text).root.hex(), note=note.whole)
            stream = services.new_id()
            await services.execute(lambda: alone(stream, event), actor=ACTOR)
    return note


async def publish_if_due(services: Services, every: timedelta) -> Note | None:
    """Publish what the tree has come to, if anything but a checkpoint was added and the last one is old enough.

    A tree that does not begin with the last one's is not signed. Raises `Unavailable`, `TilesMissing`,
    `CheckpointContradicts` and `KeyProblem`.
    """
    async with services.pool.connection() as connection:
        newest = await newest_checkpoint(connection)
        size = await tree_size(connection)
        if newest and (not _added(size, newest) or services.clock() - newest.envelope.recorded_at < every):
            return None
        if newest:
            await _hold_to(connection, newest.event, size)
    return await publish(services, await current_signer(services), size) if size else None


async def _hold_to(connection: AsyncConnection[Any], before: CheckpointPublished, size: int) -> None:
    """Raise `CheckpointContradicts` where the tree of `size` entries does not begin with the one that was signed."""
    if size < before.size:
        raise CheckpointContradicts

    def read(hash_at: HashAt) -> tuple[bytes, bytes, list[bytes]]:
        return root(before.size, hash_at), root(size, hash_at), consistency(before.size, size, hash_at)

    old, new, path = read(hashes_of(await read_tiles(connection, needed(read), size)))
    if old.hex() != before.root or not verify_consistency(before.size, size, path, old, new):
        raise CheckpointContradicts


def _added(size: int, newest: Published) -> int:
    """How many entries the tree has beside those that a checkpoint covers and the checkpoint's own."""
    own = newest.envelope.position <= size
    return size - newest.event.size - own
