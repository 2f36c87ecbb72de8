"""As whom the server runs, and where it can: an account that is not root, and a folder which that account can enter.

The data itself needs no reachable path (see supervisor.py). The socket and the binaries do, so when the account cannot
enter the data folder, or the socket's path would be too long, they go into a temporary folder named after the data
folder's inode: the same one at every start, so a connection string survives a restart and a kill -9 leaves no litter
for long. Nobody's permissions are loosened for this.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infrastructure.embedded_postgres.errors import CannotBecome, NowhereToRun

UNPRIVILEGED: Final = 65534
LONGEST_SOCKET_PATH: Final = 107 if sys.platform == "linux" else 103
SOCKET: Final = "run/.s.PGSQL.5432"


@dataclass(frozen=True)
class Account:
    """Whom the server runs as."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether that is ourselves."""
        return self.uid == os.geteuid()

    def enters(self, path: Path) -> bool:
        """Whether this account can search the folder, or execute the file, at `path`: found by trying."""
        if self.is_ours:
            return True
        try:
            command = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
            done = subprocess.run(command, user=self.uid, group=self.gid, extra_groups=[], check=False)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotBecome(self.uid, str(error)) from None
        return done.returncode == 0

    def give(self, path: Path) -> None:
        """Make this account the owner of `path`."""
        if self.is_ours:
            return
        try:
            os.chown(path, self.uid, self.gid)
        except PermissionError as error:
            raise CannotBecome(self.uid, f"chown: {error.strerror}") from None


def account_for(cluster: Path) -> Account:
    """Ourselves; as root, the owner of the data there is, or else postgres, nobody, or nobody's usual uid."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return Account(UNPRIVILEGED, UNPRIVILEGED)


@contextmanager
def place_for(data: Path, account: Account) -> Iterator[Path]:
    """Where `account` can have socket and binaries: `data` itself, or a temporary folder, removed at the end."""
    if fits(data) and account.enters(data):
        yield data
        return
    temporary = temporary_place(data, account)
    held_open = os.open(temporary, os.O_RDONLY)
    try:
        fcntl.flock(held_open, fcntl.LOCK_SH)  # tells systemd-tmpfiles that it is in use, however old
        yield temporary
    finally:
        os.close(held_open)
        shutil.rmtree(temporary, ignore_errors=True)


def fits(place: Path) -> bool:
    """Whether a socket in `place` can be named: libpq and the server split a list at commas, and honour quotes."""
    socket = os.fsencode(place / SOCKET)
    return len(socket) <= LONGEST_SOCKET_PATH and not set(socket) & set(b',"')


def temporary_place(data: Path, account: Account) -> Path:
    """The temporary folder of `data`, made if it is not there."""
    inode = data.stat()
    name = f"gatehouse-{inode.st_dev:x}-{inode.st_ino:x}"
    for parent in dict.fromkeys(map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp", "/var/lib"))):  # noqa: S108
        place = parent / name
        if fits(place) and executable(parent) and made_anew(place):
            if account.enters(place):
                return place
            place.rmdir()
    raise NowhereToRun(account.uid)


def executable(folder: Path) -> bool:
    """Whether `folder` can be written and lies on a file system that programs may be run from."""
    return os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)


def made_anew(place: Path) -> bool:
    """Make `place`, in the stead of one that a kill -9 left. In a shared folder others may have come first: then no."""
    try:
        if os.path.lexists(place):
            shutil.rmtree(place)  # refuses a link
        place.mkdir()
    except OSError:
        return False
    place.chmod(0o711)
    return True
