"""Cursors of lists: opaque, signed, and good for the query that they came from only."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Final

from infrastructure.http.problems import Problem

TAG: Final = 16
_POSITION: Final = 8


def write_cursor(key: bytes, query: str, *positions: int) -> str:
    """A cursor that goes on from some positions, for the query that `query` stands for."""
    packed = b"".join(position.to_bytes(_POSITION) for position in positions)
    return urlsafe_b64encode(packed + _tag(key, query, packed)).decode().rstrip("=")


def read_cursor(key: bytes, query: str, cursor: str) -> int:
    """The one position in a cursor. Raises the problem `invalid_cursor` where it was edited or is another query's."""
    return read_positions(key, query, cursor, 1)[0]


def read_positions(key: bytes, query: str, cursor: str, how_many: int) -> list[int]:
    """The same for a cursor with as many positions."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (NotBase64, ValueError) as fault:
        raise Problem("invalid_cursor") from fault
    if len(raw) != _POSITION * how_many + TAG:
        raise Problem("invalid_cursor")
    positions = [int.from_bytes(raw[_POSITION * place : _POSITION * (place + 1)]) for place in range(how_many)]
    # Written again, and not only its tag: base64 has more than one form of the same bytes.
    if not hmac.compare_digest(cursor, write_cursor(key, query, *positions)):
        raise Problem("invalid_cursor")
    return positions


def _tag(key: bytes, query: str, packed: bytes) -> bytes:
    return hmac.digest(key, query.encode() + b"\0" + packed, "sha256")[:TAG]
