"""Where a bundle goes, and the folder beside it that it is made in: it is there whole, or not at all.

A finished bundle is never overwritten. One that was cut off is gone on with by whoever asks for the same again.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from infrastructure.exports.asked import Asked
from infrastructure.faults import CannotStart

STATE: Final = "state.json"


class Held(CannotStart):
    """Somebody else is writing there."""


@dataclass(slots=True)
class State:
    """What a bundle is of, and how much of its entries is on the disk for good."""

    upto: int
    position: int = 0
    """Every entry up to there is written."""
    entries: int = 0
    bytes: int = 0


class Target:
    """A folder, or a zip where the name ends so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zipped = path.suffix == ".zip"
        self.partial = path.parent / f"{path.name}.partial"
        self.folder = self.partial / "bundle"
        """Where the bundle's files are until it is finished."""
        self.zip = self.partial / "bundle.zip"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes there meanwhile. Raises `CannotStart` where it is taken, and `OSError`."""
        if os.path.lexists(self.path):
            raise CannotStart(f"{self.path} is there already: a finished bundle is never overwritten")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.partial / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise Held(f"another export is writing {self.path}") from None
        try:
            yield
        finally:
            os.close(lock)
            if not (self.partial / STATE).exists():  # nothing was begun, or all is done
                shutil.rmtree(self.partial, ignore_errors=True)

    def state(self, asked: Asked) -> State | None:
        """How far the same export had come; None where it was not begun. Raises `CannotStart` where another one was."""
        try:
            kept = json.loads((self.partial / STATE).read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        if kept["asked"] != asked.told():
            raise CannotStart(f"{self.partial} is an unfinished export of something else: finish it, or remove it")
        return State(**kept["state"])

    def keep(self, asked: Asked, state: State) -> None:
        """Have on the disk how far it has come."""
        told: dict[str, Any] = {"asked": asked.told(), "state": asdict(state)}
        draft = self.partial / f"{STATE}.new"
        with draft.open("w", encoding="ascii") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self.partial / STATE)

    def hand_over(self) -> None:
        """Put the finished bundle where it was asked for."""
        made = self.zip if self.zipped else self.folder
        if os.path.lexists(self.path):
            raise CannotStart(f"{self.path} is there already: a finished bundle is never overwritten")
        if not self.zipped:
            os.sync()  # or after a power cut the names might stand for empty files; a zip is on the disk already
        made.rename(self.path)
        _sync_folder(self.path.parent)
        shutil.rmtree(self.partial)


def _sync_folder(folder: Path) -> None:
    """Have a rename on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
