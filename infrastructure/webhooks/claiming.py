"""Claiming deliveries: who claims one has it for a while, and gives back what it does not come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from infrastructure.arrays import BigintArray, IntegerArray, UuidArray
from projections.feed import FeedRow

LEASE: Final = 30
"""Seconds after which a delivery that was begun and not settled is taken up by another."""

_CLAIM: Final = SQL("""
    WITH taken AS MATERIALIZED (
        SELECT w.partner, d.webhook, d.sequence
        FROM unnest(%b::uuid[], %b::uuid[], %b::int[]) AS w (webhook, partner, places)
        CROSS JOIN LATERAL (
            SELECT d.webhook, d.sequence FROM gatehouse.webhook_deliveries d
            WHERE d.webhook = w.webhook AND d.due <= %b AND {which}
            ORDER BY d.due LIMIT w.places FOR UPDATE SKIP LOCKED
        ) d
        LIMIT %b
    )
    UPDATE gatehouse.webhook_deliveries d
    SET due = %b, leased_until = %b, attempts = d.attempts + 1, first_attempt_at = coalesce(d.first_attempt_at, %b)
    FROM taken JOIN gatehouse.feed f ON f.partner = taken.partner AND f.sequence = taken.sequence
    WHERE d.webhook = taken.webhook AND d.sequence = taken.sequence
    RETURNING d.webhook, d.id, d.attempts, d.first_attempt_at, d.delivered_at, {feed}
""").format
_FEED: Final = SQL(", ").join(Identifier("f", column) for column in FeedRow._fields)
_CLAIM_DUE: Final = _CLAIM(which=SQL("d.due IS NOT NULL"), feed=_FEED)
_CLAIM_ASKED: Final = _CLAIM(which=SQL("d.asked"), feed=_FEED)
_GIVE_BACK: Final = """
    UPDATE gatehouse.webhook_deliveries d
    SET due = %b, leased_until = NULL, attempts = d.attempts - 1,
        first_attempt_at = CASE WHEN d.attempts > 1 THEN d.first_attempt_at END
    FROM unnest(%b::uuid[], %b::bigint[], %b::int[]) AS g (webhook, sequence, attempt)
    WHERE d.webhook = g.webhook AND d.sequence = g.sequence AND d.attempts = g.attempt AND d.leased_until IS NOT NULL
"""


class Room(NamedTuple):
    """How many deliveries of a webhook may be claimed."""

    webhook: UUID
    partner: UUID
    places: int


class Rooms(NamedTuple):
    """How many deliveries may be claimed, of each webhook and in all."""

    each: list[Room]
    at_most: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours to try until its lease is over."""

    webhook: UUID
    id: UUID
    """The same at every attempt: what receivers tell repetitions by."""
    attempt: int
    first_attempt_at: datetime
    delivered_at: datetime | None
    """When it was delivered before, where its owner asked for it again."""
    event: FeedRow


async def claim(
    connection: AsyncConnection[Any],
    rooms: Rooms,
    *,
    now: datetime,
    until: datetime,
    asked: bool = False,
) -> list[Claimed]:
    """Take what is due, `until` when others may, the first rooms' first; or only what owners `asked` for."""
    if not rooms.each or rooms.at_most <= 0:
        return []
    given = (
        UuidArray(room.webhook for room in rooms.each),
        UuidArray(room.partner for room in rooms.each),
        IntegerArray(room.places for room in rooms.each),
    )
    query = _CLAIM_ASKED if asked else _CLAIM_DUE
    cursor = await connection.execute(
        query, (*given, now, rooms.at_most, until, until, now), prepare=False, binary=True
    )
    return [_claimed(row) for row in await cursor.fetchall()]


async def give_back(connection: AsyncConnection[Any], claimed: Sequence[Claimed], now: datetime) -> None:
    """Leave to whoever comes next what was claimed and not tried, as if it had not been."""
    given = (
        UuidArray(each.webhook for each in claimed),
        BigintArray(each.event.sequence for each in claimed),
        IntegerArray(each.attempt for each in claimed),
    )
    await connection.execute(_GIVE_BACK, (now, *given), prepare=False)


def _claimed(row: tuple[Any, ...]) -> Claimed:
    webhook, id_, attempt, first_attempt_at, delivered_at, *event = row
    return Claimed(webhook, id_, attempt, first_attempt_at, delivered_at, FeedRow._make(event))
