"""A file that is written from front to back and hashed on the way, and can be gone on with where it was good."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

BLOCK: Final = 1 << 20


class GrowingFile:
    """Its first `good` bytes are kept; what a write that was cut off left behind them goes."""

    def __init__(self, path: Path, good: int = 0) -> None:
        path.touch()
        self._file = path.open("r+b", buffering=BLOCK)
        self._file.truncate(good)
        self._hash = sha256()
        self.bytes = 0
        while self.bytes < good:
            self._take_in(self._file.read(min(BLOCK, good - self.bytes)))
        self._file.seek(good)

    def append(self, data: bytes) -> None:
        """Write behind what is there."""
        self._file.write(data)
        self._take_in(data)

    def sync(self) -> int:
        """Have everything on the disk; answer how many bytes that is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self.bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of everything, in hex."""
        return self._hash.hexdigest()

    def _take_in(self, data: bytes) -> None:
        self._hash.update(data)
        self.bytes += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._file.close()
