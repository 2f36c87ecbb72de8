"""Entries of idempotency keys outside of the log's appends: refusals before a decision, and what is no one command.

What is no one command is begun first: its entry is under way, for a bounded time, until its answer is on record.
"""

import asyncio
from typing import Final, LiteralString, NamedTuple

import structlog

from application.idempotency import NOBODY, Entry, Once
from infrastructure.postgres import AWAY
from infrastructure.reading import Pool

LEASE: Final = 60
"""Seconds after which who began and did not end is taken for dead."""
PAUSE: Final = 60.0
"""Seconds from one sweep to the next."""
AT_ONCE: Final = 1_000

_SETTLE: Final = """
    INSERT INTO gatehouse.idempotency AS known
        (key, fingerprint, command_id, stream, version, refusal, expires_at)
    VALUES (%b, %b, %b, %b, 0, %b, clock_timestamp() + interval '24 hours')
    ON CONFLICT (key) DO UPDATE SET
        fingerprint = excluded.fingerprint, command_id = excluded.command_id, stream = excluded.stream, version = 0,
        refusal = excluded.refusal, sealed = NULL, under_way_until = NULL, expires_at = excluded.expires_at
    WHERE known.expires_at <= clock_timestamp()
"""
_BEGIN: Final = """
    INSERT INTO gatehouse.idempotency AS known
        (key, fingerprint, command_id, stream, version, under_way_until, expires_at)
    VALUES (%b, %b, %b, %b, 0, clock_timestamp() + %b * interval '1 second', clock_timestamp() + interval '24 hours')
    ON CONFLICT (key) DO UPDATE SET
        command_id = CASE
            WHEN known.expires_at <= clock_timestamp() THEN excluded.command_id ELSE known.command_id
        END,
        fingerprint = excluded.fingerprint, stream = excluded.stream, version = 0, refusal = NULL, sealed = NULL,
        under_way_until = excluded.under_way_until, expires_at = excluded.expires_at
    WHERE known.expires_at <= clock_timestamp()
        OR (known.under_way_until <= clock_timestamp() AND known.fingerprint = excluded.fingerprint)
    RETURNING command_id
"""
_FIND: Final = """
    SELECT key, fingerprint, command_id, stream, version, refusal, sealed, under_way_until IS NOT NULL
    FROM gatehouse.idempotency WHERE key = %b AND expires_at > clock_timestamp()
"""
_END: Final = """
    UPDATE gatehouse.idempotency SET refusal = %b, sealed = %b, under_way_until = NULL
    WHERE key = %b AND command_id = %b AND under_way_until IS NOT NULL
"""
_ABANDON: Final = """
    DELETE FROM gatehouse.idempotency WHERE key = %b AND command_id = %b AND under_way_until IS NOT NULL
"""
_SWEEP: Final = """
    DELETE FROM gatehouse.idempotency WHERE key = ANY (ARRAY(
        SELECT key FROM gatehouse.idempotency WHERE expires_at <= clock_timestamp()
        ORDER BY expires_at LIMIT %b FOR UPDATE SKIP LOCKED
    ))
"""

log = structlog.get_logger()


class Found(NamedTuple):
    """What is on record of a key."""

    entry: Entry
    under_way: bool


class IdempotencyKeys:
    """The entries of one database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def settle(self, once: Once, refusal: str) -> bool:
        """Put a refusal on record; False where the key has an entry, which stays as it is."""
        return await self._done(_SETTLE, once.key, once.fingerprint, once.command_id, NOBODY, refusal) == 1

    async def begin(self, once: Once) -> bool:
        """Begin what is no one command, with the command id of whoever began it and died; False where it is on record.

        That id makes what is done again the same again.
        """
        async with self._pool.connection() as connection:
            values = (once.key, once.fingerprint, once.command_id, NOBODY, LEASE)
            cursor = await connection.execute(_BEGIN, values, prepare=True, binary=True)
            row = await cursor.fetchone()
        if row is None:
            return False
        once.command_id = row[0]
        return True

    async def find(self, key: bytes) -> Found | None:
        """The key's entry, if it has one that has not expired."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_FIND, (key,), prepare=True, binary=True)).fetchone()
        return None if row is None else Found(Entry(*row[:-1]), row[-1])

    async def end(self, once: Once, *, refusal: str | None = None, sealed: bytes | None = None) -> bool:
        """Put on record what was begun came to; False where somebody else ended it."""
        return await self._done(_END, refusal, sealed, once.key, once.command_id) == 1

    async def abandon(self, once: Once) -> None:
        """Let what was begun be begun again at once."""
        await self._done(_ABANDON, once.key, once.command_id)

    async def sweep(self) -> int:
        """Remove entries that have expired, so many at most, and answer how many."""
        return await self._done(_SWEEP, AT_ONCE)

    async def _done(self, statement: LiteralString, *values: object) -> int:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement, values, prepare=True, binary=True)
            done: int = cursor.rowcount
            return done


async def keep_swept(keys: IdempotencyKeys) -> None:
    """Sweep for good. Nothing depends on when: an entry that has expired counts for none."""
    while True:
        try:
            while await keys.sweep() == AT_ONCE:
                pass
        except AWAY as fault:
            log.warning("sweep_interrupted", fault=type(fault).__name__)
        await asyncio.sleep(PAUSE)
