"""Checkpoints: how large the log is and what its root is, signed, and recorded as events of that same log.

Whoever kept one can tell later whether history was changed. Nothing is published twice, and an idle log publishes
nothing.
"""

from datetime import timedelta
from typing import Any, Final, NamedTuple

import structlog
from psycopg import AsyncConnection

from application.envelope import Envelope
from application.handlers import alone
from application.mapper import read
from application.transparency.notes import Checkpoint, Note, Signer, signed
from application.transparency.tiles import hashes_of, needed
from application.transparency.tree import root
from domain.events import CheckpointPublished
from infrastructure.services import Services
from infrastructure.transparency.tile_store import read_tiles, tree_size

ACTOR: Final = "system:transparency"

_NEWEST: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at FROM gatehouse.stored_events
    WHERE topic = 'CheckpointPublished' ORDER BY notification_id DESC LIMIT 1
"""

log = structlog.get_logger()


class Published(NamedTuple):
    """A checkpoint on record, and the envelope that it was recorded in."""

    event: CheckpointPublished
    envelope: Envelope


async def newest_checkpoint(connection: AsyncConnection[Any]) -> Published | None:
    """The last checkpoint that was published."""
    row = await (await connection.execute(_NEWEST, prepare=True, binary=True)).fetchone()
    if row is None:
        return None
    envelope = read(*row)
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
    """Sign the tree of the first `size` entries and put that on record. Raises `Unavailable` and `TilesMissing`."""
    async with services.pool.connection() as connection:
        found = await root_at(connection, size)
    note = signed(Checkpoint(signer.public.name, size, found).text, signer)
    event = CheckpointPublished(size=size, root=found.hex(), note=note.whole)
    stream = services.new_id()
    await services.execute(lambda: alone(stream, event), actor=ACTOR)
    return note


async def publish_if_due(services: Services, signer: Signer, every: timedelta) -> Note | None:
    """Publish what the tree has come to, if anything but a checkpoint was added and the last one is old enough."""
    async with services.pool.connection() as connection:
        size, newest = await tree_size(connection), await newest_checkpoint(connection)
    if newest and (size <= newest.envelope.position or services.clock() - newest.envelope.recorded_at < every):
        return None
    return await publish(services, signer, size) if size else None
