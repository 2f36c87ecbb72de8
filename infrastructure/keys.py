"""Secret keys: where they lie, what they are for, and whether they are this log's.

The master key wraps the keys of personal data; the fingerprint key makes bars. Both are 32 bytes in files of mode
0600, outside the database and its backups.
"""

import hmac
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import psycopg

from infrastructure.faults import KeyProblem

BYTES: Final = 32
NAMES: Final = ("master", "fingerprint", "cursor", "callback")


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The deployment's secrets, 32 bytes each."""

    master: bytes
    fingerprint: bytes
    cursor: bytes
    callback: bytes

    def fingerprint_of(self, text: str) -> str:
        """A keyed SHA-256 of `text`, in hex."""
        return hmac.digest(self.fingerprint, text.encode(), "sha256").hex()


def load_keys(folder: Path, *, generate: bool) -> Keys:
    """Read the keys below `folder`; make those that are missing if `generate` allows it."""
    return Keys(**{name: _load(folder / f"{name}.key", generate=generate) for name in NAMES})


def check_keys(conninfo: str, keys: Keys) -> None:
    """Remember which keys a log was begun with, and refuse others: bars and seals depend on them."""
    checks = {name: sha256(b"gatehouse-key-check" + getattr(keys, name)).digest() for name in ("master", "fingerprint")}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for name, value in checks.items():
            connection.execute("INSERT INTO gatehouse.key_checks VALUES (%s, %s) ON CONFLICT DO NOTHING", (name, value))
            row = connection.execute("SELECT check_value FROM gatehouse.key_checks WHERE name = %s", (name,)).fetchone()
            if row is None or not hmac.compare_digest(bytes(row[0]), value):
                raise KeyProblem(f"the {name} key is not the one that this database was begun with")


def _load(path: Path, *, generate: bool) -> bytes:
    try:
        if generate and not path.exists():
            _generate(path)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError as fault:
        raise KeyProblem(f"the key file {path.name} is missing: production mode does not make keys") from fault
    except (OSError, ValueError) as fault:
        raise KeyProblem(f"the key file {path.name} cannot be read") from fault
    if len(key) != BYTES:
        raise KeyProblem(f"the key file {path.name} does not hold {BYTES} bytes in hex")
    if path.stat().st_mode & 0o077:
        raise KeyProblem(f"the key file {path.name} can be read by others: chmod 600 it")
    return key


def _generate(path: Path) -> None:
    """Write a new key; whoever comes second keeps the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.unlink(missing_ok=True)  # of a process that was killed, and had our number: in a container all have the same
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
