"""The tiles of a bundle: those that lead its entries to the checkpoint's root, and for a whole log all of them."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from psycopg import Connection

from application.transparency.tiles import BYTES, WIDTH, Place, path_of, paths_to, width_at
from infrastructure.arrays import BigintArray, IntegerArray
from infrastructure.exports.parts import Parts
from infrastructure.transparency.tile_store import TilesMissing

AT_ONCE: Final = 128
"""Tiles that are in memory, of 8 KiB each."""
NUMBER: Final = slice(len(b'{"position":'), None)

_READ: Final = """
    SELECT t.level::int, t.index, substr(t.hashes, 1, asked.length)
    FROM unnest(%b, %b, %b) AS asked (level, index, length)
    JOIN gatehouse.tiles t ON t.level = asked.level AND t.index = asked.index
"""


def put_tiles(connection: Connection[Any], parts: Parts, size: int, *, whole: bool) -> None:
    """Write the tiles of the tree of `size` entries that are needed. Raises `TilesMissing`."""
    leaves: Iterable[int] = range(0, size, WIDTH) if whole else (index for index in _indices(parts) if index < size)
    places = iter(sorted(paths_to(leaves, size)))
    while some := list(islice(places, AT_ONCE)):
        for place, hashes in _read(connection, some, size):
            parts.put(path_of(place, len(hashes) // BYTES), hashes)


def _indices(parts: Parts) -> Iterator[int]:
    """Which leaves the entries are, counted from 0."""
    for name in ("keys.jsonl", "entries.jsonl"):
        with (parts.folder / name).open("rb") as lines:
            for line in lines:
                number = line[NUMBER].partition(b",")[0]
                if number.isdigit():  # what was forged may not even begin as a line does
                    yield int(number) - 1


def _read(connection: Connection[Any], places: list[Place], size: int) -> list[tuple[Place, bytes]]:
    """Tiles as they are in that tree. Raises `TilesMissing`."""
    lengths = {place: width_at(place, size) * BYTES for place in places}
    asked = (
        IntegerArray(level for level, _ in places),
        BigintArray(index for _, index in places),
        IntegerArray(lengths.values()),
    )
    rows = connection.execute(_READ, asked, prepare=True, binary=True).fetchall()
    found = [((level, index), bytes(hashes)) for level, index, hashes in rows]
    if sum(len(hashes) == lengths[place] for place, hashes in found) != len(places):
        raise TilesMissing
    return found
