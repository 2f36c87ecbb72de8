"""Entries: one line of JSON for each event, the stored bytes spliced in as they are. The line is the tree's leaf.

Anyone can make it again from the log's columns, and hash it with nothing but SHA-256.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

_LINE: Final = b'{"position":%d,"stream":"%b","version":%d,"type":"%b","recordedAt":"%bZ","previous":%b,"event":%b}'
_NONE: Final = b"null"


class IllegibleEntry(Exception):
    """A stored row that is not an event of ours: it cannot stand in one line of JSON. Says at which position."""


def entry_of(  # noqa: PLR0913, PLR0917 -- a row's columns in their order
    stream: UUID | str,
    version: int,
    topic: str,
    state: bytes,
    position: int,
    recorded_at: datetime,
    previous: bytes | None,
) -> bytes:
    """The entry of a stored row, without the line's end.

    `stream`, where it is text already, is as UUIDs print; `recorded_at` is in UTC; `previous` is the leaf hash of the
    same stream's version before, None for the first. Raises `IllegibleEntry`.
    """
    if not topic.isidentifier() or not topic.isascii() or b"\n" in state or b"\r" in state or state[:1] != b"{":
        raise IllegibleEntry(f"the event at {position} is not one line of JSON")
    moment = recorded_at.isoformat(timespec="microseconds")[:26].encode()
    before = _NONE if previous is None else b'"%b"' % previous.hex().encode()
    return _LINE % (position, str(stream).encode(), version, topic.encode(), moment, before, state)
