"""What a process that sends knows of webhooks: folded from the log itself, so that no read model can be in the way."""

from typing import Final
from uuid import UUID

from application.mapper import read
from application.webhooks import Webhook, evolve
from domain.events import WebhookRemoved
from infrastructure.reading import Pool

_NEWS: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at FROM gatehouse.stored_events
    WHERE topic IN (
        'WebhookRegistered', 'WebhookTypesChanged', 'WebhookSecretRotated', 'WebhookMarkedFailing', 'WebhookRecovered',
        'WebhookRemoved'
    ) AND notification_id > %b
    ORDER BY notification_id
"""


class WebhookDirectory:
    """Every webhook there is, as of the last refresh."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._position = 0
        self.webhooks: dict[UUID, Webhook] = {}
        self.removed: set[UUID] = set()
        """Webhooks whose deliveries may still have to be cleared away."""

    async def refresh(self) -> None:
        """Take the news."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_NEWS, (self._position,), prepare=True, binary=True)
            rows = await cursor.fetchall()
        for row in rows:
            envelope = read(*row)
            webhook = evolve(self.webhooks.get(envelope.stream), envelope)
            if webhook is not None:
                self.webhooks[envelope.stream] = webhook
            elif isinstance(envelope.event, WebhookRemoved):
                self.webhooks.pop(envelope.stream, None)
                self.removed.add(envelope.stream)
            self._position = envelope.position
