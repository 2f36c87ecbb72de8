"""`Retry-After` (RFC 9110, 10.2.3): how long another service asks us to wait, within bounds."""

import math
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_PAUSE: Final = 3600
"""Seconds that anybody may ask us to wait; who asks for more is called again after these."""


def seconds_asked(retry_after: str) -> int:
    """The header in seconds; 0 where it is not given or cannot be read."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(int(retry_after[:9]), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(math.ceil(until.timestamp() - time.time()), 0), LONGEST_PAUSE)
