"""The deployment's secret keys: what they are for, and whether they are this log's.

The master key wraps the keys of personal data, the fingerprint key makes bars, the signing key signs the log. All lie
outside the database and its backups; `sources` says where.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import psycopg
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from infrastructure.faults import KeyProblem
from infrastructure.keys.sources import KeySource

KEY: Final = 32
"""Bytes of a key."""
NAMES: Final = ("master", "fingerprint", "cursor", "callback", "signing")

BEGIN_MASTER: Final = "SELECT gatehouse.begin_master(%s) WHERE NOT EXISTS (SELECT FROM gatehouse.master_keys)"
"""Make a master key the first one of a database that has none."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The deployment's secrets, 32 bytes each."""

    master: bytes
    fingerprint: bytes
    cursor: bytes
    callback: bytes
    signing: bytes
    """The seed of an Ed25519 key."""
    previous_master: bytes | None = None
    """The master key that is being replaced, for as long as it wraps anything."""
    previous_cursor: bytes | None = None
    """The cursor key that is being replaced, for as long as access tokens live that were issued under it."""

    @property
    def masters(self) -> tuple[bytes, ...]:
        """The master keys, the newest first."""
        return (self.master,) if self.previous_master is None else (self.master, self.previous_master)

    @property
    def token_secrets(self) -> tuple[bytes, ...]:
        """What the keys of access tokens are derived from, the newest first."""
        return (self.cursor,) if self.previous_cursor is None else (self.cursor, self.previous_cursor)

    def fingerprint_of(self, text: str) -> str:
        """A keyed SHA-256 of `text`, in hex."""
        return hmac.digest(self.fingerprint, text.encode(), "sha256").hex()

    def derived(self, purpose: str) -> bytes:
        """A key for one purpose, from the one that is as old as the log (HKDF-Expand, RFC 5869)."""
        return HKDFExpand(SHA256(), KEY, f"gatehouse {purpose}".encode()).derive(self.fingerprint)


def load_keys(source: KeySource | Path, *, generate: bool) -> Keys:
    """Read the keys of a source, or of a folder; make those that are missing if `generate` allows it."""
    source = KeySource(source) if isinstance(source, Path) else source
    keys = {}
    for name in NAMES:
        key = source.find(name)
        if key is None and generate:
            source.make(name)
        keys[name] = key or source.read(name)
    previous_master, previous_cursor = source.find("master.previous"), source.find("cursor.previous")
    return Keys(**keys, previous_master=previous_master, previous_cursor=previous_cursor)


def reference_of(key: bytes) -> bytes:
    """What a database knows a key by: a digest that tells nothing of it."""
    return sha256(b"gatehouse-key-check" + key).digest()


def check_keys(conninfo: str, keys: Keys) -> None:
    """Remember which keys a log was begun with, and refuse others: bars and seals depend on them."""
    known = {"master": {*map(reference_of, keys.masters)}, "fingerprint": {reference_of(keys.fingerprint)}}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name, references in known.items():
            value = reference_of(getattr(keys, name))
            connection.execute("INSERT INTO gatehouse.key_checks VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, value))
            row = connection.execute("SELECT check_value FROM gatehouse.key_checks WHERE name = %s", (name,)).fetchone()
            if row is None or bytes(row[0]) not in references:
                raise KeyProblem(f"the {name} key is not the one that this database was begun with")
        connection.execute(BEGIN_MASTER, (reference_of(keys.master),))
