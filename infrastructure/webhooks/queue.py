"""The deliveries in PostgreSQL: made from the feed, claimed, settled, and asked for again by their owners.

Of one customer's deliveries to a webhook that were not delivered yet, the first alone is due; settling it makes the
next one due. Both sides of that lock the webhook's cursor in a statement of its own, so that what follows sees all that
whoever held it before has done.

The table is empty one moment and long the next, so statements are planned each time they run: a plan that was made for
an empty table would read all of a long one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from application.webhooks import Webhook
from infrastructure.arrays import BigintArray, IntegerArray, TextArray, TimeArray, UuidArray
from projections.feed import FeedRow

LEASE: Final = 30
"""Seconds after which a delivery that was begun and not settled is taken up by another."""
MADE_AT_ONCE: Final = 500
"""Deliveries of one webhook that are made in one statement."""

_BEGIN: Final = """
    INSERT INTO gatehouse.webhook_cursors (webhook, sequence)
    SELECT w.webhook, coalesce((
        SELECT f.sequence FROM gatehouse.feed f WHERE f.partner = w.partner AND f.position < w.registered_at
        ORDER BY f.sequence DESC LIMIT 1
    ), 0)
    FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[]) AS w (webhook, partner, registered_at)
    ON CONFLICT DO NOTHING
"""
_LOCK_BEHIND: Final = """
    SELECT c.webhook FROM gatehouse.webhook_cursors c
    JOIN unnest(%b::uuid[], %b::uuid[]) AS w (webhook, partner) ON c.webhook = w.webhook
    WHERE EXISTS (SELECT FROM gatehouse.feed f WHERE f.partner = w.partner AND f.sequence > c.sequence)
    ORDER BY c.webhook FOR UPDATE OF c SKIP LOCKED
"""
_MAKE: Final = """
    WITH news AS MATERIALIZED (
        SELECT w.webhook, f.sequence, f.customer_id, f.event_id,
            f.position > w.registered_at AND f.webhook_type = ANY (string_to_array(w.types, ' ')) AS wanted
        FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::text[]) AS w (webhook, partner, registered_at, types)
        JOIN gatehouse.webhook_cursors c ON c.webhook = w.webhook
        CROSS JOIN LATERAL (
            SELECT * FROM gatehouse.feed f WHERE f.partner = w.partner AND f.sequence > c.sequence
            ORDER BY f.sequence LIMIT %b
        ) f
    ), moved AS (
        UPDATE gatehouse.webhook_cursors c SET sequence = reached.sequence
        FROM (SELECT webhook, max(sequence) AS sequence FROM news GROUP BY webhook) reached
        WHERE c.webhook = reached.webhook
    )
    INSERT INTO gatehouse.webhook_deliveries (webhook, sequence, id, customer, due)
    SELECT webhook, sequence,
        encode(substr(sha256(uuid_send(webhook) || uuid_send(event_id)), 1, 16), 'hex')::uuid, customer_id,
        CASE WHEN lag(sequence) OVER (PARTITION BY webhook, customer_id ORDER BY sequence) IS NULL AND NOT EXISTS (
            SELECT FROM gatehouse.webhook_deliveries d
            WHERE d.webhook = news.webhook AND d.customer = news.customer_id AND d.delivered_at IS NULL
        ) THEN %b::timestamptz END
    FROM news WHERE wanted
"""
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
_LOCK: Final = """
    SELECT webhook FROM gatehouse.webhook_cursors WHERE webhook = ANY(%b) ORDER BY webhook FOR UPDATE
"""
_SETTLE: Final = """
    UPDATE gatehouse.webhook_deliveries d
    SET due = CASE WHEN s.delivered OR d.delivered_at IS NOT NULL THEN NULL ELSE s.due END,
        leased_until = NULL, asked = false, last_attempt_at = %b, last_outcome = s.outcome, last_status = s.status,
        delivered_at = CASE WHEN s.delivered THEN coalesce(d.delivered_at, %b) ELSE d.delivered_at END
    FROM unnest(%b::uuid[], %b::bigint[], %b::int[], %b::text[], %b::int[], %b::timestamptz[])
        AS given (webhook, sequence, attempt, outcome, status, due),
        LATERAL (SELECT given.*, given.outcome = 'delivered' AS delivered) s
    WHERE d.webhook = s.webhook AND d.sequence = s.sequence AND (s.delivered OR d.attempts = s.attempt)
"""
_RELEASE: Final = """
    WITH head AS MATERIALIZED (
        SELECT s.webhook, first.sequence
        FROM (SELECT DISTINCT * FROM unnest(%b::uuid[], %b::uuid[]) AS u (webhook, customer)) s
        CROSS JOIN LATERAL (
            SELECT min(waiting.sequence) AS sequence FROM (
                SELECT n.sequence FROM gatehouse.webhook_deliveries n
                WHERE n.webhook = s.webhook AND n.customer = s.customer AND n.delivered_at IS NULL
                OFFSET 0  -- else the least one would be looked for through all of a webhook's
            ) waiting
        ) first
    )
    UPDATE gatehouse.webhook_deliveries d SET due = coalesce(d.due, %b)
    FROM head WHERE d.webhook = head.webhook AND d.sequence = head.sequence
