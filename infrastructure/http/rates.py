"""How often a key may call: a budget of reads and one of writes a minute, counted by each process for itself.

`limits` would do, but its store in memory starts a thread every few requests, at 40 us each; a window here takes one.
"""

import time
from collections.abc import Hashable
from typing import Final, NamedTuple
from uuid import UUID

from infrastructure.bounds import Bounds
from infrastructure.http.problems import Problem

MINUTE: Final = 60
MANY: Final = 1000
"""Keys that are counted before those that have gone quiet are forgotten."""


class Window(NamedTuple):
    """What a key has used in a minute of the clock, and in the one before."""

    minute: int
    used: int
    before: int


class Budget:
    """What a key, or whatever it is kept for, may do a minute: a sliding window, in which the minute before fades."""

    def __init__(self, name: str, limit: int) -> None:
        """`limit` is for a minute; 0 is no bound."""
        self._name = name
        self._limit = limit
        self._windows: dict[Hashable, Window] = {}

    def spend(self, who: Hashable) -> None:
        """Count one. Raises `Problem` where there is none left, and counts nothing."""
        if self._limit:
            self.check(who)
            self.note(who)

    def check(self, who: Hashable) -> None:
        """Raise `Problem` where there is none left."""
        minute, passed = divmod(time.monotonic(), MINUTE)
        window = self._window(who, int(minute))
        if window.before * (1 - passed / MINUTE) + window.used >= self._limit:
            raise self._refusal(window, passed)

    def note(self, who: Hashable) -> None:
        """Count one, whatever is left."""
        minute, used, before = self._window(who, int(time.monotonic() // MINUTE))
        self._windows[who] = Window(minute, used + 1, before)

    def _window(self, who: Hashable, minute: int) -> Window:
        known = self._windows.get(who)
        if known is not None and known.minute == minute:
            return known
        if known is None and len(self._windows) >= MANY:
            self._windows = {each: window for each, window in self._windows.items() if window.minute >= minute - 1}
        return Window(minute, 0, known.used if known is not None and known.minute == minute - 1 else 0)

    def _refusal(self, window: Window, passed: float) -> Problem:
        """429, with the time after which one more request fits: in this minute or, where it is used up, in the next."""
        left = self._limit - window.used
        fits = MINUTE * (1 - left / window.before) if left > 0 else MINUTE
        wait = int(fits - passed) + 1
        return Problem(
            "too_many_requests",
            headers={
                "Retry-After": str(wait),
                "RateLimit-Policy": f'"{self._name}";q={self._limit};w={MINUTE}',
                "RateLimit": f'"{self._name}";r=0;t={wait}',
            },
        )


class Rates:
    """The budgets of this process."""

    def __init__(self, bounds: Bounds) -> None:
        self._reads = Budget("reads", bounds.reads_per_minute)
        self._writes = Budget("writes", bounds.writes_per_minute)

    def spend(self, key_id: UUID, method: str) -> None:
        """Count a request. Raises `Problem` where the key has called too often."""
        (self._reads if method == "GET" else self._writes).spend(key_id)
