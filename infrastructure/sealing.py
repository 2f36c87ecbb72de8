"""Sealing: AES-256-GCM with a random key per subject, wrapped by the master key.

The additional data binds a ciphertext to its place, so that nothing sealed can be moved elsewhere. Destroying a
subject's key makes everything sealed with it unreadable for good.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import AsyncConnection

from domain.vocabulary import Sealed
from infrastructure.arrays import UuidArray
from infrastructure.coalescing import Coalesced
from infrastructure.postgres import Connection

NONCE: Final = 12

# In one order everywhere, so that two writers who want the same rows do not wait for each other.
_KEEP_KEYS: Final = """
    INSERT INTO gatehouse.subject_keys (subject, wrapped)
    SELECT * FROM unnest(%b::uuid[], %b::bytea[]) AS made (subject, wrapped) ORDER BY subject ON CONFLICT DO NOTHING
"""
_READ_KEYS: Final = "SELECT subject, wrapped FROM gatehouse.subject_keys WHERE subject = ANY(%b)"
_KEEP_EVIDENCE: Final = """
    INSERT INTO gatehouse.evidence (subject, digest, sealed)
    SELECT * FROM unnest(%b::uuid[], %b::bytea[], %b::bytea[]) AS said (subject, digest, sealed)
    ORDER BY subject, digest ON CONFLICT DO NOTHING
"""
_READ_EVIDENCE: Final = "SELECT sealed FROM gatehouse.evidence WHERE subject = %b AND digest = %b"
_COUNT_EVIDENCE: Final = "SELECT count(*) FROM gatehouse.evidence WHERE subject = %b AND digest = ANY(%b::bytea[])"


_Said = tuple[UUID, tuple[bytes, ...]]
"""Payloads, and whom they are about."""


class Destroyed(Exception):
    """The subject's key is gone, and with it everything that was sealed."""


class Tampered(Exception):
    """What was kept does not open, or is not what its digest says."""


class SubjectKey:
    """One subject's key, unwrapped. It seals and opens; it is never shown."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, clear: bytes, place: bytes) -> bytes:
        """Encrypt for one place: a random nonce, then ciphertext and tag."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, clear, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt what was sealed for this place."""
        return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place)


class MasterKey:
    """Wraps subjects' keys for the database, each for its own subject."""

    def __init__(self, master: bytes) -> None:
        self._cipher = AESGCM(master)

    def fresh(self, subject: UUID) -> bytes:
        """A new key, wrapped."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, os.urandom(32), subject.bytes)

    def unwrap(self, subject: UUID, wrapped: bytes) -> SubjectKey:
        """The subject's key. Raises `InvalidTag` where it is another's, or another master's."""
        return SubjectKey(self._cipher.decrypt(wrapped[:NONCE], wrapped[NONCE:], subject.bytes))


class Keyring:
    """Makes, keeps and reads subjects' keys. Unwrapped keys live as long as one use of them."""

    def __init__(self, connection: Connection, master: bytes) -> None:
        self._connection = connection
        self._master = MasterKey(master)

    async def key_for(self, subject: UUID) -> SubjectKey:
        """The subject's key, made now if there is none."""
        async with self._connection.use() as connection:
            return (await self.keys_for(connection, [subject]))[subject]

    async def key_of(self, subject: UUID) -> SubjectKey:
        """The subject's key. Raises `Destroyed` where there is none."""
        async with self._connection.use() as connection:
            keys = await self._read(connection, [subject])
        if subject not in keys:
            raise Destroyed
        return keys[subject]

    async def keys_for(self, connection: AsyncConnection[Any], subjects: Collection[UUID]) -> dict[UUID, SubjectKey]:
        """The keys of several subjects, made now where there are none."""
        await connection.execute(
            _KEEP_KEYS, (UuidArray(subjects), [self._master.fresh(subject) for subject in subjects])
        )
        return await self._read(connection, subjects)

    async def _read(self, connection: AsyncConnection[Any], subjects: Collection[UUID]) -> dict[UUID, SubjectKey]:
        cursor = await connection.execute(_READ_KEYS, (UuidArray(subjects),), binary=True)
        return {subject: self._master.unwrap(subject, bytes(wrapped)) for subject, wrapped in await cursor.fetchall()}


class SealedEvidence:
    """What providers said, by digest, sealed with the key of whom it is about. All who wait share one commit."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._kept = Coalesced(self._keep)

    async def keep(self, subject: UUID, payloads: Iterable[bytes]) -> list[str]:
        """Store payloads durably and answer their SHA-256 digests, in order."""
        said = tuple(payloads)
        if said:
            await self._kept.get((subject, said))
        return [sha256(payload).hexdigest() for payload in said]

    async def _keep(self, asked: Collection[_Said]) -> dict[_Said, None]:
        said = {(subject, sha256(payload).digest()): payload for subject, payloads in asked for payload in payloads}
        async with self._connection.use() as connection, connection.transaction():
            keys = await self._keyring.keys_for(connection, {subject for subject, _ in asked})
            sealed = [seal_evidence(keys[whose], whose, payload) for (whose, _), payload in said.items()]
            subjects, digests = zip(*said, strict=True)
            await connection.execute(_KEEP_EVIDENCE, (UuidArray(subjects), list(digests), sealed))
        return {}

    async def read(self, subject: UUID, digest: str) -> bytes | None:
        """What was kept of a subject under a digest, if anything was. Raises `Destroyed` and `Tampered`."""
        raw = bytes.fromhex(digest)
        async with self._connection.use() as connection:
            row = await (await connection.execute(_READ_EVIDENCE, (subject, raw), binary=True)).fetchone()
        if row is None:
            return None
        key = await self._keyring.key_of(subject)
        try:
            return open_evidence(key, subject, raw, bytes(row[0]))
        except (InvalidTag, ValueError):  # too short to have been sealed is a ValueError
            raise Tampered from None

    async def has(self, subject: UUID, digests: Collection[str]) -> bool:
        """Whether something was kept of a subject under each of the digests."""
        asked = [bytes.fromhex(digest) for digest in set(digests)]
        async with self._connection.use() as connection:
            row = await (await connection.execute(_COUNT_EVIDENCE, (subject, asked))).fetchone()
        return row is not None and row[0] == len(asked)


def seal_evidence(key: SubjectKey, subject: UUID, payload: bytes) -> bytes:
    """Seal a payload, bound to its subject and its digest."""
    return key.seal(payload, subject.bytes + sha256(payload).digest())


def open_evidence(key: SubjectKey, subject: UUID, digest: bytes, sealed: bytes) -> bytes:
    """Open what `seal_evidence` sealed. Raises `InvalidTag` where it is anything else."""
    payload = key.open(sealed, subject.bytes + digest)
    if sha256(payload).digest() != digest:
        raise InvalidTag
    return payload


def seal_text(key: SubjectKey, text: str, *, stream: UUID, version: int, field: str) -> Sealed:
    """Seal one field of one event."""
    return Sealed(sealed=b64encode(key.seal(text.encode(), place_of(stream, version, field))).decode())


def open_text(key: SubjectKey, sealed: Sealed, *, stream: UUID, version: int, field: str) -> str:
    """Open what `seal_text` sealed, at the same place."""
    return key.open(b64decode(sealed.sealed), place_of(stream, version, field)).decode()


def place_of(stream: UUID, version: int, field: str) -> bytes:
    """What a sealed field is bound to."""
    return f"{stream}/{version}/{field}".encode()
