"""How much may be under way to one webhook: much to who answers soon, one at a time to who does not answer at all.

A receiver is tried with one delivery, and has more with every one that it takes soon: up to a window of them under way,
and a stock of others whose turn comes as soon as one of them has ended. A dead one holds one connection.
"""

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from application.webhooks import Webhook
from infrastructure.webhooks.claiming import Claimed, Room, Rooms

WIDEST: Final = 16
"""Deliveries at once to one webhook, from one process."""
PRESUMED: Final = 4
"""Those to one that answered somebody else before."""
SOON: Final = 2.0
"""Seconds in which a healthy receiver answers."""
AWAY: Final = 4
"""Deliveries in a row that are not answered soon, after which it is taken to be away."""
STOCK: Final = 48
"""Deliveries that wait here, of a webhook whose window is the widest: what it takes from one look to the next."""
STOCKED: Final = 256
"""Those of all webhooks."""
AT_ONCE: Final = 256
"""Deliveries under way in this process."""
UNPROVEN_AT_ONCE: Final = 192
"""Those of them that go to webhooks which have taken nothing of late, of which there may be any number."""
TROUBLED_AT_ONCE: Final = 64
"""Those of these whose webhooks were tried before."""


class Turn(NamedTuple):
    """A claimed delivery, and until when it may be begun: an attempt must end before the lease does."""

    claimed: Claimed
    latest: float


@dataclass(slots=True)
class Pace:
    """One webhook's window, in this process. Times are the event loop's."""

    window: int = 1
    under_way: int = 0
    silent_until: float = 0.0
    took_at: float = float("-inf")
    """When it last took a delivery."""
    misses: int = 0
    """Failures and slow answers since it last answered soon."""
    stock: deque[Turn] = field(default_factory=deque)

    @property
    def troubled(self) -> bool:
        """Whether it has failed or been slow so often of late that it is only tried."""
        return self.window == 1 and self.misses > 0

    @property
    def away(self) -> bool:
        """Whether it was so in a row: once it is back, what it missed is not left to wait."""
        return self.misses >= AWAY

    @property
    def wanted(self) -> int:
        """How many more it may have in stock."""
        return STOCK - len(self.stock) if self.window == WIDEST else 0

    def room(self, now: float) -> int:
        """How many more may begin."""
        return max(0, self.window - self.under_way) if now >= self.silent_until else 0

    def following(self, now: float) -> Turn | None:
        """Begin the next of its stock, if there is room for it."""
        if not self.stock or not self.room(now) or self.stock[0].latest < now:
            return None
        self.under_way += 1
        return self.stock.popleft()

    def left_over(self, now: float) -> list[Turn]:
        """Take out of its stock what is not going to be begun in time."""
        if self.troubled or now < self.silent_until:
            left = [*self.stock]
            self.stock.clear()
            return left
        return [self.stock.popleft() for turn in [*self.stock] if turn.latest < now]

    def took(self, now: float, seconds: float) -> None:
        """It took one, in so many seconds."""
        self.took_at = now
        if seconds <= SOON:
            self.window, self.misses = min(WIDEST, self.window * 2), 0
        else:
            self._missed()

    def failed(self, now: float, retry_after: int) -> None:
        """It did not take one, and maybe asks to be left alone for a while."""
        self._missed()
        self.silent_until = max(self.silent_until, now + retry_after)

    def _missed(self) -> None:
        self.window, self.misses = max(1, self.window // 2), self.misses + 1


@dataclass(slots=True)
class Paces:
    """Those of all webhooks that this process sends to."""

    by_webhook: dict[UUID, Pace] = field(default_factory=dict)

    def of(self, webhook: UUID) -> Pace:
        """One webhook's; of a new one, nothing is known."""
        pace = self.by_webhook.get(webhook)
        if pace is None:
            pace = self.by_webhook[webhook] = Pace()
        return pace

    @property
    def places(self) -> int:
        """How many deliveries more may be under way."""
        return AT_ONCE - sum(pace.under_way for pace in self.by_webhook.values())

    def rooms(self, webhooks: Iterable[Webhook], now: float) -> tuple[Rooms, Rooms, Rooms]:
        """Where there is room for more: with whoever answers, with whoever is new, and with whoever is in trouble.

        Each never waits for those who come after it; among the last, whoever took one last is tried first.
        """
        waiting = [(self.of(webhook.id), webhook) for webhook in webhooks]
        random.shuffle(waiting)  # whose turn it is where there is not room for all
        waiting.sort(key=lambda each: each[0].took_at if each[0].troubled else 0.0, reverse=True)
        proven: list[Room] = []
        new: list[Room] = []
        troubled: list[Room] = []
        for pace, webhook in waiting:
            silent = now < pace.silent_until
            if not silent and (places := pace.room(now) + pace.wanted):
                group = troubled if pace.troubled else new if pace.window == 1 else proven
                group.append(Room(webhook.id, webhook.partner, places))
        stocked, unproven, in_trouble = self._taken()
        of_unproven = min(self.places, UNPROVEN_AT_ONCE - unproven)
        return (
            Rooms(proven, self.places + STOCKED - stocked),
            Rooms(new, of_unproven),
            Rooms(troubled, min(of_unproven, TROUBLED_AT_ONCE - in_trouble)),
        )

    def _taken(self) -> tuple[int, int, int]:
        """What is in stock; what is under way to webhooks that prove nothing, and of these to those in trouble."""
        stocked = unproven = troubled = 0
        for pace in self.by_webhook.values():
            stocked += len(pace.stock)
            unproven += pace.under_way if pace.window == 1 else 0
            troubled += pace.under_way if pace.troubled else 0
        return stocked, unproven, troubled

    def presume(self, webhooks: Iterable[UUID]) -> None:
        """Take it that webhooks answer, as they did before this process began."""
        for webhook in webhooks:
            self.of(webhook).window = PRESUMED

    def forget(self, webhooks: Iterable[UUID]) -> None:
        """Of webhooks that are no more, remember nothing."""
        for webhook in webhooks:
            self.by_webhook.pop(webhook, None)
