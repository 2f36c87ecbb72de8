"""The events that an export asks for, a stretch of positions at a time, with the tiles that hold their hashes.

The log is append-only: up to a fixed position it reads the same whenever it is read, without a snapshot.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed, Literal

from application.transparency.tiles import BYTES, WIDTH, width_at
from infrastructure.arrays import BigintArray, IntegerArray, UuidArray
from infrastructure.exports.asked import Asked
from infrastructure.transparency.tile_store import TilesMissing

# An entry up to `previous`, as `entry_of` writes it. PostgreSQL does this beside us, on a core of its own.
_PAGE: Final = SQL("""
    SELECT uuid_send(originator_id), originator_version, convert_to(
        '{{"position":' || notification_id || ',"stream":"' || originator_id || '","version":' || originator_version
        || ',"type":"' || topic || '","recordedAt":"'
        || to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","previous":', 'UTF8'
    ), state, notification_id
    FROM gatehouse.stored_events e WHERE notification_id > %b AND notification_id <= %b{conditions}
    ORDER BY notification_id
""").format
_CUSTOMER: Final = SQL(" AND originator_id = {}").format
_TYPES: Final = SQL(" AND topic = ANY ({})").format
# By the bytes: who was registered is told in one way, and what somebody forged need not even be JSON.
_PARTNER: Final = SQL("""
    AND EXISTS (
        SELECT FROM gatehouse.stored_events r WHERE r.originator_id = e.originator_id AND r.originator_version = 1
            AND r.topic = 'CustomerRegistered' AND position(convert_to({}, 'UTF8') IN r.state) > 0
    )
""").format
_TILES: Final = """
    SELECT t.index, substr(t.hashes, 1, asked.length) FROM unnest(%b, %b) AS asked (index, length)
    JOIN gatehouse.tiles t ON t.level = 0 AND t.index = asked.index
"""
_PREDECESSORS: Final = """
    SELECT uuid_send(e.originator_id), e.originator_version,
        encode(substr(t.hashes, mod(e.notification_id - 1, 256)::int * 32 + 1, 32), 'hex')
    FROM unnest(%b, %b) AS asked (stream, version)
    JOIN gatehouse.stored_events e ON e.originator_id = asked.stream AND e.originator_version = asked.version
    JOIN gatehouse.tiles t ON t.level = 0 AND t.index = (e.notification_id - 1) / 256
"""
_BEFORE: Final = "SELECT coalesce(gatehouse.position_at(%b - interval '1 microsecond'), 0)"

Row = tuple[bytes, int, bytes, bytes, int]
"""Stream, in bytes, version, the entry up to `previous`, state and position of a stored event."""


class Page(NamedTuple):
    """The chosen rows of a stretch, and the leaf hashes of their tiles as a line has them."""

    rows: list[Row]
    leaves: dict[int, list[bytes]]


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for, of the log of `upto` entries."""

    connection: Connection[Any]
    asked: Asked
    upto: int

    def first(self) -> int:
        """The first position that was recorded in time."""
        since = self.asked.recorded_from
        return 1 if since is None else min(position_before(self.connection, since), self.upto) + 1

    def page(self, after: int, upto: int) -> Page:
        """What was chosen of the positions behind one and up to another, in one statement."""
        query = _PAGE(conditions=self._conditions())
        rows: list[Row] = self.connection.execute(query, (after, upto), prepare=True, binary=True).fetchall()
        return Page(rows, self._leaves({(row[4] - 1) // WIDTH for row in rows}))

    def predecessors(self, asked: list[tuple[bytes, int]]) -> dict[tuple[bytes, int], bytes]:
        """The leaf hashes in hex of these versions of streams, as far as there are any."""
        columns = UuidArray(UUID(bytes=stream) for stream, _ in asked), BigintArray(version for _, version in asked)
        found = self.connection.execute(_PREDECESSORS, columns, prepare=True, binary=True).fetchall()
        return {(stream, version): leaf.encode() for stream, version, leaf in found}

    def _leaves(self, indices: set[int]) -> dict[int, list[bytes]]:
        """The hashes of the lowest tiles, in hex and quoted. Raises `TilesMissing`."""
        lengths = {index: width_at((0, index), self.upto) * BYTES for index in sorted(indices)}
        asked = BigintArray(lengths), IntegerArray(lengths.values())
        tiles = self.connection.execute(_TILES, asked, prepare=True, binary=True).fetchall()
        if {index: len(hashes) for index, hashes in tiles} != lengths:
            raise TilesMissing
        return {index: _quoted(hashes) for index, hashes in tiles}

    def _conditions(self) -> Composed:
        """The filters but for time, which the range of positions is."""
        asked, conditions = self.asked, Composed([])
        if asked.customer:
            conditions += _CUSTOMER(Literal(asked.customer))
        if asked.types:
            conditions += _TYPES(Literal(list(asked.types)))
        if asked.partner:
            conditions += _PARTNER(Literal(f'"data":{{"partner":"{asked.partner}"'))
        return conditions


def _quoted(hashes: bytes) -> list[bytes]:
    """A tile's hashes as they stand in a line. Put together whole, as making each of a million would take long."""
    quoted = hashes.hex("\n", BYTES).replace("\n", '"\n"')
    return f'"{quoted}"'.encode().split(b"\n")


def position_before(connection: Connection[Any], moment: datetime) -> int:
    """The last position that was recorded before a moment."""
    row = connection.execute(_BEFORE, (moment,)).fetchone()
    return int(row[0]) if row else 0
