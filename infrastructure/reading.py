"""Queries: read models as rows, and single customers that are never stale.

A customer is read together with its stream's head; where the read model is behind, the row is made from the log.
"""

from collections.abc import Collection, Iterable
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import reduce
from itertools import starmap
from typing import Any, Final
from uuid import UUID

from psycopg.sql import SQL, Composable, Identifier
from psycopg_pool import AsyncConnectionPool

from application.envelope import Envelope
from application.mapper import UnknownEventType, read
from domain.events import SubjectErased
from infrastructure.arrays import UuidArray
from infrastructure.coalescing import Coalesced
from infrastructure.log.journal import STREAMS
from projections.customers import CustomerRow, customer_row, erased
from projections.timeline import TimelineRow, timeline_row

Pool = AsyncConnectionPool[Any]

_COLUMNS: Final = SQL(", ").join(Identifier(column) for column in CustomerRow._fields)
_BY_ID: Final = SQL("""
    SELECT asked.id, (
        SELECT max(originator_version) FROM gatehouse.stored_events WHERE originator_id = asked.id
    ), c.* FROM unnest(%b::uuid[]) AS asked (id)
    LEFT JOIN LATERAL (SELECT {columns} FROM gatehouse.customers WHERE id = asked.id) c ON true
""").format(columns=_COLUMNS)


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers of a partner (None: of any) a list names."""

    partner: UUID | None = None
    status: str | None = None
    external_id: str | None = None
    wallet: str | None = None
    created_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What had been recorded up to a position; and, where a time is given, only what had occurred by then."""

    known: int
    occurred: datetime | None = None
    reached: int = 0
    """The position that the read models had come to, when the moment was asked for."""

    def tells(self, envelope: Envelope) -> bool:
        """Whether an event counts."""
        occurred_at = envelope.context.occurred_at
        return envelope.position <= self.known and (self.occurred is None or occurred_at <= self.occurred)


class Reader:
    """Reads through a pool; single customers through one query for all who ask at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._customers = Coalesced(self._fetch_customers)

    async def customer(self, customer_id: UUID) -> CustomerRow | None:
        """The customer as of now, whatever the projections have reached."""
        found = await self._customers.get(customer_id)
        if isinstance(found, UnknownEventType):
            raise UnknownEventType(*found.args)
        return found

    async def customer_as_of(self, customer_id: UUID, *moments: Moment) -> list[CustomerRow | None]:
        """The customer as it was at each moment, folded from its stream. What was erased since is not shown again."""
        history = (await self.streams([customer_id])).get(customer_id, [])
        rows = [fold_row(filter(moment.tells, history)) for moment in moments]
        if any(isinstance(envelope.event, SubjectErased) for envelope in history):
            return [erased(row) if row else None for row in rows]
        return rows

    async def customers(self, wanted: CustomerFilter, *, before: int | None, limit: int) -> list[CustomerRow]:
        """Newest first, registered `before` a position."""
        conditions, parameters = _conditions(wanted, before)
        query = SQL("SELECT {columns} FROM gatehouse.customers{where} ORDER BY registered_position DESC LIMIT %b")
        where = SQL(" WHERE ") + SQL(" AND ").join(conditions) if conditions else SQL("")
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                query.format(columns=_COLUMNS, where=where), (*parameters, limit), binary=True
            )
            return [CustomerRow._make(row) for row in await cursor.fetchall()]

    async def timeline(self, customer_id: UUID) -> tuple[CustomerRow | None, list[TimelineRow]]:
        """The customer as of now, and the story that led there."""
        history = (await self.streams([customer_id])).get(customer_id, [])
        return fold_row(history), [timeline_row(envelope) for envelope in history]

    async def streams(self, ids: Collection[UUID]) -> dict[UUID, list[Envelope]]:
        """Whole streams."""
        return {stream: [read(*row) for row in stored] for stream, stored in (await self._rows(ids)).items()}

    async def _rows(self, ids: Collection[UUID]) -> dict[UUID, list[tuple[Any, ...]]]:
        """Whole streams as they are stored."""
        found: dict[UUID, list[tuple[Any, ...]]] = {}
        async with self._pool.connection() as connection:
            cursor = await connection.execute(STREAMS, (UuidArray(ids),), prepare=True, binary=True)
            for row in await cursor.fetchall():
                found.setdefault(row[0], []).append(row)
        return found

    async def stored(self, customer_id: UUID) -> list[tuple[Any, ...]]:
        """A stream's rows exactly as they are stored: version, topic, state, position, recorded at."""
        return [row[1:] for row in (await self._rows([customer_id])).get(customer_id, [])]

    async def _fetch_customers(self, ids: Collection[UUID]) -> dict[UUID, CustomerRow | UnknownEventType]:
        """The rows; where a history is not known to the end, that, for the customer's readers alone."""
        found: dict[UUID, CustomerRow | UnknownEventType] = {}
        behind: list[UUID] = []
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_BY_ID, (UuidArray(ids),), prepare=True, binary=True)
            for customer_id, head, *columns in await cursor.fetchall():
                row = CustomerRow._make(columns)
                if head is not None and row.version == head:
                    found[customer_id] = row
                elif head is not None:
                    behind.append(customer_id)
        for customer_id, stored in (await self._rows(behind)).items() if behind else ():
            try:
                if row_now := fold_row(starmap(read, stored)):
                    found[customer_id] = row_now
            except UnknownEventType as fault:
                found[customer_id] = fault
        return found


def fold_row(history: Iterable[Envelope]) -> CustomerRow | None:
    """The `customers` row that a stream leads to; None for a stream that is not a customer's."""
    nothing: CustomerRow | None = None
    return reduce(customer_row, history, nothing)


def _conditions(wanted: CustomerFilter, before: int | None) -> tuple[list[Composable], list[Any]]:
    """The filters that are set, as conditions and their values."""
    columns = zip(
        ("partner = ", "status = ", "external_id = ", "wallet = ", "created_at > ", "registered_position < "),
        (*astuple(wanted), before),
        strict=True,
    )
    asked = [(column, value) for column, value in columns if value is not None]
    return [SQL(column) + SQL("%b") for column, _ in asked], [value for _, value in asked]
