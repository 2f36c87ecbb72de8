"""The deliveries in PostgreSQL: made from the feed, and settled; `claiming` has what comes between.

Of one customer's deliveries to a webhook that were not delivered yet, the first alone is due; settling it makes the
next one due. Both sides of that lock the webhook's cursor in a statement of its own, so that what follows sees all that
whoever held it before has done.

The table is empty one moment and long the next, so statements are planned each time they run: a plan that was made for
an empty table would read all of a long one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

from application.webhooks import Webhook
from infrastructure.arrays import BigintArray, IntegerArray, TextArray, TimeArray, UuidArray
from infrastructure.webhooks.claiming import Claimed

MADE_AT_ONCE: Final = 500
"""Deliveries of one webhook that are made in one statement."""
LATELY: Final = 10_000
"""The latest deliveries; whose receiver took one of these is presumed to be there."""

_BEGIN: Final = """
    INSERT INTO gatehouse.webhook_cursors (webhook, sequence)
    SELECT w.webhook, coalesce((
        SELECT f.sequence FROM gatehouse.feed f WHERE f.partner = w.partner AND f.position < w.registered_at
        ORDER BY f.sequence DESC LIMIT 1
    ), 0)
    FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[]) AS w (webhook, partner, registered_at)
    ON CONFLICT DO NOTHING
"""
_TOOK_LATELY: Final = """
    SELECT DISTINCT webhook FROM (
        SELECT webhook FROM gatehouse.webhook_deliveries
        WHERE delivered_at IS NOT NULL ORDER BY delivered_at DESC LIMIT %b
    ) lately
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


async def took_lately(connection: AsyncConnection[Any]) -> list[UUID]:
    """Webhooks whose receivers took what was delivered last."""
    cursor = await connection.execute(_TOOK_LATELY, (LATELY,), prepare=False, binary=True)
    return [row[0] for row in await cursor.fetchall()]


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


def _ids(webhooks: Iterable[Webhook]) -> UuidArray:
    return UuidArray(webhook.id for webhook in webhooks)


def _partners(webhooks: Iterable[Webhook]) -> UuidArray:
    return UuidArray(webhook.partner for webhook in webhooks)
