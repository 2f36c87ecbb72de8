"""Who holds a data folder: file locks, which the kernel drops with the last process that has them.

`lock` belongs to the supervising process and tells its pid. `server.lock` belongs to the PostgreSQL processes, which
inherit it: it is free when, and only when, all of them are gone, whoever else is still alive.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from infrastructure.embedded_postgres.errors import DataFolderHeld, DataFolderReadOnly, NotAFolder

HOLDER_SECONDS: Final = 0.5  # for a process that was just killed to be gone
READ_ONLY: Final = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT}  # the last: /proc and its like


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Make `data` if needed and hold it: `DataFolderHeld`, `DataFolderReadOnly` or `NotAFolder` if that fails."""
    try:
        data.mkdir(mode=0o711, parents=True, exist_ok=True)
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except (FileExistsError, NotADirectoryError):
        raise NotAFolder(data) from None
    except OSError as error:
        if error.errno in READ_ONLY:
            raise DataFolderReadOnly(data, error.strerror or "") from None
        raise
    try:
        if not taken(lock, within=HOLDER_SECONDS):
            raise DataFolderHeld(data, first_number(data / "lock"))
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d" % os.getpid(), 0)
        yield
    finally:
        os.close(lock)


def first_number(path: Path) -> int:
    """The number in the first line of `path`, usually a pid; 0 if there is none, or what a power cut left of it."""
    try:
        return int(path.read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return 0


@contextmanager
def without_server(data: Path, *, within: float) -> Iterator[int]:
    """`server.lock`, for a server to inherit; waits up to `within` seconds for the last one to end."""
    lock = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not taken(lock, within=within):
            raise DataFolderHeld(data, first_number(data / "cluster" / "postmaster.pid"))
        yield lock
    finally:
        os.close(lock)


def server_is_gone(data: Path, *, within: float) -> bool:
    """Whether all PostgreSQL processes of `data` have ended, waiting up to `within` seconds."""
    try:
        with without_server(data, within=within):
            return True
    except FileNotFoundError:  # somebody removed the folder
        return True
    except DataFolderHeld:
        return False


def taken(lock: int, *, within: float) -> bool:
    """Try for `within` seconds to lock the open file `lock`. flock has no timeout, hence the polling."""
    deadline = time.monotonic() + within
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        else:
            return True
