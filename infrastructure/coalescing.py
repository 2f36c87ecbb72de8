"""Concurrent reads gathered into one: whoever asks while a query is under way is answered by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Coalesced(Generic[K, V]):
    """Looks keys up through `fetch`, many at a time. A key that `fetch` leaves out is None."""

    def __init__(self, fetch: Callable[[Collection[K]], Awaitable[dict[K, V]]]) -> None:
        self._fetch = fetch
        self._asked: dict[K, asyncio.Future[V | None]] = {}
        self._running: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The value of one key. Raises whatever the query that looked it up raised."""
        future = self._asked.get(key)
        if future is None:
            future = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                try:
                    found = await self._fetch(asked.keys())
                except Exception as fault:  # noqa: BLE001 -- raised where it was asked
                    for future in asked.values():
                        future.set_exception(fault)
                        future.exception()
                else:
                    for key, future in asked.items():
                        future.set_result(found.get(key))
        finally:
            self._running = None
