"""Queries as of a moment, by the spans of status that a projection keeps: lists, the funnel, and what moved in it.

Nothing is replayed. Where the read models have not come as far as the moment, a query waits for them, and would rather
be unavailable than answer with less than was known then.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final, NamedTuple
from typing import Literal as OneOf
from uuid import UUID

from psycopg.sql import SQL, Composable, Identifier, Literal, Placeholder

from application.ports import Unavailable
from infrastructure.reading import CustomerFilter, Moment, Pool

ClockName = OneOf["recorded", "occurred"]
PATIENCE: Final = 1.0
"""Seconds to wait for read models that are behind."""
_PAUSE: Final = 0.02

_REACHED: Final = """
    SELECT CASE WHEN count(*) = 2 THEN min(position) ELSE 0 END FROM gatehouse.tracking
    WHERE projection IN ('customers', 'spans')
"""
_RESOLVE: Final = SQL("""
    SELECT (SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events), ({reached}),
        gatehouse.position_at(%(time)b::timestamptz),
        (SELECT state FROM gatehouse.stored_events WHERE notification_id = %(position)b::bigint)
""").format(reached=SQL(_REACHED))
# As the indexes have it: an open end is a last one.
_KNOWN: Final = "recorded_from <= {known} AND coalesce(recorded_until, 9223372036854775807) > {known}"
_AT_ALL: Final = " AND occurred_until IS NULL"
_BY_THEN: Final = " AND occurred_from <= {occurred} AND coalesce(occurred_until, 'infinity') > {occurred}"
_SHOWN: Final = SQL("c.id, c.external_id, c.chain_id, s.status, c.created_at, s.updated_at, c.registered_position")
# Each list is walked in its order and left when it is long enough: the inner LIMITs keep the planner from joining whole
# tables, whatever it believes of them.
_BY_AGE: Final = SQL("""
    SELECT {shown} FROM gatehouse.customers c CROSS JOIN LATERAL (
        SELECT status, updated_at FROM gatehouse.spans WHERE customer = c.id AND {in_force}
        ORDER BY recorded_from DESC LIMIT 1
    ) s WHERE {wanted} ORDER BY c.registered_position DESC LIMIT {limit}
""")
_BY_STATUS: Final = SQL("""
    SELECT {shown} FROM (
        SELECT c.customer, c.status, c.updated_at FROM gatehouse.spans c
        WHERE {wanted} AND {in_force} ORDER BY c.registered_position DESC LIMIT {limit}
    ) s CROSS JOIN LATERAL (SELECT * FROM gatehouse.customers WHERE id = s.customer LIMIT 1) c
    ORDER BY c.registered_position DESC
""")
# How late the latest registration was heard of. Who had been registered by a time was on record so much later.
_REGISTERED_BY: Final = """
    c.registered_position <= (SELECT gatehouse.position_at(%(occurred)b + (
        SELECT max(updated_at - occurred_from) FROM gatehouse.spans WHERE recorded_from = registered_position
    )))
"""
_FUNNEL: Final = SQL("SELECT status, count(*) FROM gatehouse.spans WHERE {in_force} AND {mine} GROUP BY status")
_MOVES: Final = SQL("""
    SELECT earlier.status, later.status, count(*)
    FROM (SELECT customer, status FROM gatehouse.spans WHERE {in_force} AND {mine}) later
    LEFT JOIN (SELECT customer, status FROM gatehouse.spans WHERE {in_force_before} AND {mine}) earlier USING (customer)
    WHERE earlier.status IS DISTINCT FROM later.status GROUP BY 1, 2
