"""A webhook's deliveries as its owner sees them, and sending one again."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from application.webhooks import Webhook
from infrastructure.reading import Pool

_PAGE: Final = """
    SELECT d.id, f.event_id, d.sequence, d.customer, d.attempts, d.due, d.last_outcome, d.last_status,
        d.last_attempt_at, d.delivered_at
    FROM gatehouse.webhook_deliveries d JOIN gatehouse.feed f ON f.partner = %b AND f.sequence = d.sequence
    WHERE d.webhook = %b AND d.sequence < %b ORDER BY d.sequence DESC LIMIT %b
"""
_NEWEST: Final = 2**63 - 1
# Of what was not delivered, the customer's first is what everything later waits for. What is under way stays so.
_AGAIN: Final = """
    UPDATE gatehouse.webhook_deliveries d SET due = greatest(%b, d.leased_until), asked = true
    FROM gatehouse.webhook_deliveries wanted
    WHERE wanted.webhook = %b AND wanted.id = %b AND d.webhook = wanted.webhook AND d.sequence = CASE
        WHEN wanted.delivered_at IS NOT NULL THEN wanted.sequence
        ELSE (
            SELECT min(first.sequence) FROM gatehouse.webhook_deliveries first
            WHERE first.webhook = wanted.webhook AND first.customer = wanted.customer AND first.delivered_at IS NULL
        )
    END
"""


class Delivery(NamedTuple):
    """What is on record of one delivery."""

    id: UUID
    event_id: UUID
    sequence: int
    customer_id: UUID
    attempts: int
    due: datetime | None
    last_outcome: str | None
    last_status: int | None
    last_attempt_at: datetime | None
    delivered_at: datetime | None


async def deliveries(pool: Pool, webhook: Webhook, *, before: int | None, limit: int) -> list[Delivery]:
    """Newest first, of events `before` a sequence."""
    asked = (webhook.partner, webhook.id, _NEWEST if before is None else before, limit)
    async with pool.connection() as connection:
        cursor = await connection.execute(_PAGE, asked, binary=True)
        return [Delivery._make(row) for row in await cursor.fetchall()]


async def redeliver(pool: Pool, webhook: Webhook, delivery: UUID, now: datetime) -> bool:
    """Have a delivery sent again, or now; False where there is none of this id."""
    async with pool.connection() as connection:
        again = await connection.execute(_AGAIN, (now, webhook.id, delivery))
    return bool(again.rowcount)
