"""The clock and ids: the only places where time and chance come in."""

import os
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

_BITS: Final = 80
_AT_ONCE: Final = 256
_chance: Final[list[int]] = []
"""Random numbers in store: to ask the kernel for each would cost more than all else about an id."""

os.register_at_fork(after_in_child=_chance.clear)  # two processes with one store would make the same ids


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A version 7 UUID (RFC 9562): milliseconds since 1970, then 74 random bits."""
    value = time.time_ns() // 1_000_000 << _BITS | _random()
    return UUID(int=value & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48)


def nonce() -> str:
    """A random EIP-4361 nonce: 20 hexadecimal digits, which are alphanumerics."""
    return f"{_random():020x}"


def _random() -> int:
    """The next number of 80 random bits."""
    try:
        return _chance.pop()
    except IndexError:
        drawn, size = os.urandom(_AT_ONCE * _BITS // 8), _BITS // 8
        _chance.extend(int.from_bytes(drawn[at : at + size], "big") for at in range(0, len(drawn), size))
        return _random()
