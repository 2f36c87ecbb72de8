"""Read models as tables: rows are read, written and deleted many at a time, by their tuple's fields."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final, Generic, get_type_hints
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier

from infrastructure.arrays import ARRAYS, Array
from projections.projection import Projection, Row

Key = tuple[UUID | int, ...]

_CASTS: Final = {2950: "uuid[]", 20: "bigint[]", 25: "text[]", 1184: "timestamptz[]", 17: "bytea[]"}


class Table(Generic[Row]):
    """The statements for one projection's table, or for another of its shape that is filled beside it."""

    def __init__(self, projection: Projection[Row], name: str | None = None) -> None:
        self.name = name or projection.name
        hints = get_type_hints(projection.row)
        columns = projection.row._fields
        self._row = projection.row
        self._arrays: list[type[Array]] = [ARRAYS[hints[column]] for column in columns]
        self._keys = projection.keys
        self.append_only = projection.append_only
        values = SQL(", ").join(SQL("%b::" + _CASTS[array.element]) for array in self._arrays)
        key_values = SQL(", ").join(SQL("%b::" + _CASTS[array.element]) for array in self._arrays[: self._keys])
        names, keys = _names(columns), _names(columns[: self._keys])
        parts = {"table": Identifier(self.name), "names": names, "keys": keys}
        matching = SQL("({keys}) IN (SELECT * FROM unnest({values}))").format(**parts, values=key_values)
        self._select = SQL("SELECT {names} FROM gatehouse.{table} WHERE {matching}").format(**parts, matching=matching)
        self._delete = SQL("DELETE FROM gatehouse.{table} WHERE {matching}").format(**parts, matching=matching)
        self._copy = SQL(
            "COPY (SELECT {names} FROM gatehouse.{table} ORDER BY {keys}) TO STDOUT (FORMAT binary)"
        ).format(**parts)
        self._write = SQL(
            "INSERT INTO gatehouse.{table} ({names}) SELECT * FROM unnest({values}) ON CONFLICT ({keys}) DO {change}"
        ).format(**parts, values=values, change=self._change(columns[self._keys :]))

    async def read(self, connection: AsyncConnection[Any], keys: Iterable[Key]) -> dict[Key, Row]:
        """The rows with these keys, where there are any."""
        cursor = await connection.execute(self._select, self._columns(keys), prepare=True, binary=True)
        return {row[: self._keys]: self._row._make(row) for row in await cursor.fetchall()}

    async def write(self, connection: AsyncConnection[Any], rows: dict[Key, Row | None]) -> None:
        """Insert, replace or (None) delete rows."""
        present = [row for row in rows.values() if row is not None]
        absent = [key for key, row in rows.items() if row is None]
        if present:
            await connection.execute(self._write, self._columns(present), prepare=True)
        if absent:
            await connection.execute(self._delete, self._columns(absent), prepare=True)

    async def digest(self, connection: AsyncConnection[Any]) -> str:
        """SHA-256 of all rows by their keys, as COPY writes them: of the derived columns only."""
        digest = sha256()
        async with connection.cursor() as cursor, cursor.copy(self._copy) as rows:
            async for chunk in rows:
                digest.update(chunk)
        return digest.hexdigest()

    def _change(self, columns: Sequence[str]) -> Composed | SQL:
        """What to do with a row that is there already."""
        if self.append_only:
            return SQL("NOTHING")
        excluded = SQL(", ").join(SQL("excluded.") + Identifier(column) for column in columns)
        return SQL("UPDATE SET ({columns}) = ROW({excluded})").format(columns=_names(columns), excluded=excluded)

    def _columns(self, rows: Iterable[tuple[Any, ...]]) -> list[Array]:
        """Rows turned into columns, as unnest takes them: of whole rows or of keys alone."""
        return [array(column) for array, column in zip(self._arrays, zip(*rows, strict=True), strict=False)]


def _names(columns: Sequence[str]) -> Composed:
    return SQL(", ").join(Identifier(column) for column in columns)
