"""When a delivery that failed is tried again, and when its webhook is given up: arithmetic on times, and no more."""

from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(hours=4)
GIVEN_UP_AFTER: Final = timedelta(days=3)
"""How long an event is tried, before its webhook is marked failing."""


def pause_after(attempt: int, *, chance: float, retry_after: int = 0) -> timedelta:
    """How long to wait after the so many-th attempt: twice as long each time, up to `LONGEST`, less up to a half.

    `chance` in 0…1 spreads the retries of many deliveries. `retry_after` is what the receiver asks for, in seconds.
    """
    longest = min(FIRST * (1 << min(attempt - 1, 16)), LONGEST)
    return max(longest * (1 - chance / 2), timedelta(seconds=retry_after))


def is_given_up(*, first_attempt_at: datetime, active_since: datetime, now: datetime) -> bool:
    """Whether it was tried for long enough. What was tried before the webhook recovered does not count."""
    return now - max(first_attempt_at, active_since) >= GIVEN_UP_AFTER
