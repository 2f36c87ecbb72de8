"""The connections of a process: how many there are at once, and how long each may let us wait.

uvicorn ends a connection that rests between two requests, and no other. Who sends nothing at all, a head or a body
byte by byte, or reads no answer is ended here, by one look at all of them a second: no timer for each request.
"""

import asyncio
import resource
from collections import deque
from typing import Final, Protocol

LOOK: Final = 1.0
SHARE: Final = 20
"""Where there are too many, one of so many is ended at once: a look at all of them for each new one would cost more."""
SPARE: Final = 100
"""Files that a process has open beside its connections."""


class Connection(Protocol):
    """What is asked of a connection."""

    @property
    def waits_since(self) -> float | None:
        """Since when it waits for its caller, by the loop's clock; None while the service has its request."""

    def hurry(self, now: float) -> None:
        """End it, if its caller has let us wait for too long."""

    def abort(self) -> None:
        """End it at once."""

    def go_on(self) -> bool:
        """Take a portion of what it was sent; True while there is more."""


class Connections:
    """All that are open, `most` at once."""

    def __init__(self, most: int) -> None:
        self._most = min(most, _files() - SPARE)
        self._open: set[Connection] = set()
        self._queue: deque[Connection] = deque()

    def enter(self, connection: Connection) -> None:
        """Take one in, in the place of those that have waited longest where there are too many."""
        self._open.add(connection)
        if len(self._open) > self._most:
            self._make_room()

    def leave(self, connection: Connection) -> None:
        """Forget one that has ended."""
        self._open.discard(connection)

    def queue(self, connection: Connection) -> None:
        """Let one go on, in its turn: one portion in each turn of the loop, however many wait."""
        if not self._queue:
            asyncio.get_running_loop().call_soon(self._next)
        self._queue.append(connection)

    def _next(self) -> None:
        connection = self._queue.popleft()
        if self._queue:
            asyncio.get_running_loop().call_soon(self._next)
        try:
            more = connection.go_on()
        except BaseException:  # as the loop does where it hands over what it read
            connection.abort()
            raise
        if more:
            self.queue(connection)

    async def watch(self) -> None:
        """Hurry everybody, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK)
            now = loop.time()
            for connection in list(self._open):
                connection.hurry(now)

    def _make_room(self) -> None:
        """End those that have waited longest; the newest only where all others have a request under way."""
        waits = [(since, connection) for connection in self._open if (since := connection.waits_since) is not None]
        waits.sort(key=lambda waiting: waiting[0])
        for _, connection in waits[:-1][: max(1, self._most // SHARE)] or waits:
            self._open.discard(connection)
            connection.abort()


def _files() -> int:
    """How many files this process may have open, after asking for as many as it may ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20
