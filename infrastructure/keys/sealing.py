"""Sealing: AES-256-GCM with a random key per subject, wrapped by a master key.

The additional data binds a ciphertext to its place, so that nothing sealed can be moved elsewhere. Destroying a
subject's key makes everything sealed with it unreadable for good.
"""

import os
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.vocabulary import Sealed
from infrastructure.keys.deployment import reference_of

KEY: Final = 32
NONCE: Final = 12


class SubjectKey:
    """One subject's key, unwrapped, until it is forgotten. It seals and opens; it is never shown."""

    def __init__(self, key: bytes | bytearray) -> None:
        self._cipher = AESGCM(key)

    def seal(self, clear: bytes, place: bytes) -> bytes:
        """Encrypt for one place: a random nonce, then ciphertext and tag."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, clear, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt what was sealed for this place."""
        return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place)

    def forget(self) -> None:
        """Let go of the key, whoever still holds this object: OpenSSL wipes a cipher's key when it frees it."""
        del self._cipher


class MasterKey:
    """Wraps subjects' keys for the database, each for its own subject. `id` names it there."""

    def __init__(self, master: bytes) -> None:
        self.id = reference_of(master)
        self._cipher = AESGCM(master)

    def fresh(self, subject: UUID) -> bytes:
        """A new key, wrapped."""
        return self._wrapped(subject, os.urandom(KEY))

    def unwrap(self, subject: UUID, wrapped: bytes) -> SubjectKey:
        """The subject's key. Raises `InvalidTag` where it is another's, or another master's."""
        key = self._opened(subject, wrapped)
        try:
            return SubjectKey(key)
        finally:
            _wipe(key)

    def rewrap(self, subject: UUID, wrapped: bytes, *, by: "MasterKey") -> bytes:
        """The same key, wrapped by another master."""
        key = self._opened(subject, wrapped)
        try:
            return by._wrapped(subject, key)  # noqa: SLF001 -- its own kind
        finally:
            _wipe(key)

    def _wrapped(self, subject: UUID, key: bytes | bytearray) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, key, subject.bytes)

    def _opened(self, subject: UUID, wrapped: bytes) -> bytearray:
        """The key where it can be wiped, which bytes cannot."""
        key = bytearray(KEY)
        self._cipher.decrypt_into(wrapped[:NONCE], wrapped[NONCE:], subject.bytes, key)
        return key


def _wipe(key: bytearray) -> None:
    key[:] = bytes(len(key))


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
