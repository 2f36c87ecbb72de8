"""Read models as tables: rows are read, written and deleted many at a time, by their tuple's fields."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from struct import Struct
from typing import Any, Final, Generic, get_type_hints
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier

from infrastructure.arrays import ARRAYS, Array, UuidArray
from projections.projection import Numbering, Projection, Row

Key = tuple[UUID | int, ...]

_SHORT: Final = Struct("!h").pack
_COPY_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END: Final = _SHORT(-1)

_CASTS: Final = {2950: "uuid[]", 20: "bigint[]", 23: "int[]", 25: "text[]", 1184: "timestamptz[]", 17: "bytea[]"}


class Table(Generic[Row]):
    """The statements for one projection's table, or for another of its shape that is filled beside it."""

    def __init__(self, projection: Projection[Row], name: str | None = None) -> None:
        self.name = name or projection.name
        self._row, self._part = projection.row, projection.part
        hints = get_type_hints(self._part or self._row, include_extras=True)
        columns = projection.columns
        self._arrays: list[type[Array]] = [ARRAYS[hints[column]] for column in columns]
        self._keys = projection.keys
        values = SQL(", ").join(SQL("%b::" + _CASTS[array.element]) for array in self._arrays)
        key_values = SQL(", ").join(SQL("%b::" + _CASTS[array.element]) for array in self._arrays[: self._keys])
        unique = projection.primary_key
        names, keys = _names(columns), _names(columns[: self._keys])
        parts = {"table": Identifier(self.name), "names": names, "keys": keys}
        matching = SQL("({keys}) IN (SELECT * FROM unnest({values}))").format(**parts, values=key_values)
        self._select = SQL("SELECT {names} FROM gatehouse.{table} WHERE {matching}").format(**parts, matching=matching)
        self._delete = SQL("DELETE FROM gatehouse.{table} WHERE {matching}").format(**parts, matching=matching)
        self._add = SQL("COPY gatehouse.{table} ({names}) FROM STDIN (FORMAT binary)").format(**parts)
        self._copy = SQL(
            "COPY (SELECT {names} FROM gatehouse.{table} ORDER BY {unique}) TO STDOUT (FORMAT binary)"
        ).format(**parts, unique=_names(columns[:unique]))
        self._write = SQL(
            "INSERT INTO gatehouse.{table} ({names}) SELECT * FROM unnest({values}) AS fresh ({names}) WHERE {fresh}"
            " ON CONFLICT ({unique}) DO {change}"
        ).format(
            **parts,
            values=values,
            fresh=self._fresh(self.name, columns, unique) if self._part else SQL("true"),
            unique=_names(columns[:unique]),
            change=self._change(columns[unique:]),
        )
        self._numbering = numbering = projection.numbering
        if numbering:
            self._counted = columns.index(numbering.per)
            self._last = self._last_numbers(self.name, numbering)

    async def read(self, connection: AsyncConnection[Any], keys: Iterable[Key]) -> dict[Key, Row]:
        """The rows with these keys, where there are any."""
        cursor = await connection.execute(self._select, self._columns(keys), prepare=True, binary=True)
        if self._part is None:
            return {row[: self._keys]: self._row._make(row) for row in await cursor.fetchall()}
        found: dict[Key, list[Any]] = {}
        for row in sorted(await cursor.fetchall()):  # by primary keys, which differ
            found.setdefault(row[: self._keys], []).append(self._part._make(row))
        return {key: self._row._make((*key, tuple(parts))) for key, parts in found.items()}

    async def numbered(self, connection: AsyncConnection[Any], rows: dict[Key, Row]) -> dict[Key, Row]:
        """The rows, what is new in them numbered. Only whoever holds the projection may write what comes of it."""
        if self._numbering is None or not rows:
            return rows
        whose = {part[self._counted] for part in self._stored([*rows.values()])}
        cursor = await connection.execute(self._last, (UuidArray(whose),), prepare=True, binary=True)
        last = dict(await cursor.fetchall())
        return dict(zip(rows, self._numbering.give([*rows.values()], last), strict=True))

    async def add(self, connection: AsyncConnection[Any], rows: Sequence[Row]) -> None:
        """Insert rows that are not there, at half the cost of `write`. Raises `UniqueViolation` where one is."""
        if rows:
            columns = [array.written(column) for array, column in self._by_column(self._stored(rows))]
            # COPY's binary format: each row is the number of its columns, then each element as in an array.
            head = _SHORT(len(columns))
            async with connection.cursor() as cursor, cursor.copy(self._add) as copy:
                await copy.write(_COPY_BEGIN + b"".join([head + b"".join(row) for row in zip(*columns, strict=True)]))
                await copy.write(_COPY_END)

    async def write(self, connection: AsyncConnection[Any], rows: dict[Key, Row | None]) -> None:
        """Insert, replace or (None) delete rows."""
        present = [row for row in rows.values() if row is not None]
        absent = [key for key, row in rows.items() if row is None]
        if present:
            await connection.execute(self._write, self._columns(self._stored(present)), prepare=True)
        if absent:
            await connection.execute(self._delete, self._columns(absent), prepare=True)

    async def digest(self, connection: AsyncConnection[Any]) -> str:
        """SHA-256 of all rows by their keys, as COPY writes them: of the derived columns only."""
        digest = sha256()
        async with connection.cursor() as cursor, cursor.copy(self._copy) as rows:
            async for chunk in rows:
                digest.update(chunk)
        return digest.hexdigest()

    @staticmethod
    def _change(columns: Sequence[str]) -> Composed:
        """What to do with a row that is there already."""
        excluded = SQL(", ").join(SQL("excluded.") + Identifier(column) for column in columns)
        return SQL("UPDATE SET ({columns}) = ROW({excluded})").format(columns=_names(columns), excluded=excluded)

    @staticmethod
    def _last_numbers(table: str, numbering: Numbering[Row]) -> Composed:
        """The last number of each of those that are asked for, read from the end of its index."""
        return SQL(
            "SELECT asked.{per}, last.{number} FROM unnest(%b::uuid[]) AS asked ({per}), LATERAL (SELECT {number}"
            " FROM gatehouse.{table} AS known WHERE known.{per} = asked.{per} ORDER BY {number} DESC LIMIT 1) AS last"
        ).format(table=Identifier(table), per=Identifier(numbering.per), number=Identifier(numbering.number))

    @staticmethod
    def _fresh(table: str, columns: Sequence[str], unique: int) -> Composed:
        """Which parts are not stored as they are: most of them stay, and are not even locked."""
        return SQL(
            "NOT EXISTS (SELECT FROM gatehouse.{table} AS stored"
            " WHERE ({stored_key}) = ({key}) AND ({stored}) IS NOT DISTINCT FROM ({fresh}))"
        ).format(
            table=Identifier(table),
            stored_key=_names(columns[:unique], "stored"),
            key=_names(columns[:unique], "fresh"),
            stored=_names(columns, "stored"),
            fresh=_names(columns, "fresh"),
        )

    def _columns(self, rows: Iterable[tuple[Any, ...]]) -> list[Array]:
        """Rows turned into columns, as unnest takes them: of whole rows or of keys alone."""
        return [array(column) for array, column in self._by_column(rows)]

    def _by_column(self, rows: Iterable[tuple[Any, ...]]) -> "zip[tuple[type[Array], tuple[Any, ...]]]":
        return zip(self._arrays, zip(*rows, strict=True), strict=False)

    def _stored(self, rows: Sequence[Row]) -> Sequence[tuple[Any, ...]]:
        """The table's rows, of one or of many parts each."""
        return rows if self._part is None else [part for row in rows for part in row[-1]]


def _names(columns: Sequence[str], *table: str) -> Composed:
    return SQL(", ").join(Identifier(*table, column) for column in columns)
