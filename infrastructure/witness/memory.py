"""What a witness remembers, in a folder: its own key, the log's key, and the newest checkpoint that it cosigned.

The whole worth of a witness is that it forgets none of it. Everything is on the disk before anybody hears of it, and
two processes never share a folder.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from application.transparency.notes import COSIGNS, BadNote, PublicKey, Signer, parse_key
from infrastructure.faults import CannotStart

SEED: Final = 32
LONGEST_ORIGIN: Final = 100
"""Characters of a log's name, which becomes a file's."""


class Memory:
    """A folder that one process holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def own_key(self, name: str) -> Signer:
        """The key that cosigns, made at first use. Raises `CannotStart`."""
        path = self._folder / "witness.key"
        if not re.fullmatch(r"[^\s+]+", name):
            raise CannotStart("a witness's name has no spaces and no plus")
        if not path.exists():
            self._write(path, f"{name} {secrets.token_hex(SEED)}\n")
        try:
            known, _, seed = path.read_text(encoding="utf-8").strip().partition(" ")
            signer = Signer(known, bytes.fromhex(seed), COSIGNS)
        except ValueError as fault:
            raise CannotStart(f"{path.name} holds no key of a witness") from fault
        if path.stat().st_mode & 0o077:
            raise CannotStart(f"{path.name} can be read by others: chmod 600 it")
        if name != known:
            raise CannotStart(f"this witness is called {known}: another name needs another folder")
        return signer

    def log_key(self) -> PublicKey | None:
        """The key that the log is held to; None before the first use. Raises `CannotStart`."""
        with suppress(FileNotFoundError):
            return _parsed((self._folder / "log.key").read_text(encoding="utf-8").strip())
        return None

    def hold_to(self, key: PublicKey) -> None:
        """From now on, it is this key that signs the log."""
        self._write(self._folder / "log.key", f"{key.vkey}\n")

    def newest(self, origin: str) -> str | None:
        """The newest checkpoint that was cosigned."""
        with suppress(FileNotFoundError):
            return self._checkpoint(origin).read_text(encoding="utf-8")
        return None

    def keep(self, origin: str, note: str) -> None:
        """Remember a checkpoint in place of the one before."""
        self._write(self._checkpoint(origin), note)

    def evidence(self) -> list[Path]:
        """What was found against the log. As long as it lies there, nothing is cosigned."""
        return sorted(self._folder.glob("fork-*.txt"))

    def accuse(self, size: int, text: str) -> Path:
        """Keep what was found against the log."""
        path = self._folder / f"fork-{size}.txt"
        self._write(path, text)
        return path

    def _checkpoint(self, origin: str) -> Path:
        return self._folder / f"{quote(origin, safe='')}.checkpoint"

    def _write(self, path: Path, text: str) -> None:
        """Write a file whole, and on the disk."""
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)  # of a process that was killed
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def remembered(folder: Path) -> Iterator[Memory]:
    """The memory in a folder, made at first use and held until the context is left. Raises `CannotStart`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Memory(folder)
    except BlockingIOError as fault:
        raise CannotStart("another witness uses this folder") from fault
    except OSError as fault:
        raise CannotStart(f"the witness's folder cannot be used: {fault.strerror}") from fault


def _parsed(vkey: str) -> PublicKey:
    try:
        return parse_key(vkey)
    except BadNote as fault:
        raise CannotStart("log.key holds no key of a log") from fault
