"""How much may be under way to one webhook: much to who answers soon, one at a time to who does not answer at all.

A dead receiver holds a few connections for a few seconds, and then one; whoever answers again soon has the rest back
in a few deliveries.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from application.webhooks import Webhook

WIDEST: Final = 16
"""Deliveries at once to one webhook, from one process."""
SOON: Final = 2.0
"""Seconds in which a healthy receiver answers."""
AT_ONCE: Final = 256
"""Deliveries under way in this process."""
TROUBLED_AT_ONCE: Final = 64
"""Those of them that go to webhooks in trouble, of which there may be any number."""


class Room(NamedTuple):
    """How many deliveries of a webhook may be begun."""

    webhook: UUID
    partner: UUID
    places: int


@dataclass(slots=True)
class Pace:
    """One webhook's window, in this process. Times are the event loop's."""

    window: int = WIDEST
    under_way: int = 0
    silent_until: float = 0.0

    @property
    def troubled(self) -> bool:
        """Whether it has failed or been slow so often of late that it is only tried."""
        return self.window == 1

    def room(self, now: float) -> int:
        """How many more may begin."""
        return max(0, self.window - self.under_way) if now >= self.silent_until else 0

    def took(self, seconds: float) -> None:
        """It took one, in so many seconds."""
        self.window = min(WIDEST, self.window * 2) if seconds <= SOON else max(1, self.window // 2)

    def failed(self, now: float, retry_after: int) -> None:
        """It did not take one, and maybe asks to be left alone for a while."""
        self.window = max(1, self.window // 2)
        self.silent_until = max(self.silent_until, now + retry_after)


@dataclass(slots=True)
class Paces:
    """Those of all webhooks that this process sends to."""

    by_webhook: dict[UUID, Pace] = field(default_factory=dict)

    def of(self, webhook: UUID) -> Pace:
        """One webhook's; a new one is presumed to be healthy."""
        return self.by_webhook.setdefault(webhook, Pace())

    def rooms(self, webhooks: Iterable[Webhook], now: float) -> list[Room]:
        """Where there is room for more, the widest first: whoever answers soon never waits for who does not."""
        left = AT_ONCE - sum(pace.under_way for pace in self.by_webhook.values())
        tried = TROUBLED_AT_ONCE - sum(pace.under_way for pace in self.by_webhook.values() if pace.troubled)
        waiting = [(self.of(webhook.id), webhook) for webhook in webhooks]
        random.shuffle(waiting)  # whose turn it is where there is not room for all
        waiting.sort(key=lambda each: each[0].window, reverse=True)
        rooms = []
        for pace, webhook in waiting:
            places = min(pace.room(now), left, tried if pace.troubled else left)
            if places > 0:
                left -= places
                tried -= places if pace.troubled else 0
                rooms.append(Room(webhook.id, webhook.partner, places))
        return rooms
