"""Cursors of lists: opaque, signed, and good for the query that they came from only."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from struct import Struct
from typing import Final

from infrastructure.http.problems import Problem

TAG: Final = 16
_POSITION: Final = Struct(">Q")


def write_cursor(key: bytes, query: str, position: int) -> str:
    """A cursor that goes on before `position`, for the query that `query` stands for."""
    packed = _POSITION.pack(position)
    return urlsafe_b64encode(packed + _tag(key, query, packed)).decode().rstrip("=")


def read_cursor(key: bytes, query: str, cursor: str) -> int:
    """The position in a cursor. Raises the problem `invalid_cursor` where it was edited or is another query's."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (NotBase64, ValueError) as fault:
        raise Problem("invalid_cursor") from fault
    if len(raw) != _POSITION.size + TAG:
        raise Problem("invalid_cursor")
    position: int = _POSITION.unpack_from(raw)[0]
    # Written again, and not only its tag: base64 has more than one form of the same bytes.
    if not hmac.compare_digest(cursor, write_cursor(key, query, position)):
        raise Problem("invalid_cursor")
    return position


def _tag(key: bytes, query: str, packed: bytes) -> bytes:
    return hmac.digest(key, query.encode() + b"\0" + packed, "sha256")[:TAG]
