"""The feed as its readers have it: pages by number, and word of news for whoever waits for some.

One connection hears when the projection has moved on. One query then finds of whom there is news, among those that
somebody waits for: what waiting costs does not depend on how many wait.
"""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import structlog
from psycopg.sql import SQL, Identifier

from infrastructure.arrays import BigintArray, UuidArray
from infrastructure.postgres import AWAY, QUERY_ANSWER, connect, cut_after
from infrastructure.reading import Pool
from projections.feed import FeedRow

Place = tuple[UUID, int]
"""A partner, and the sequence after which it reads on."""
POLL: Final = 1.0
"""Seconds after which is looked in any case: a notification may be lost with its connection."""

_PAGES: Final = SQL("""
    SELECT asked.partner, asked.after, {columns}
    FROM unnest(%b::uuid[], %b::bigint[]) AS asked (partner, after), LATERAL (
        SELECT * FROM gatehouse.feed WHERE partner = asked.partner AND sequence > asked.after ORDER BY sequence LIMIT %b
    ) AS found ORDER BY asked.partner, asked.after, sequence
""").format(columns=SQL(", ").join(Identifier("found", column) for column in FeedRow._fields))
_NEWS: Final = """
    SELECT asked.partner, (SELECT max(sequence) FROM gatehouse.feed WHERE partner = asked.partner)
    FROM unnest(%b::uuid[], %b::bigint[]) AS asked (partner, seen)
    WHERE EXISTS (SELECT FROM gatehouse.feed WHERE partner = asked.partner AND sequence > asked.seen)
"""

log = structlog.get_logger()


class Subscription:
    """Somebody who waits for a partner's events. `moved`: there may be some; whoever looks clears it before."""

    __slots__ = ("_woken", "moved")

    def __init__(self) -> None:
        self.moved = True
        self._woken = asyncio.Event()

    def tell(self) -> None:
        """There may be news."""
        self.moved = True
        self._woken.set()

    def wake(self) -> None:
        """There is something else to see to."""
        self._woken.set()

    async def woken(self) -> None:
        """Wait until woken, since this returned last."""
        await self._woken.wait()
        self._woken.clear()


class Feed:
    """Public events, partner by partner. A number is never given twice and none is left out: readers miss nothing."""

    def __init__(self, pool: Pool, conninfo: str) -> None:
        self._pool = pool
        self._conninfo = conninfo
        self._waiting: dict[UUID, set[Subscription]] = {}
        self._seen: dict[UUID, int] = {}
        self.ended = False
        """Whether this process is about to end, and nobody should wait any more."""

    async def pages(self, asked: Collection[Place], limit: int) -> dict[Place, list[FeedRow]]:
        """The next `limit` events at most after each place; of none that has none."""
        found: dict[Place, list[FeedRow]] = {}
        places = UuidArray(partner for partner, _ in asked), BigintArray(after for _, after in asked)
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_PAGES, (*places, limit), prepare=True, binary=True)
            for partner, after, *columns in await cursor.fetchall():
                found.setdefault((partner, after), []).append(FeedRow._make(columns))
        return found

    async def page(self, partner: UUID, after: int, limit: int) -> list[FeedRow]:
        """The next `limit` events at most of one."""
        place = partner, after
        return (await self.pages([place], limit)).get(place, [])

    async def awaited(self, place: Place, limit: int, seconds: int, gone: asyncio.Future[None]) -> list[FeedRow]:
        """The same, waiting so long for one where there is none, or until `gone` is done: the caller has left."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with self.subscribed(place[0]) as subscription:
            gone.add_done_callback(lambda _: subscription.wake())
            while not (events := await self.page(*place, limit)) and not self.ended and not gone.done():
                try:
                    async with asyncio.timeout_at(deadline):
                        await subscription.woken()
                except TimeoutError:
                    break
            return events

    @contextmanager
    def subscribed(self, partner: UUID) -> Iterator[Subscription]:
        """Be woken whenever there is news of a partner. What was there before is found by looking, once subscribed."""
        subscription = Subscription()
        self._waiting.setdefault(partner, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._waiting[partner].discard(subscription)
            if not self._waiting[partner]:
                del self._waiting[partner]
                self._seen.pop(partner, None)

    async def run(self) -> None:
        """Wake who waits, for good; and everybody at the end."""
        try:
            while True:
                try:
                    await self._listen()
                except AWAY as fault:
                    log.warning("feed_unheard", fault=type(fault).__name__)
                    await asyncio.sleep(POLL)
        finally:
            self.ended = True
            self._tell(self._waiting.keys())

    async def _listen(self) -> None:
        async with await connect(self._conninfo) as connection:
            with cut_after(connection, QUERY_ANSWER):
                await connection.execute("LISTEN feed")
            while True:
                await self._look()
                async for _ in connection.notifies(timeout=POLL, stop_after=1):
                    pass

    async def _look(self) -> None:
        """Find of whom there is news."""
        if not self._waiting:
            return
        partners = [*self._waiting]
        seen = BigintArray(self._seen.get(partner, 0) for partner in partners)
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_NEWS, (UuidArray(partners), seen), prepare=True, binary=True)
            news: dict[UUID, int] = dict(await cursor.fetchall())
        self._seen |= {partner: sequence for partner, sequence in news.items() if partner in self._waiting}
        self._tell(news)

    def _tell(self, partners: Collection[Any]) -> None:
        for partner in partners:
            for subscription in self._waiting.get(partner, ()):
                subscription.tell()
