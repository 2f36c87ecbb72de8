"""Sealing: AES-256-GCM with a random key per subject, wrapped by the master key.

The additional data binds a ciphertext to its place, so that nothing sealed can be moved elsewhere. Destroying a
subject's key makes everything sealed with it unreadable for good.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.vocabulary import Sealed
from infrastructure.postgres import Connection

NONCE: Final = 12

_KEEP_KEY: Final = "INSERT INTO gatehouse.subject_keys VALUES (%b, %b) ON CONFLICT DO NOTHING"
_READ_KEY: Final = "SELECT wrapped FROM gatehouse.subject_keys WHERE subject = %b"
_KEEP_EVIDENCE: Final = """
    INSERT INTO gatehouse.evidence (subject, digest, sealed)
    SELECT %b, * FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT DO NOTHING
"""


class Destroyed(Exception):
    """The subject's key is gone, and with it everything that was sealed."""


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
            await connection.execute(_KEEP_KEY, (subject, self._master.fresh(subject)))
        return await self.key_of(subject)

    async def key_of(self, subject: UUID) -> SubjectKey:
        """The subject's key. Raises `Destroyed` where there is none."""
        async with self._connection.use() as connection:
            cursor = await connection.execute(_READ_KEY, (subject,), binary=True)
            row = await cursor.fetchone()
        if row is None:
            raise Destroyed
        return self._master.unwrap(subject, bytes(row[0]))


class SealedEvidence:
    """What providers said, by digest, sealed with the key of whom it is about."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring

    async def keep(self, subject: UUID, payloads: Iterable[bytes]) -> list[str]:
        """Store payloads durably and answer their SHA-256 digests, in order."""
        kept = list(payloads)
        digests = [sha256(payload).digest() for payload in kept]
        if kept:
            key = await self._keyring.key_for(subject)
            sealed = [seal_evidence(key, subject, payload) for payload in kept]
            async with self._connection.use() as connection:
                await connection.execute(_KEEP_EVIDENCE, (subject, digests, sealed))
        return [digest.hex() for digest in digests]


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
