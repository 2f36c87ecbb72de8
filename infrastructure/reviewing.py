"""Queries of what waits for officers: pages from the read model, and which customer a review is about."""

from typing import Final
from uuid import UUID

from psycopg.sql import SQL, Identifier

from infrastructure.reading import Pool
from projections.reviews import Review

_COLUMNS: Final = SQL(", ").join(Identifier(column) for column in Review._fields)
_OPEN: Final = SQL(
    "SELECT {columns} FROM gatehouse.reviews WHERE opened > %b AND closed_at IS NULL ORDER BY opened LIMIT %b"
).format(columns=_COLUMNS)
_OPEN_OF_KIND: Final = SQL(
    "SELECT {columns} FROM gatehouse.reviews WHERE kind = %b AND opened > %b AND closed_at IS NULL"
    " ORDER BY opened LIMIT %b"
).format(columns=_COLUMNS)
_BY_ID: Final = SQL(
    "SELECT {columns} FROM gatehouse.reviews WHERE id = %b AND opened IS NOT NULL ORDER BY position DESC LIMIT 1"
).format(columns=_COLUMNS)


class ReviewList:
    """Reads through a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def waiting(self, kind: str | None, *, after: int, limit: int) -> list[Review]:
        """What waits for an officer, oldest first, opened `after` a position."""
        query, parameters = (_OPEN, (after, limit)) if kind is None else (_OPEN_OF_KIND, (kind, after, limit))
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, parameters, binary=True)
            return [Review._make(row) for row in await cursor.fetchall()]

    async def find(self, review_id: UUID) -> Review | None:
        """The review as the read model has it, open or closed."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_BY_ID, (review_id,), binary=True)).fetchone()
        return None if row is None else Review._make(row)
