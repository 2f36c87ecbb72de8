"""The service's clock in a test's hand: no test waits for time to pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from infrastructure import ids


class Clock:
    """The real time, moved by as much as the test says."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def __call__(self) -> datetime:
        return ids.now() + self._moved

    @contextmanager
    def moved(self, by: timedelta) -> Iterator[None]:
        """Show another time for a while."""
        self._moved += by
        try:
            yield
        finally:
            self._moved -= by
