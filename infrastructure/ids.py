"""The clock and ids: the only places where time and chance come in."""

import os
import secrets
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

_CHANCE: Final = 74
_LOW: Final = 62
_VERSION_AND_VARIANT: Final = 0x7000_8000_0000_0000_0000


class _Ids:
    """Version 7 UUIDs (RFC 9562, 6.2, method 2): in one millisecond, each is the one before and one more.

    The first of a millisecond has random bits, so that two processes do not meet, and the kernel is asked once for all.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: two processes that go on from one id would make the same ones."""
        self._millisecond = 0
        self._chance = 0

    def next(self) -> UUID:
        """The next id."""
        millisecond = time.time_ns() // 1_000_000
        if millisecond > self._millisecond:
            self._millisecond, self._chance = millisecond, secrets.randbits(_CHANCE - 1)  # leaves room to count
        else:
            self._chance += 1
        chance = self._chance
        high, low = chance >> _LOW, chance & ((1 << _LOW) - 1)
        return UUID(int=self._millisecond << 80 | high << 64 | _VERSION_AND_VARIANT | low)


_ids: Final = _Ids()
os.register_at_fork(after_in_child=_ids.forget)


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """An id never made before; in one thread each is greater than the one before, whatever the clock does."""
    return _ids.next()


def nonce() -> str:
    """A random EIP-4361 nonce: 20 hexadecimal digits, which are alphanumerics."""
    return secrets.token_hex(10)
