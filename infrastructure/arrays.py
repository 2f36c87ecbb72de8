"""One-dimensional PostgreSQL arrays in binary form, written at once rather than element by element.

The layout is that of PostgreSQL's `array_send`: dimensions, whether there are nulls, the element type, length and lower
bound, then each element behind its length (-1 for null).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from psycopg import AsyncConnection, Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from projections.projection import Small

_HEADER: Final = Struct("!iiIii").pack
_LENGTH: Final = Struct("!i").pack
_LONG: Final = Struct("!iq").pack
_INTEGER: Final = Struct("!ii").pack
_NULL: Final = _LENGTH(-1)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Array(bytes):
    """An array, written. Each subclass is one element type, by its oid and its array's."""

    __slots__ = ()
    element: ClassVar[int]
    oid: ClassVar[int]

    def __new__(cls, items: Iterable[Any]) -> Self:
        """Write `items`, None for null."""
        elements = cls.written(items)
        return super().__new__(cls, _HEADER(1, 1, cls.element, len(elements), 1) + b"".join(elements))

    @staticmethod
    def written(items: Iterable[Any]) -> list[bytes]:
        """Each element behind its length."""
        raise NotImplementedError


class UuidArray(Array):
    """`uuid[]`."""

    __slots__ = ()
    element, oid = 2950, 2951

    @staticmethod
    def written(items: Iterable[UUID | None]) -> list[bytes]:
        """UUIDs."""
        return [_NULL if item is None else b"\0\0\0\x10" + item.bytes for item in items]


class BigintArray(Array):
    """`bigint[]`."""

    __slots__ = ()
    element, oid = 20, 1016

    @staticmethod
    def written(items: Iterable[int | None]) -> list[bytes]:
        """Numbers."""
        return [_NULL if item is None else _LONG(8, item) for item in items]


class IntegerArray(Array):
    """`int[]`."""

    __slots__ = ()
    element, oid = 23, 1007

    @staticmethod
    def written(items: Iterable[int | None]) -> list[bytes]:
        """Numbers."""
        return [_NULL if item is None else _INTEGER(4, item) for item in items]


class TextArray(Array):
    """`text[]`."""

    __slots__ = ()
    element, oid = 25, 1009

    @staticmethod
    def written(items: Iterable[str | None]) -> list[bytes]:
        """Texts."""
        texts = [None if item is None else item.encode() for item in items]
        return [_NULL if text is None else _LENGTH(len(text)) + text for text in texts]


class ByteaArray(Array):
    """`bytea[]`."""

    __slots__ = ()
    element, oid = 17, 1001

    @staticmethod
    def written(items: Iterable[bytes | None]) -> list[bytes]:
        """Strings of bytes."""
        return [_NULL if item is None else _LENGTH(len(item)) + item for item in items]


class TimeArray(Array):
    """`timestamptz[]`."""

    __slots__ = ()
    element, oid = 1184, 1185

    @staticmethod
    def written(items: Iterable[datetime | None]) -> list[bytes]:
        """Points in time, with a zone."""
        return [_NULL if item is None else _LONG(8, (item - _EPOCH) // _MICROSECOND) for item in items]


ARRAYS: Final[dict[Any, type[Array]]] = {
    Small: IntegerArray,
    UUID: UuidArray,
    int: BigintArray,
    int | None: BigintArray,
    str: TextArray,
    str | None: TextArray,
    bytes: ByteaArray,
    datetime: TimeArray,
    datetime | None: TimeArray,
}
"""Which array a column of this type is written as."""


class _Written(Dumper):
    """Sends what is written already."""

    format = Format.BINARY

    def dump(self, obj: Any) -> Any:  # noqa: ANN401 -- psycopg's signature
        return obj


_DUMPERS: Final = {
    array: type(f"_{array.__name__}Dumper", (_Written,), {"oid": array.oid}) for array in set(ARRAYS.values())
}


def understand_arrays(connection: AsyncConnection[Any] | Connection[Any]) -> None:
    """Let a connection take these arrays as parameters."""
    for array, dumper in _DUMPERS.items():
        connection.adapters.register_dumper(array, dumper)
