"""The parent's side of launcher.py: starts PostgreSQL's programs, and hears their last words."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from infrastructure.embedded_postgres import launcher
from infrastructure.embedded_postgres.binaries import Binaries
from infrastructure.embedded_postgres.place import Account

# Nothing else of our environment: it may hold secrets, and another user would see them in /proc.
ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True)
class Launch:
    """What every program of one start has in common. They inherit `lock`, so that it tells when all have ended."""

    programs: Binaries
    account: Account
    lock: int
    log: Path
    log_start: int

    @classmethod
    def with_log(cls, log: Path, *, programs: Binaries, account: Account, lock: int) -> "Launch":
        """A launch that goes on writing to `log`."""
        log.touch(mode=0o600)
        return cls(programs=programs, account=account, lock=lock, log=log, log_start=log.stat().st_size)

    def program(
        self, name: str, *arguments: str, cluster: Path, death: int, stdin: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start `name` on the folder `cluster`, to get the signal `death` when this thread ends.

        Another user may be unable to walk the path to `cluster`, so it gets the folder as an open file. (Being started
        inside, with /proc/self/cwd, would do for PostgreSQL 16 and later; earlier ones change directory first.)
        """
        become = [os.getpid(), death, self.account.uid, self.account.gid, self.programs.bin / name]
        with self.log.open("ab") as log, opened(cluster) as folder:
            by_file = sys.platform == "linux" and not self.account.is_ours
            path = f"/proc/self/fd/{folder}" if by_file else str(cluster)
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", launcher.__file__, *map(str, become), "-D", path, *arguments],
                cwd="/",
                env={key: os.environ[key] for key in ENVIRONMENT if key in os.environ} | {"LC_ALL": "C", "TZ": "UTC"},
                stdin=stdin,
                stdout=log,
                stderr=log,
                pass_fds=(self.lock, folder),
                start_new_session=True,  # Ctrl-C in a terminal is for us: the server ends after we have
            )

    def last_words(self) -> str:
        """The last lines that this start's programs wrote to the log."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-5:])


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A file descriptor of `folder`."""
    number = os.open(folder, os.O_RDONLY)
    try:
        yield number
    finally:
        os.close(number)
