"""One-dimensional PostgreSQL arrays in binary form, written at once rather than element by element.

https://www.postgresql.org/docs/current/arrays.html; the layout is that of `array_send`: dimensions, a null flag, the
element type, length and lower bound, then each element behind its length.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Any, Final, Self
from uuid import UUID

from psycopg import AsyncConnection, Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER: Final = Struct("!iiIii").pack
_LENGTH: Final = Struct("!i").pack
_BIGINT: Final = Struct("!iq").pack


class UuidArray(bytes):
    """`uuid[]`."""

    __slots__ = ()

    def __new__(cls, items: Iterable[UUID]) -> Self:
        """Write the array."""
        elements = [b"\0\0\0\x10" + item.bytes for item in items]
        return super().__new__(cls, _HEADER(1, 0, 2950, len(elements), 1) + b"".join(elements))


class BigintArray(bytes):
    """`bigint[]`."""

    __slots__ = ()

    def __new__(cls, items: Iterable[int]) -> Self:
        """Write the array."""
        elements = [_BIGINT(8, item) for item in items]
        return super().__new__(cls, _HEADER(1, 0, 20, len(elements), 1) + b"".join(elements))


class TextArray(bytes):
    """`text[]`."""

    __slots__ = ()

    def __new__(cls, items: Iterable[str]) -> Self:
        """Write the array."""
        elements = [_LENGTH(len(item)) + item for item in map(str.encode, items)]
        return super().__new__(cls, _HEADER(1, 0, 25, len(elements), 1) + b"".join(elements))


class ByteaArray(bytes):
    """`bytea[]`."""

    __slots__ = ()

    def __new__(cls, items: Iterable[bytes]) -> Self:
        """Write the array."""
        elements = [_LENGTH(len(item)) + item for item in items]
        return super().__new__(cls, _HEADER(1, 0, 17, len(elements), 1) + b"".join(elements))


class _Written(Dumper):
    """Sends what is written already."""

    format = Format.BINARY

    def dump(self, obj: Any) -> Any:  # noqa: ANN401 -- psycopg's signature
        return obj


class _Uuids(_Written):
    oid = 2951


class _Bigints(_Written):
    oid = 1016


class _Texts(_Written):
    oid = 1009


class _Byteas(_Written):
    oid = 1001


def understand_arrays(connection: AsyncConnection[Any] | Connection[Any]) -> None:
    """Let a connection take these arrays as parameters."""
    for array, dumper in ((UuidArray, _Uuids), (BigintArray, _Bigints), (TextArray, _Texts), (ByteaArray, _Byteas)):
        connection.adapters.register_dumper(array, dumper)
