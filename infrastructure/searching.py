"""Events of the whole log by type, actor, time and customer: newest first, and a bounded part of the log at a time.

No index serves this but those that there are: one more would be paid for by every append, and auditors can go on.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from psycopg.sql import SQL

from infrastructure.reading import Pool

SPAN: Final = 100_000
"""Positions that are looked through at once."""

# Times never fall as positions rise: what was recorded from a time on, and before another, is a span of positions.
_BOUNDS: Final = """
    SELECT coalesce(gatehouse.position_at(%b::timestamptz - interval '1 microsecond'), 0), coalesce(
        gatehouse.position_at(%b::timestamptz - interval '1 microsecond'),
        (SELECT max(notification_id) FROM gatehouse.stored_events), 0
    )
"""
# The actor is looked for by the bytes, which say it in one way; what only looks like it is left out afterwards.
_FIND: Final = SQL("""
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at FROM gatehouse.stored_events
    WHERE notification_id > %b AND notification_id <= %b{of_customer} AND (%b::text IS NULL OR topic = %b)
        AND (%b::bytea IS NULL OR position(%b::bytea IN state) > 0)
    ORDER BY notification_id DESC LIMIT %b
""").format
_ANYWHERE: Final = _FIND(of_customer=SQL(""))
_OF_CUSTOMER: Final = _FIND(of_customer=SQL(" AND originator_id = %b"))


class StoredRow(NamedTuple):
    """An event as it is stored."""

    stream: UUID
    version: int
    type: str
    state: bytes
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """Which events: of a type, by an actor, recorded from a time on and before another, of a customer."""

    type: str | None = None
    actor: str | None = None
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None
    customer: UUID | None = None

    def finds(self, row: StoredRow) -> bool:
        """Whether it is really the actor's."""
        return self.actor is None or json.loads(row.state)["actor"] == self.actor


class Found(NamedTuple):
    """What was found, newest first, and the position up to which to go on; none where that was all."""

    rows: list[StoredRow]
    upto: int | None


class Searching:
    """Searches through a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, search: Search, *, upto: int | None, limit: int) -> Found:
        """The newest events up to a position. They may be fewer than `limit`, or none, where there are more to come."""
        async with self._pool.connection() as connection:
            times = search.recorded_from, search.recorded_until
            cursor = await connection.execute(_BOUNDS, times, prepare=True, binary=True)
            ((first, last),) = await cursor.fetchall()
            last = last if upto is None else min(upto, last)
            bottom = first if search.customer else max(first, last - SPAN)
            customer = (search.customer,) if search.customer else ()
            actor = f'"actor":{json.dumps(search.actor)}'.encode() if search.actor else None
            parameters = (bottom, last, *customer, search.type, search.type, actor, actor, limit + 1)
            query = _OF_CUSTOMER if search.customer else _ANYWHERE
            cursor = await connection.execute(query, parameters, prepare=True, binary=True)
            rows = [StoredRow._make(row) for row in await cursor.fetchall()]
        if len(rows) > limit:
            beyond: int | None = rows[limit].position
        else:
            beyond = bottom if bottom > first else None
        return Found([row for row in rows[:limit] if search.finds(row)], beyond)
