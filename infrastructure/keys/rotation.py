"""Replacing the master key and the signing key while everything runs. Each step can be broken off: a repeat goes on.

Whoever is running learns of the next key from the database, and reads it where it read the last one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from psycopg import AsyncConnection

from application.handlers import append
from application.streams import master_stream
from application.transparency.notes import Signer, parse_key
from domain.events import MasterKeyRotated
from domain.vocabulary import Event
from infrastructure.arrays import ByteaArray, UuidArray
from infrastructure.faults import KeyProblem
from infrastructure.keys.masters import MasterKeys
from infrastructure.keys.sealing import MasterKey
from infrastructure.keys.signing import ACTOR, announce_signing_key, announced
from infrastructure.keys.signing_key import SigningKey
from infrastructure.postgres import connect
from infrastructure.services import Services
from infrastructure.settings import Settings

BATCH: Final = 1000
"""Keys that are wrapped again in one transaction."""
IN_USE: Final = 0.05
"""Seconds after which keys that were in use are looked for again."""

_ALONE: Final = "SELECT pg_try_advisory_lock(7166152, 4)"
_PATIENCE: Final = "SET statement_timeout = 0"  # what is left is counted in all keys there are
_BEGIN: Final = "SELECT gatehouse.begin_master(%b)"
_OTHERS: Final = "SELECT id FROM gatehouse.master_keys WHERE NOT current AND retired_at IS NULL ORDER BY number DESC"
_LEFT: Final = """
    SELECT count(*) FROM gatehouse.subject_keys WHERE wrapped IS NOT NULL
        AND master IS DISTINCT FROM (SELECT id FROM gatehouse.master_keys WHERE current)
"""
_TAKE: Final = "SELECT * FROM gatehouse.keys_to_rewrap(%b, %b)"
_REWRAP: Final = "SELECT gatehouse.rewrap_keys(%b, %b)"
_RETIRE: Final = "SELECT gatehouse.retire_masters()"

Report = Callable[[int, int], None]
"""How many keys are wrapped again, of how many."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of it: the new key and the one before, as the database names them, and how many keys moved."""

    key: str
    previous: str
    rewrapped: int


@asynccontextmanager
async def alone(conninfo: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection, while no other rotation is under way. Raises `KeyProblem` where one is."""
    async with await connect(conninfo) as connection:
        row = await (await connection.execute(_ALONE)).fetchone()
        if row is None or not row[0]:
            raise KeyProblem("another rotation is under way")
        await connection.execute(_PATIENCE)
        yield connection


async def rotate_master(services: Services, connection: AsyncConnection[Any], report: Report) -> Rotated:
    """Wrap every subject's key by a new master key, and retire the old one. Raises `KeyProblem`."""
    masters = MasterKeys(services.keys.masters, services.key_source)
    await masters.follow(connection)
    if not await _others(connection):
        await _begin_next(services, masters, connection)
    rewrapped = await _rewrap(masters, connection, report)
    (previous, *_) = await _others(connection)
    rotated = MasterKeyRotated(key_reference=masters.current.id.hex(), previous=previous.hex())
    await services.execute(lambda: append(master_stream(), partial(_once, rotated)), actor=ACTOR)
    await connection.execute(_RETIRE)
    return Rotated(rotated.key_reference, rotated.previous, rewrapped)


async def rotate_signing(services: Services, settings: Settings, *, lost: bool) -> str:
    """Announce a new signing key, made now where keys lie in files; the key in one line. Raises `KeyProblem`."""
    source, known = services.key_source, await announced(services.reader)
    if known:
        newest = parse_key(known[-1].key)
        if Signer(newest.name, source.read("signing")).public == newest:
            _made("signing", services)
    now = replace(services, signing=SigningKey(source, source.read("signing")))
    await announce_signing_key(now, settings, lost=lost)
    return (await announced(services.reader))[-1].key


async def _begin_next(services: Services, masters: MasterKeys, connection: AsyncConnection[Any]) -> None:
    """Make the next key current. It may be there already: given by hand, or left by a rotation that broke off."""
    before = masters.current
    newest = masters.newest()
    if newest.id == before.id:
        _made("master", services)
        newest = masters.newest()
    masters.at_hand(before.id)
    await connection.execute(_BEGIN, (newest.id,))
    await masters.follow(connection)
    if masters.current.id != newest.id:
        raise KeyProblem("this master key was replaced before: a key that is retired never comes back")


def _made(name: str, services: Services) -> None:
    """Put a new key into the file of the one in force."""
    if not services.key_source.in_file(name):
        raise KeyProblem(f"the {name} key is no file: give the new one as {name}, the one in force as {name}.previous")
    services.key_source.succeed(name)


async def _rewrap(masters: MasterKeys, connection: AsyncConnection[Any], report: Report) -> int:
    """Wrap by the current key what others wrap, until nothing is left; keys in use are waited for."""
    done, beyond = 0, UUID(int=0)
    while left := await _left(connection):
        report(done, done + left)
        while last := await _rewrap_batch(masters, connection, beyond):
            beyond, done = last[0], done + last[1]
            report(done, max(done, left))
        beyond = UUID(int=0)
        await asyncio.sleep(IN_USE)
    return done


async def _rewrap_batch(masters: MasterKeys, connection: AsyncConnection[Any], beyond: UUID) -> tuple[UUID, int] | None:
    """One batch in one transaction: the last subject and how many they were; None where there is none."""
    async with connection.transaction():
        rows = await (await connection.execute(_TAKE, (beyond, BATCH), binary=True)).fetchall()
        if not rows:
            return None
        again = [_again(await masters.find(master), masters.current, *row) for *row, master in rows]
        await connection.execute(_REWRAP, (UuidArray(row[0] for row in rows), ByteaArray(again)))
    return rows[-1][0], len(rows)


def _again(master: MasterKey, current: MasterKey, subject: UUID, wrapped: bytes) -> bytes:
    try:
        return master.rewrap(subject, wrapped, by=current)
    except (InvalidTag, ValueError):  # too short to have been wrapped is a ValueError
        raise KeyProblem(f"the key of {subject} is not as it was wrapped: somebody has changed it") from None


async def _left(connection: AsyncConnection[Any]) -> int:
    row = await (await connection.execute(_LEFT)).fetchone()
    return int(row[0]) if row else 0


async def _others(connection: AsyncConnection[Any]) -> list[bytes]:
    """Keys that are not current and not retired yet, the last one first."""
    return [bytes(row[0]) for row in await (await connection.execute(_OTHERS, binary=True)).fetchall()]


def _once(rotated: MasterKeyRotated, history: Sequence[Event]) -> Sequence[Event]:
    """The event, unless it is on record."""
    return () if rotated in history else (rotated,)
