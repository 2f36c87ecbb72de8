"""The tree in tiles, as C2SP tlog-tiles has it: up to 256 consecutive hashes of one level, eight levels apart.

A full tile never changes; a partial one only grows, so that the tile of any smaller tree is the beginning of it.
https://c2sp.org/tlog-tiles
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from application.transparency.tree import EMPTY, HashAt, root

HEIGHT: Final = 8
WIDTH: Final = 256
BYTES: Final = 32

Place = tuple[int, int]
"""A tile's level and its index within the level."""
_PATH: Final = re.compile(
    r"tile/([0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII
)


def path_of(place: Place, width: int = WIDTH) -> str:
    """Where the tile lies below a log's prefix, such as `tile/0/x001/234.p/112`."""
    level, index = place
    digits = f"{index:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


def place_of(path: str) -> tuple[Place, int] | None:
    """The tile's place and width that a path names; None where it names none. The inverse of `path_of`."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    level, upper, last, width = found.groups()
    place, wide = (int(level), int(upper.replace("x", "").replace("/", "") + last)), int(width or WIDTH)
    return (place, wide) if path_of(place, wide) == path else None


def widths(size: int) -> dict[Place, int]:
    """The rightmost tile of each level of a tree and how wide it is, where it is not full or is the last full one."""
    found, level = {}, 0
    while size > 0:
        found[level, (size - 1) // WIDTH] = (size - 1) % WIDTH + 1
        size //= WIDTH
        level += 1
    return found


def width_at(place: Place, size: int) -> int:
    """How many hashes the tile at a place has in a tree of this size; 0 where there is none."""
    level, index = place
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def tile_root(hashes: bytes) -> bytes:
    """The root over the hashes of a tile, or of a part of it: a power of two of them."""
    row = [hashes[start : start + BYTES] for start in range(0, len(hashes), BYTES)]
    while len(row) > 1:
        row = [sha256(b"\1" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]


class Growth:
    """A tree that takes leaves, in batches of any size, and says which tiles they changed.

    It holds its rightmost tiles only, so its memory does not grow with the log.
    """

    def __init__(self, size: int = 0, edge: Mapping[Place, bytes] | None = None) -> None:
        """`edge`: the rightmost tile of each level (`widths` names them)."""
        self.size = size
        self._edge = {
            level: bytearray(hashes) for (level, _), hashes in (edge or {}).items() if len(hashes) < WIDTH * BYTES
        }

    def extend(self, leaves: Sequence[bytes]) -> dict[Place, bytes]:
        """Take leaf hashes, and answer the tiles that are new or have grown, each in full."""
        changed: dict[Place, bytes] = {}
        self._add(0, self.size, leaves, changed)
        self.size += len(leaves)
        return changed

    def _add(self, level: int, count: int, hashes: Sequence[bytes], changed: dict[Place, bytes]) -> None:
        """Put hashes behind the `count` that the level has."""
        roots: list[bytes] = []
        first, taken = count // WIDTH, 0
        while taken < len(hashes):
            tile = self._edge.setdefault(level, bytearray())
            room = WIDTH - len(tile) // BYTES
            tile += b"".join(hashes[taken : taken + room])
            taken += room
            changed[level, first] = whole = bytes(tile)
            if len(tile) == WIDTH * BYTES:
                roots.append(tile_root(whole))
                del self._edge[level]
                first += 1
        if roots:
            self._add(level + 1, count // WIDTH, roots, changed)


def hashes_of(tiles: Mapping[Place, bytes]) -> HashAt:
    """The roots of full subtrees, from tiles."""

    def hash_at(level: int, index: int) -> bytes:
        place, start, count = _cut(level, index)
        part = tiles[place][start * BYTES : (start + count) * BYTES]
        if len(part) != count * BYTES:
            raise KeyError(place)
        return tile_root(part)

    return hash_at


def needed(read: Callable[[HashAt], object]) -> set[Place]:
    """Which tiles a computation reads, such as `lambda hash_at: inclusion(7, 100, hash_at)`."""
    places: set[Place] = set()

    def hash_at(level: int, index: int) -> bytes:
        places.add(_cut(level, index)[0])
        return EMPTY

    read(hash_at)
    return places


def root_of(tiles: Mapping[Place, bytes], size: int) -> bytes:
    """The root of the first `size` leaves."""
    return root(size, hashes_of(tiles))


def paths_to(indices: Iterable[int], size: int) -> set[Place]:
    """The tiles that lead from leaves to the root of a tree: each leaf's own, those above it, and the right edge."""
    places: set[Place] = set()
    own = {index // WIDTH for index in indices}
    level = 0
    while own:
        places |= {(level, index) for index in own}
        level += 1
        own = {index // WIDTH for index in own if width_at((level, index // WIDTH), size) > index % WIDTH}
    return places | needed(lambda hash_at: root(size, hash_at))


def _cut(level: int, index: int) -> tuple[Place, int, int]:
    """Where a full subtree's hash comes from: a tile, the first hash in it, and how many."""
    upper, inner = divmod(level, HEIGHT)
    first = index << inner
    return (upper, first // WIDTH), first % WIDTH, 1 << inner
