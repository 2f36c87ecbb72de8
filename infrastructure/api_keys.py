"""API keys: issued and revoked as events, kept as SHA-256, looked up in memory.

The few key events are folded from the log itself, not from a read model, so that a stopped projection can neither
lock anybody out nor keep a revoked key alive. Every process looks for news once a second, and at once for a key that
it does not know.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from time import monotonic
from typing import Final, Literal
from uuid import UUID

from application.mapper import read
from domain.events import ApiKeyIssued, ApiKeyRevoked, RequestKeyRegistered, RequestKeyRemoved
from domain.vocabulary import Event
from infrastructure.reading import Pool
from infrastructure.request_keys import RequestKey, parse

Role = Literal["partner", "officer", "auditor", "admin"]
FRESH: Final = 1.0
"""Seconds for which what is known of keys is good."""
JUST_READ: Final = 0.05
"""The same, for a key that is not known: wrong keys in masses must not become queries in masses."""

_NEWS: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id FROM gatehouse.stored_events
    WHERE topic IN (
        'ApiKeyIssued', 'ApiKeyRevoked', 'RequestKeyRegistered', 'RequestKeyRemoved', 'SanctionsListPublished'
    ) AND notification_id > %b
    ORDER BY notification_id
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a key's role, and its partner where it is a partner's."""

    key_id: UUID
    role: Role
    partner: UUID | None
    name: str
    actor: str
    """The caller's name in the log."""
    request_key: RequestKey | None = None
    """What the caller's requests must be signed with; None where the API key is enough."""


class UnknownKey(Exception):
    """There is no key of this id."""


def new_key(role: Role) -> tuple[str, str]:
    """A fresh key of 256 random bits, and the hash that is kept of it."""
    key = f"gh_{role}_{secrets.token_urlsafe(32)}"
    return key, sha256(key.encode()).hexdigest()


def issue(*, key_hash: str, role: Role, name: str, partner: UUID | None, history: Sequence[Event]) -> Sequence[Event]:
    """The decision to issue a key: once."""
    return () if history else (ApiKeyIssued(key_hash=key_hash, role=role, name=name, partner=partner),)


def revoke(history: Sequence[Event]) -> Sequence[Event]:
    """The decision to revoke a key: where there is one, and once."""
    if history and not isinstance(history[0], ApiKeyIssued):
        raise UnknownKey
    return (ApiKeyRevoked(),) if history and not isinstance(history[-1], ApiKeyRevoked) else ()


class KeyDirectory:
    """What this process knows of keys."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._by_hash: dict[str, Caller] = {}
        self._names: set[str] = set()
        self._position = 0
        self._read_at = -FRESH
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key: str) -> Caller | None:
        """Whose key this is, if it is a key that may call."""
        digest = sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        if monotonic() - self._read_at >= FRESH:
            await self._refresh(FRESH)
        if digest not in self._by_hash:
            await asyncio.sleep(self._read_at + JUST_READ - monotonic() + 0.001)  # it may have been issued since
            await self._refresh(JUST_READ)
        return self._by_hash.get(digest)

    async def all(self) -> list[dict[str, str]]:
        """Every key that may call: id, role, partner."""
        await self._refresh(JUST_READ)
        return [
            {
                "keyId": str(caller.key_id),
                "role": caller.role,
                "partner": str(caller.partner or "-"),
                "name": caller.name,
            }
            for caller in self._by_hash.values()
        ]

    async def was_issued(self, name: str) -> bool:
        """Whether there ever was a key of this name, revoked ones too."""
        await self._refresh(JUST_READ)
        return name in self._names

    async def catch_up(self) -> None:
        """Know what was just written, too, which a look that is under way may have missed."""
        if self._reading is not None and not self._reading.done():
            await asyncio.shield(self._reading)
        await self._refresh(0.0)

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
            cursor = await connection.execute(_NEWS, (self._position,), prepare=True, binary=True)
            rows = await cursor.fetchall()
        for stream, version, topic, state, position in rows:
            self._take(stream, read(stream, version, topic, state).event)
            self._position = position
        self._read_at = monotonic()

    def _take(self, key_id: UUID, event: Event) -> None:
        if isinstance(event, ApiKeyIssued):
            self._names.add(event.name)
            self._by_hash[event.key_hash] = Caller(
                key_id, event.role, event.partner, event.name, actor=f"{event.role}:{event.partner or key_id}"
            )
        elif isinstance(event, RequestKeyRegistered | RequestKeyRemoved):
            required = parse(event.public_key) if isinstance(event, RequestKeyRegistered) else None
            self._by_hash = {
                key: replace(caller, request_key=required) if caller.key_id == key_id else caller
                for key, caller in self._by_hash.items()
            }
        elif isinstance(event, ApiKeyRevoked):
            self._by_hash = {key: caller for key, caller in self._by_hash.items() if caller.key_id != key_id}


def _heard(reading: "asyncio.Task[None]") -> None:
    """Its fault is raised where somebody waits for it; nobody may be left."""
    if not reading.cancelled():
        reading.exception()
