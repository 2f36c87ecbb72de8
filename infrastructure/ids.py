"""The clock and ids: the only places where time and chance come in."""

import os
import secrets
import time
from datetime import UTC, datetime
from uuid import UUID


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A version 7 UUID (RFC 9562): milliseconds since 1970, then 74 random bits."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    return UUID(int=value & ~(0xF000 << 64) & ~(0xC000 << 48) | 0x7000 << 64 | 0x8000 << 48)


def nonce() -> str:
    """A random EIP-4361 nonce: 16 hexadecimal digits, which are alphanumerics."""
    return secrets.token_hex(8)