"""
_HURRY: Final = """
    UPDATE gatehouse.webhook_deliveries SET due = %b WHERE webhook = ANY(%b) AND due > %b AND leased_until IS NULL
"""
_CLEAR_OLD: Final = """
    DELETE FROM gatehouse.webhook_deliveries WHERE (webhook, sequence) IN (
        SELECT webhook, sequence FROM gatehouse.webhook_deliveries
        WHERE delivered_at < %b ORDER BY delivered_at LIMIT %b
    )
"""
_CLEAR_REMOVED: Final = """
    DELETE FROM gatehouse.webhook_deliveries WHERE (webhook, sequence) IN (
        SELECT webhook, sequence FROM gatehouse.webhook_deliveries WHERE webhook = ANY(%b) LIMIT %b
    )
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


class Settled(NamedTuple):
    """What came of a claimed delivery; `due` is when to try again."""

    claimed: Claimed
    outcome: str
    status: int | None
    due: datetime | None


async def begin(connection: AsyncConnection[Any], webhooks: Sequence[Webhook]) -> None:
    """Give webhooks a cursor, at what was public when they were registered. One that has a cursor keeps it."""
    registered = BigintArray(webhook.registered_at for webhook in webhooks)
    await connection.execute(_BEGIN, (_ids(webhooks), _partners(webhooks), registered))


async def make(connection: AsyncConnection[Any], webhooks: Sequence[Webhook], now: datetime) -> bool:
    """Make deliveries of what is new in the feed; False if nothing is. Who is at it in another process is left out."""
    async with connection.transaction():
        locking = (_ids(webhooks), _partners(webhooks))
        cursor = await connection.execute(_LOCK_BEHIND, locking, prepare=False, binary=True)
        locked = {row[0] for row in await cursor.fetchall()}
        behind = [webhook for webhook in webhooks if webhook.id in locked]
        if behind:
            given = (
                _ids(behind),
                _partners(behind),
                BigintArray(webhook.registered_at for webhook in behind),
                TextArray(" ".join(webhook.types) for webhook in behind),
            )
            await connection.execute(_MAKE, (*given, MADE_AT_ONCE, now), prepare=False)
    return bool(behind)


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


async def settle(connection: AsyncConnection[Any], settled: Sequence[Settled], now: datetime) -> None:
    """Put on record what came of deliveries, and make due what waited for them."""
    claimed = [each.claimed for each in settled]
    taken = [each.claimed for each in settled if each.outcome == "delivered"]
    async with connection.transaction():
        await connection.execute(_LOCK, (UuidArray({each.webhook for each in claimed}),), prepare=False)
        given = (
            UuidArray(each.webhook for each in claimed),
            BigintArray(each.event.sequence for each in claimed),
            IntegerArray(each.attempt for each in claimed),
            TextArray(each.outcome for each in settled),
            IntegerArray(each.status for each in settled),
            TimeArray(each.due for each in settled),
        )
        await connection.execute(_SETTLE, (now, now, *given), prepare=False)
        if taken:
            customers = UuidArray(each.event.customer_id for each in taken)
            await connection.execute(
                _RELEASE, (UuidArray(each.webhook for each in taken), customers, now), prepare=False
            )


async def hurry(connection: AsyncConnection[Any], webhooks: Iterable[UUID], now: datetime) -> None:
    """Try now what was to be tried later: whom it is for answers again."""
    await connection.execute(_HURRY, (now, UuidArray(webhooks), now))


async def clear(connection: AsyncConnection[Any], removed: Iterable[UUID], *, before: datetime, at_most: int) -> int:
    """Delete what was delivered `before`, and all of removed webhooks, up to a number of each. Answers how many."""
    old = await connection.execute(_CLEAR_OLD, (before, at_most))
    gone = await connection.execute(_CLEAR_REMOVED, (UuidArray(removed), at_most))
    return old.rowcount + gone.rowcount


def _claimed(row: tuple[Any, ...]) -> Claimed:
    webhook, id_, attempt, first_attempt_at, delivered_at, *event = row
    return Claimed(webhook, id_, attempt, first_attempt_at, delivered_at, FeedRow._make(event))


def _ids(webhooks: Iterable[Webhook]) -> UuidArray:
    return UuidArray(webhook.id for webhook in webhooks)


def _partners(webhooks: Iterable[Webhook]) -> UuidArray:
    return UuidArray(webhook.partner for webhook in webhooks)
