"""The leaf hash of each event's predecessor in its stream: what makes a customer's events a chain.

Most predecessors are in the same batch or were seen lately; the others' places are asked of the log, and their hashes
cut out of the tiles.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from application.transparency.entry import IllegibleEntry
from application.transparency.tiles import BYTES
from infrastructure.arrays import BigintArray, UuidArray
from infrastructure.transparency.tile_store import TilesMissing

REMEMBERED: Final = 10_000
"""Streams whose newest hash is kept in memory, at about 200 bytes each."""

_FIND: Final = """
    SELECT
        e.originator_id::text,
        e.originator_version,
        substr(t.hashes, ((e.notification_id - 1) %% 256)::int * 32 + 1, 32)
    FROM unnest(%b, %b) AS asked (stream, version)
    JOIN gatehouse.stored_events e ON e.originator_id = asked.stream AND e.originator_version = asked.version
    JOIN gatehouse.tiles t ON t.level = 0 AND t.index = (e.notification_id - 1) / 256
"""

Row = tuple[str, int, str, bytes, int, Any]
"""Stream, version, type, state, position and time of a stored event. Text is what an id ends as, and hashed sooner."""


class Predecessors:
    """The newest version of streams, and its leaf hash."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, bytes]] = {}

    async def prepare(self, connection: AsyncConnection[Any], rows: Sequence[Row]) -> None:
        """Find the predecessors of a batch that are neither in it nor remembered. Raises `TilesMissing`."""
        missing: dict[str, int] = {}
        seen: set[str] = set()
        for stream, version, *_ in rows:
            if stream not in seen:
                seen.add(stream)
                if version > 1 and self._newest.get(stream, (0,))[0] != version - 1:
                    missing[stream] = version - 1
        if missing:
            asked = UuidArray(map(UUID, missing)), BigintArray(missing.values())
            cursor = await connection.execute(_FIND, asked, prepare=True, binary=True)
            for stream, version, leaf in await cursor.fetchall():
                if len(leaf) != BYTES:
                    raise TilesMissing
                self._newest[stream] = version, bytes(leaf)

    def before(self, stream: str, version: int) -> bytes | None:
        """The leaf hash of the version before; None for the first. Raises `IllegibleEntry` where the log has none."""
        if version == 1:
            return None
        known, leaf = self._newest.get(stream, (0, b""))
        if known != version - 1:
            raise IllegibleEntry(f"a stream has no version {version - 1}")
        return leaf

    def remember(self, stream: str, version: int, leaf: bytes) -> None:
        """This is the stream's newest version by now."""
        self._newest[stream] = version, leaf

    def forget_some(self) -> None:
        """Keep memory bounded: those that were first to come are the first to go."""
        for stream in list(self._newest)[: len(self._newest) - REMEMBERED]:
            del self._newest[stream]
