"""Read models as tables: rows are read, written and deleted many at a time, by their dataclass's fields."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any, Final, Generic, get_type_hints
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Composed, Identifier

from projections.projection import Projection, Row

Key = tuple[UUID | int, ...]

_TYPES: Final[dict[Any, str]] = {
    UUID: "uuid",
    str: "text",
    int: "bigint",
    datetime: "timestamptz",
    datetime | None: "timestamptz",
}


class Table(Generic[Row]):
    """The statements for one projection's table."""

    def __init__(self, projection: Projection[Row]) -> None:
        hints = get_type_hints(projection.row)
        columns = [field.name for field in fields(projection.row)]  # type: ignore[arg-type] # a dataclass, by contract
        self._row = projection.row
        self._types = [SQL("%b::" + _TYPES[hints[column]] + "[]") for column in columns]
        self._keys = projection.keys
        self.append_only = projection.append_only
        self._select = self._make_select(projection.name, columns)
        self._write = self._make_write(projection.name, columns)
        self._delete = self._make_delete(projection.name, columns)

    async def read(self, connection: AsyncConnection[Any], keys: Iterable[Key]) -> dict[Key, Row]:
        """The rows with these keys, where there are any."""
        cursor = await connection.execute(self._select, _columns(keys), prepare=True, binary=True)
        return {tuple(row[: self._keys]): self._row(*row) for row in await cursor.fetchall()}

    async def write(self, connection: AsyncConnection[Any], rows: dict[Key, Row | None]) -> None:
        """Insert, replace or (None) delete rows."""
        present = [astuple(row) for row in rows.values() if row is not None]  # type: ignore[call-overload]
        absent = [key for key, row in rows.items() if row is None]
        if present:
            await connection.execute(self._write, _columns(present), prepare=True)
        if absent:
            await connection.execute(self._delete, _columns(absent), prepare=True)

    def _make_select(self, table: str, columns: list[str]) -> Composed:
        return SQL("SELECT {columns} FROM gatehouse.{table} WHERE ({keys}) IN (SELECT * FROM unnest({values}))").format(
            columns=_names(columns),
            table=Identifier(table),
            keys=_names(columns[: self._keys]),
            values=SQL(", ").join(self._types[: self._keys]),
        )

    def _make_write(self, table: str, columns: list[str]) -> Composed:
        change = SQL("UPDATE SET ({columns}) = ROW({excluded})").format(
            columns=_names(columns[self._keys :]),
            excluded=SQL(", ").join(SQL("excluded.") + Identifier(column) for column in columns[self._keys :]),
        )
        return SQL(
            "INSERT INTO gatehouse.{table} ({columns}) SELECT * FROM unnest({values}) ON CONFLICT ({keys}) DO {change}"
        ).format(
            table=Identifier(table),
            columns=_names(columns),
            values=SQL(", ").join(self._types),
            keys=_names(columns[: self._keys]),
            change=SQL("NOTHING") if self.append_only else change,
        )

    def _make_delete(self, table: str, columns: list[str]) -> Composed:
        return SQL("DELETE FROM gatehouse.{table} WHERE ({keys}) IN (SELECT * FROM unnest({values}))").format(
            table=Identifier(table),
            keys=_names(columns[: self._keys]),
            values=SQL(", ").join(self._types[: self._keys]),
        )


def _names(columns: Sequence[str]) -> Composed:
    return SQL(", ").join(Identifier(column) for column in columns)


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned into columns, as unnest takes them."""
    return [list(column) for column in zip(*rows, strict=True)]
