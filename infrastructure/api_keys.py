"""API keys: issued, rotated and revoked as events, their secrets kept as SHA-256, looked up in memory.

The few key events are folded from the log itself, not from a read model, so that a stopped projection can neither
lock anybody out nor keep a revoked key alive. What a process knows is good for a second: it looks again when it is
told of news, when that second is over, and for a key that it does not know. Where it cannot, it lets nobody in.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from time import monotonic
from typing import Final, Literal
from uuid import UUID

import structlog

from application.mapper import read
from application.ports import Unavailable
from domain.events import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated, RequestKeyRegistered, RequestKeyRemoved
from domain.vocabulary import Event
from infrastructure.postgres import AWAY, QUERY_ANSWER, connect, cut_after
from infrastructure.reading import Pool
from infrastructure.request_keys import RequestKey, UnknownApiKey, parse

Role = Literal["partner", "officer", "auditor", "admin"]
FRESH: Final = 1.0
"""Seconds for which what is known of keys is good: after these, no process lets in what was ended."""
JUST_READ: Final = 0.05
"""The same, for a key that is not known: wrong keys in masses must not become queries in masses."""
TRIES: Final = 2
"""How often news are read that are old already when they come, before that is an outage."""
NO_SECRET: Final = "-" * 64
"""What is compared where a key has no secret, so that it takes as long."""

_NEWS: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id FROM gatehouse.stored_events
    WHERE topic IN (
        'ApiKeyIssued', 'ApiKeyRotated', 'ApiKeyRevoked', 'RequestKeyRegistered', 'RequestKeyRemoved'
    ) AND notification_id > %b
    ORDER BY notification_id
"""
_LISTEN: Final = "LISTEN gatehouse_keys"
_TELL: Final = "SELECT pg_notify('gatehouse_keys', '')"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key's role, and its partner where it is a partner's."""

    key_id: UUID
    role: Role
    partner: UUID | None
    name: str
    actor: str
    """The caller's name in the log."""
    generation: int = 1
    """How many secrets the key has had. A token that was issued for an earlier one is none."""
    request_key: RequestKey | None = None
    """What the caller's requests must be signed with; None where the API key is enough."""


def new_key(role: Role) -> tuple[str, str]:
    """A fresh key of 256 random bits, and the hash that is kept of it."""
    key = f"gh_{role}_{secrets.token_urlsafe(32)}"
    return key, sha256(key.encode()).hexdigest()


def issue(*, key_hash: str, role: Role, name: str, partner: UUID | None, history: Sequence[Event]) -> Sequence[Event]:
    """The decision to issue a key: once."""
    return () if history else (ApiKeyIssued(key_hash=key_hash, role=role, name=name, partner=partner),)


def rotate(history: Sequence[Event], *, key_hash: str) -> Sequence[Event]:
    """The decision to give a key another secret: where there is one that was not revoked."""
    if not history or not isinstance(history[0], ApiKeyIssued) or isinstance(history[-1], ApiKeyRevoked):
        raise UnknownApiKey
    return (ApiKeyRotated(key_hash=key_hash),)


def revoke(history: Sequence[Event]) -> Sequence[Event]:
    """The decision to revoke a key: where there is one, and once."""
    if history and not isinstance(history[0], ApiKeyIssued):
        raise UnknownApiKey
    return (ApiKeyRevoked(),) if history and not isinstance(history[-1], ApiKeyRevoked) else ()


