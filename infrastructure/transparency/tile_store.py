"""Tiles in PostgreSQL. Those of a smaller tree are the beginnings of those that are kept."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection

from application.transparency.tiles import BYTES, Place, width_at
from infrastructure.arrays import BigintArray, ByteaArray, IntegerArray

_STATE: Final = """
    SELECT size, coalesce((SELECT max(notification_id) FROM gatehouse.stored_events), 0) - size, stopped_at, fault
    FROM gatehouse.tree
"""
_SIZE: Final = "SELECT size FROM gatehouse.tree"
_READ: Final = """
    SELECT t.level::int, t.index, substr(t.hashes, 1, asked.length)
    FROM unnest(%b, %b, %b) AS asked (level, index, length)
    JOIN gatehouse.tiles t ON t.level = asked.level AND t.index = asked.index
"""
_WRITE: Final = """
    INSERT INTO gatehouse.tiles (level, index, hashes) SELECT * FROM unnest(%b, %b, %b)
    ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes
"""


class TilesMissing(Exception):
    """Tiles are missing or too short: the tree is not what its size says."""


class TreeState(NamedTuple):
    """How many entries the tree has, how many events it is behind the log, and which one stopped it, if one did."""

    size: int
    lag: int
    stopped_at: int | None
    fault: str | None


async def tree_state(connection: AsyncConnection[Any]) -> TreeState:
    """Where the tree stands; that nothing says so is a fault."""
    row = await (await connection.execute(_STATE)).fetchone()
    return TreeState(*row) if row else TreeState(0, 0, 1, "TilesMissing")


async def tree_size(connection: AsyncConnection[Any]) -> int:
    """How many entries the tree has."""
    row = await (await connection.execute(_SIZE, prepare=True, binary=True)).fetchone()
    return int(row[0]) if row else 0


async def read_tiles(connection: AsyncConnection[Any], places: Collection[Place], size: int) -> dict[Place, bytes]:
    """The tiles at these places as they are in the tree of the first `size` entries. Raises `TilesMissing`."""
    lengths = {place: width_at(place, size) * BYTES for place in places}
    asked = (*_columns(lengths), IntegerArray(lengths.values()))
    cursor = await connection.execute(_READ, asked, prepare=True, binary=True)
    found = {(level, index): bytes(hashes) for level, index, hashes in await cursor.fetchall()}
    if any(len(found.get(place, b"")) != length for place, length in lengths.items()):
        raise TilesMissing
    return found


async def write_tiles(connection: AsyncConnection[Any], tiles: Mapping[Place, bytes]) -> None:
    """Keep tiles that are new or have grown."""
    await connection.execute(_WRITE, (*_columns(tiles), ByteaArray(tiles.values())), prepare=True, binary=True)


def _columns(places: Collection[Place]) -> tuple[IntegerArray, BigintArray]:
    return IntegerArray(level for level, _ in places), BigintArray(index for _, index in places)
