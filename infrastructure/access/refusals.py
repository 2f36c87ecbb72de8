"""What lets nobody in: who shows too much of it is told to wait, and that it happened goes on record.

A secret has 256 random bits, so nobody guesses one. What is bounded here is noise and cost, and nobody is locked out:
who shows what lets in is never counted, nor told to wait. Memory is bounded too: addresses and names are counted by a
hash into a fixed number of places, and who shares a place with a flood is only refused in other words.
"""

import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Final, Literal, NamedTuple
from uuid import UUID

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from application.handlers import alone
from application.ports import Unavailable
from domain.events import LoginRefused
from infrastructure.metrics import LOGINS_REFUSED
from infrastructure.services import Services

OF_AN_ADDRESS: Final = parse("300/minute")
OF_A_KEY: Final = parse("10/minute")
PLACES: Final = 1 << 14
WINDOW: Final = timedelta(minutes=5)
"""How long refusals of one kind are one matter on record."""
ACTOR: Final = "system:logins"

log = structlog.get_logger()


class TooMany(Exception):
    """Too much was shown that lets nobody in."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class _Matter(NamedTuple):
    """What refusals are told apart by."""

    means: Literal["secret", "bearer"]
    key: UUID | None


@dataclass(slots=True)
class _Count:
    since: datetime
    attempts: int = 0
    """How many are on no record yet."""
    noted: bool = False


class Refusals:
    """Counts what is refused. `settle` puts it on record: twice for a matter in a window, however many they were."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._counts: dict[_Matter, _Count] = {}

    async def count_bearer(self, address: str) -> None:
        """Count a bearer credential that nobody is known by. Raises `TooMany`; on record are masses only."""
        try:
            await self._hit(OF_AN_ADDRESS, _network(address))
        except TooMany:
            self._note("bearer", None)
            raise

    async def count_login(self, address: str, named: UUID) -> None:
        """Count a login with what is not known to be the key's secret. Raises `TooMany`, for unknown names as well."""
        try:
            await self._hit(OF_AN_ADDRESS, _network(address))
            await self._hit(OF_A_KEY, named.hex)
        except TooMany:
            self.note_login(named)
            raise

    def note_login(self, named: UUID) -> None:
        """Have it put on record that a login was refused. A name that is no key's is not repeated."""
        self._note("secret", named if self._services.directory.at_hand(named) else None)

    async def settle(self, *, ending: bool = False) -> None:
        """Put on record what has begun, and the rest of what is over. What the log cannot take now waits."""
        for matter, count in list(self._counts.items()):
            over = ending or self._services.clock() - count.since >= WINDOW
            try:
                if count.attempts and (over or not count.noted):
                    await self._record(matter, count)
            except Unavailable:
                log.warning("refusals_unrecorded", attempts=count.attempts)
            if over and not count.attempts:
                del self._counts[matter]

    async def _record(self, matter: _Matter, count: _Count) -> None:
        attempts = count.attempts
        event = LoginRefused(means=matter.means, attempts=attempts, since=count.since, api_key=matter.key)
        stream = self._services.new_id()
        await self._services.execute(lambda: alone(stream, event), actor=ACTOR)
        count.attempts, count.noted = count.attempts - attempts, True

    def _note(self, means: Literal["secret", "bearer"], key: UUID | None) -> None:
        LOGINS_REFUSED.labels(means).inc()
        matter = _Matter(means, key)
        if matter not in self._counts:
            self._counts[matter] = _Count(self._services.clock())
        self._counts[matter].attempts += 1

    async def _hit(self, rate: RateLimitItem, who: str) -> None:
        place = str(hash(who) % PLACES)  # Python's hash is keyed: nobody chooses whose place they share
        if not await self._limiter.hit(rate, place):
            window = await self._limiter.get_window_stats(rate, place)
            raise TooMany(max(1, math.ceil(window.reset_time - time.time())))


def _network(address: str) -> str:
    """What one caller has of addresses: one of IPv4, however it is written, but a whole /64 of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:  # a socket without addresses
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or parsed.packed[:8].hex())
    return address
