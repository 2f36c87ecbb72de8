"""Entries from rows: puts the hash of each stream's entry before into the line.

The hashes are the tree's, and no line is hashed here: what the database says is exported as it is, and where it is not
what the tree was built over, the verifier says so.
"""

from itertools import islice
from typing import Final

from application.transparency.tiles import WIDTH
from infrastructure.exports.selection import Page, Selection

REMEMBERED: Final = 10_000
"""Streams whose newest hash is kept in memory, so that it is at hand where the next version comes soon."""
_NONE: Final = b"null"
_BEFORE_EVENT, _END = b',"event":', b"}\n"
_UNKNOWN: Final = 0, b""


class Chain:
    """The newest version of streams, with its leaf hash as lines have it."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._newest: dict[bytes, tuple[int, bytes]] = {}

    def lines(self, page: Page) -> bytes:
        """The entries of a page, each with its line's end."""
        parts: list[bytes] = []
        missing: list[tuple[bytes, int, int]] = []
        newest, leaves = self._newest, page.leaves
        for stream, version, head, state, position in page.rows:
            before = _NONE
            if version != 1:
                known, before = newest.get(stream, _UNKNOWN)
                if known != version - 1:
                    missing.append((stream, version - 1, len(parts) + 1))
            parts += (head, before, _BEFORE_EVENT, state, _END)
            index, at = divmod(position - 1, WIDTH)
            newest[stream] = version, leaves[index][at]
        if missing:
            self._fill(parts, missing)
        self._forget_some()
        return b"".join(parts)

    def _fill(self, parts: list[bytes], missing: list[tuple[bytes, int, int]]) -> None:
        """Put in the hashes that were not at hand: none where the log has no such version."""
        found = self._selection.predecessors([(stream, version) for stream, version, _ in missing])
        for stream, version, at in missing:
            leaf = found.get((stream, version))
            parts[at] = _NONE if leaf is None else b'"%b"' % leaf

    def _forget_some(self) -> None:
        """Keep memory bounded: those that were first to come are the first to go."""
        for stream in list(islice(self._newest, max(0, len(self._newest) - REMEMBERED))):
            del self._newest[stream]