class KeyDirectory:
    """What this process knows of keys."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._by_hash: dict[str, Caller] = {}
        self._hashes: dict[UUID, str] = {}
        self._names: set[str] = set()
        self._position = 0
        self._read_at = -FRESH
        self._reading: asyncio.Task[None] | None = None

    async def find(self, secret: str, *, newest: bool = True) -> Caller | None:
        """Whose secret this is, if it lets anybody in. `newest`: it may have been issued a moment ago, so look."""
        digest = _digest(secret)
        if monotonic() - self._read_at >= FRESH:
            await self._renew()
        if newest and digest not in self._by_hash:
            await self._look_again()
        return self._by_hash.get(digest)

    async def holder(self, key_id: UUID, generation: int, *, newest: bool = True) -> Caller | None:
        """Who has this key, if its secret is still the one of this generation."""
        if monotonic() - self._read_at >= FRESH:
            await self._renew()
        caller = self.at_hand(key_id)
        if newest and (caller is None or caller.generation < generation):
            await self._look_again()
            caller = self.at_hand(key_id)
        return caller if caller is not None and caller.generation == generation else None

    async def shown(self, key_id: UUID, secret: str, *, newest: bool = True) -> Caller | None:
        """Who has this key, if this is its secret."""
        caller = await self.find(secret, newest=newest)
        right = compare_digest(self._hashes.get(key_id, NO_SECRET), _digest(secret))
        return caller if right else None

    async def known(self, key_id: UUID) -> Caller:
        """Who has this key, at this moment. Raises `UnknownApiKey`."""
        await self._read()
        caller = self.at_hand(key_id)
        if caller is None:
            raise UnknownApiKey
        return caller

    async def callers(self) -> list[Caller]:
        """Every key that may call at this moment, the oldest first."""
        await self._read()
        return sorted(self._by_hash.values(), key=lambda caller: caller.key_id)

    async def all(self) -> list[dict[str, str]]:
        """Every key that may call, in words: id, role, partner."""
        return [
            {
                "keyId": str(caller.key_id),
                "role": caller.role,
                "partner": str(caller.partner or "-"),
                "name": caller.name,
            }
            for caller in await self.callers()
        ]

    async def was_issued(self, name: str) -> bool:
        """Whether there ever was a key of this name, revoked ones too."""
        await self._refresh(JUST_READ)
        return name in self._names

    async def follow(self, conninfo: str) -> None:
        """Hear of news when there are any, for good. What is ended ends in time without this, too."""
        while True:
            try:
                async with await connect(conninfo) as connection:
                    with cut_after(connection, QUERY_ANSWER):
                        await connection.execute(_LISTEN)
                    async for _ in connection.notifies():
                        await self._read()
            except AWAY as fault:
                log.warning("keys_unheard", fault=type(fault).__name__)
                await asyncio.sleep(FRESH)

    async def ended_everywhere(self) -> None:
        """Tell every process of news, and return when none can let in any more what has ended before."""
        ended = asyncio.create_task(asyncio.sleep(FRESH))
        with suppress(*AWAY):  # who is told knows sooner; nobody has to be
            async with self._pool.connection() as connection:
                await connection.execute(_TELL)
        await ended

    def at_hand(self, key_id: UUID) -> Caller | None:
        """Who had this key at the last look. Lets nobody in."""
        return self._by_hash.get(self._hashes.get(key_id, NO_SECRET))

    async def _look_again(self) -> None:
        """Look for what may have been issued since."""
        await asyncio.sleep(self._read_at + JUST_READ - monotonic() + 0.001)
        await self._refresh(JUST_READ)

    async def _renew(self) -> None:
        """Know again what is good now. Raises `Unavailable` where what is read is old when it comes."""
        for _ in range(TRIES):
            await self._refresh(FRESH)
            if monotonic() - self._read_at < FRESH:
                return
        raise Unavailable

    async def _refresh(self, oldest: float) -> None:
        """Read the news, together with whoever needs them now: where the database is away, nobody waits in a row."""
        if monotonic() - self._read_at < oldest:
            return
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(_heard)
        await asyncio.shield(self._reading)

    async def _read(self) -> None:
        async with self._pool.connection() as connection:
            begun = monotonic()  # what is committed from here on may be missing
            cursor = await connection.execute(_NEWS, (self._position,), prepare=True, binary=True)
            rows = await cursor.fetchall()
        for stream, version, topic, state, position in rows:
            if position > self._position:  # else another reading has taken it meanwhile
                self._take(stream, read(stream, version, topic, state).event)
                self._position = position
        self._read_at = max(begun, self._read_at)

    def _take(self, key_id: UUID, event: Event) -> None:
        key_hash = self._hashes.pop(key_id, NO_SECRET)
        caller = self._by_hash.pop(key_hash, None)
        if isinstance(event, ApiKeyIssued):
            self._names.add(event.name)
            actor = f"{event.role}:{event.partner or key_id}"
            self._admit(Caller(key_id, event.role, event.partner, event.name, actor), event.key_hash)
        elif isinstance(event, ApiKeyRotated) and caller is not None:
            self._admit(replace(caller, generation=caller.generation + 1), event.key_hash)
        elif isinstance(event, RequestKeyRegistered | RequestKeyRemoved) and caller is not None:
            required = parse(event.public_key) if isinstance(event, RequestKeyRegistered) else None
            self._admit(replace(caller, request_key=required), key_hash)

    def _admit(self, caller: Caller, key_hash: str) -> None:
        self._by_hash[key_hash], self._hashes[caller.key_id] = caller, key_hash


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _heard(reading: "asyncio.Task[None]") -> None:
    """Its fault is raised where somebody waits for it; nobody may be left."""
    if not reading.cancelled():
        reading.exception()
