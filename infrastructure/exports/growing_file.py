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
        self._read = memoryview(bytearray(BLOCK))
        self.bytes = 0
        self.follow(good)
        self._file.seek(good)

    def append(self, data: bytes) -> None:
        """Write behind what is there."""
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)

    def follow(self, length: int) -> None:
        """Take in what somebody else wrote behind what is there. Raises `EOFError` where it is not so long."""
        end = self.bytes + length
        while self.bytes < end:
            came = os.preadv(self._file.fileno(), [self._read[: end - self.bytes]], self.bytes)
            if not came:
                raise EOFError
            self._hash.update(self._read[:came])
            self.bytes += came

    def sync(self) -> int:
        """Have everything on the disk; answer how many bytes that is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self.bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of everything, in hex."""
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._file.close()