""")


class InFuture(Exception):
    """The log has not come so far."""


class ListedCustomer(NamedTuple):
    """What a list shows of a customer, and its place in it."""

    id: UUID
    external_id: str
    chain_id: str
    status: str
    created_at: datetime
    updated_at: datetime
    registered_position: int


@dataclass(frozen=True, slots=True)
class Move:
    """How many customers went from a status (None: they were new) to another."""

    before: str | None
    after: str
    customers: int


class AsOf:
    """Reads the past through a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def moment(self, asked: datetime | int, clock: ClockName) -> Moment:
        """What was asked for, fixed to a position. On the clock `occurred`, a position stands for when it occurred."""
        by_time, recorded = isinstance(asked, datetime), clock == "recorded"
        parameters = {"time": asked if by_time and recorded else None, "position": None if by_time else asked}
        head, reached, at, state = (await self._fetch(_RESOLVE, parameters))[0]
        if isinstance(asked, int) and asked > head:
            raise InFuture
        if recorded:
            return Moment(asked if isinstance(asked, int) else at, reached=reached)
        if isinstance(asked, datetime):
            return Moment(head, asked, reached=reached)
        if state is None:
            return Moment(0)
        return Moment(head, datetime.fromisoformat(json.loads(state)["occurredAt"]), reached=reached)

    async def now(self) -> Moment:
        """The last moment that the read models know."""
        reached = await self._reached()
        return Moment(reached, reached=reached)

    async def customers(
        self, wanted: CustomerFilter, moment: Moment, *, before: int | None, limit: int
    ) -> list[ListedCustomer]:
        """Newest first, registered `before` a position."""
        await self._wait_for(moment)
        before = moment.known + 1 if before is None else min(before, moment.known + 1)
        few = wanted.external_id is not None or wanted.wallet is not None
        by_status = wanted.status is not None and not few
        query = (_BY_STATUS if by_status else _BY_AGE).format(
            shown=_SHOWN,
            in_force=_in_force(moment),
            wanted=_wanted(wanted, moment, "c" if by_status else "s"),
            limit=Literal(limit),  # known when a plan is made for good
        )
        parameters = {name: getattr(wanted, name) for name in CustomerFilter.__slots__}
        rows = await self._fetch(query, {**parameters, **_parameters(moment), "before": before})
        return [ListedCustomer._make(row) for row in rows]

    async def funnel(self, moment: Moment, *, partner: UUID | None) -> dict[str, int]:
        """How many customers of a partner (None: of any) had each status; who has none is not named."""
        await self._wait_for(moment)
        query = _FUNNEL.format(in_force=_in_force(moment), mine=_mine(partner))
        return dict(await self._fetch(query, {**_parameters(moment), "partner": partner}))

    async def moves(self, earlier: Moment, later: Moment, *, partner: UUID | None) -> list[Move]:
        """Who had another status at the later moment than at the earlier one."""
        await self._wait_for(later)
        query = _MOVES.format(
            in_force=_in_force(later), in_force_before=_in_force(earlier, "_before"), mine=_mine(partner)
        )
        parameters = {**_parameters(later), **_parameters(earlier, "_before"), "partner": partner}
        return [Move(*row) for row in await self._fetch(query, parameters)]

    async def _wait_for(self, moment: Moment) -> None:
        deadline, reached = monotonic() + PATIENCE, moment.reached
        while reached < moment.known:
            if monotonic() > deadline:
                raise Unavailable
            await asyncio.sleep(_PAUSE)
            reached = await self._reached()

    async def _reached(self) -> int:
        return int((await self._fetch(SQL(_REACHED), {}))[0][0])

    async def _fetch(self, query: Composable, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, parameters, prepare=True, binary=True)
            rows: list[tuple[Any, ...]] = await cursor.fetchall()
            return rows


def _in_force(moment: Moment, suffix: str = "") -> Composable:
    """Which spans both clocks stand in. `suffix` tells one moment's parameters from another's."""
    places = {"known": Placeholder("known" + suffix, "b"), "occurred": Placeholder("occurred" + suffix, "b")}
    return SQL(_KNOWN + (_AT_ALL if moment.occurred is None else _BY_THEN)).format(**places)


def _parameters(moment: Moment, suffix: str = "") -> dict[str, Any]:
    return {"known" + suffix: moment.known, "occurred" + suffix: moment.occurred}


def _mine(partner: UUID | None) -> Composable:
    return SQL("true") if partner is None else SQL("partner = %(partner)b")


_CONDITIONS: Final = {
    "partner": "c.partner = %(partner)b",
    "status": "{spans}.status = %(status)b",
    "external_id": "c.external_id = %(external_id)b",
    "wallet": "c.wallet = %(wallet)b",
    "created_after": "c.registered_position > (SELECT gatehouse.position_at(%(created_after)b))",
}


def _wanted(wanted: CustomerFilter, moment: Moment, spans: str) -> Composable:
    """The filters that are set, and where the page begins; `spans` is where a status is looked for."""
    asked = [condition for name, condition in _CONDITIONS.items() if getattr(wanted, name) is not None]
    ends = ["c.registered_position < %(before)b", *([_REGISTERED_BY] if moment.occurred else [])]
    return SQL(" AND ").join(SQL(condition).format(spans=Identifier(spans)) for condition in (*ends, *asked))
