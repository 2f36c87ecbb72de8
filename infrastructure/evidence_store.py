"""Evidence: what providers said, by digest, sealed with the key of whom it is about, outside the log."""

from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag

from infrastructure.arrays import ByteaArray, UuidArray
from infrastructure.coalescing import Coalesced
from infrastructure.keys.keyring import Destroyed, Keyring
from infrastructure.keys.sealing import open_evidence, seal_evidence
from infrastructure.postgres import Connection

_KEEP: Final = """
    INSERT INTO gatehouse.evidence (subject, digest, sealed)
    SELECT * FROM unnest(%b, %b, %b) AS said (subject, digest, sealed)
    ORDER BY subject, digest ON CONFLICT DO NOTHING
"""
_READ: Final = "SELECT sealed FROM gatehouse.evidence WHERE subject = %b AND digest = %b"
_COUNT: Final = "SELECT count(*) FROM gatehouse.evidence WHERE subject = %b AND digest = ANY(%b::bytea[])"

_Said = tuple[UUID, tuple[bytes, ...]]
"""Payloads, and whom they are about."""


class Tampered(Exception):
    """What was kept does not open, or is not what its digest says."""


class SealedEvidence:
    """Keeps and reads payloads. All who wait share one commit."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._kept = Coalesced(self._keep)

    async def keep(self, subject: UUID, payloads: Iterable[bytes]) -> list[str]:
        """Store payloads durably and answer their SHA-256 digests, in order. Raises `Destroyed`."""
        said = tuple(payloads)
        if said and not await self._kept.get((subject, said)):
            raise Destroyed
        return [sha256(payload).hexdigest() for payload in said]

    async def _keep(self, asked: Collection[_Said]) -> dict[_Said, bool]:
        """Which of them are kept: of an erased subject, nothing is."""
        said = {(subject, sha256(payload).digest()): payload for subject, payloads in asked for payload in payloads}
        subjects = {subject for subject, _ in asked}
        async with self._connection.use() as connection, connection.transaction():
            async with self._keyring.keys_for(connection, subjects) as keys:
                rows = [
                    (subject, digest, seal_evidence(keys[subject], subject, payload))
                    for (subject, digest), payload in said.items()
                    if subject in keys
                ]
                known = keys.keys() & subjects
            digests, sealed = (ByteaArray(row[column] for row in rows) for column in (1, 2))
            await connection.execute(_KEEP, (UuidArray(row[0] for row in rows), digests, sealed))
        return {each: each[0] in known for each in asked}

    async def read(self, subject: UUID, digest: str) -> bytes | None:
        """What was kept of a subject under a digest, if anything was. Raises `Destroyed` and `Tampered`."""
        raw = bytes.fromhex(digest)
        async with self._connection.use() as connection:
            row = await (await connection.execute(_READ, (subject, raw), binary=True)).fetchone()
        if row is None:
            return None
        async with self._keyring.key_of(subject) as key:
            try:
                return open_evidence(key, subject, raw, bytes(row[0]))
            except (InvalidTag, ValueError):  # too short to have been sealed is a ValueError
                raise Tampered from None

    async def has(self, subject: UUID, digests: Collection[str]) -> bool:
        """Whether something was kept of a subject under each of the digests."""
        asked = [bytes.fromhex(digest) for digest in set(digests)]
        async with self._connection.use() as connection:
            row = await (await connection.execute(_COUNT, (subject, asked))).fetchone()
        return row is not None and row[0] == len(asked)
