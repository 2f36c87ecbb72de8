"""Disks for a drill: one that can be filled, or where nobody may mount, a PostgreSQL that refuses to write.

The small disk is a tmpfs in the mount namespace of the service's own process tree: the kernel takes it away with the
last of them. The drill reaches in through /proc/PID/root.
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench.drill_service import DrilledService, data_of

SIZE: Final = "256m"
BLOCK: Final = bytes(1 << 20)
MOUNT: Final = f'mount -t tmpfs -o size={SIZE},mode=0711 drill "$0" && exec "$@"'


class Disk(Protocol):
    """What a drill can do to a service's disk."""

    name: str

    def fill(self) -> None:
        """Leave no room. Harmless twice: what the server gave up since is taken too."""

    def free(self) -> None:
        """Make room again."""


def mounted(folder: Path) -> Sequence[str] | None:
    """What gives a command below `folder` a small disk for its data; None where this process may not mount."""
    unshare, shell = shutil.which("unshare"), "/bin/sh"
    if os.geteuid() != 0 or unshare is None:
        return None
    data_of(folder).mkdir(mode=0o711)
    within = (unshare, "--mount", "--propagation", "private", shell, "-c", MOUNT, str(data_of(folder)))
    done = subprocess.run([*within, "true"], capture_output=True, check=False)  # noqa: S603 -- our own command line
    return within if done.returncode == 0 else None


class SmallDisk:
    """The tmpfs, filled with one file of zeros."""

    name = "tmpfs"

    def __init__(self, service: DrilledService, data: Path) -> None:
        self._filler = _within(service, data) / "filler"

    def fill(self) -> None:
        """Write until there is no room, a block at a time and then a page at a time."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (len(BLOCK), 4096):
                try:
                    while file.write(BLOCK[:size]):
                        pass
                except OSError as full:
                    if full.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Remove the file."""
        self._filler.unlink(missing_ok=True)


class ReadOnlyServer:
    """A server whose every transaction is read-only, as with a primary that was made a standby."""

    name = "read-only"

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._refuses = False

    def fill(self) -> None:
        """Refuse writes."""
        if not self._refuses:
            self._say("ALTER SYSTEM SET default_transaction_read_only = on")
        self._refuses = True

    def free(self) -> None:
        """Take them again."""
        self._say("ALTER SYSTEM RESET default_transaction_read_only")
        self._refuses = False

    def _say(self, statement: str) -> None:
        with psycopg.connect(self._conninfo, autocommit=True, options="-c default_transaction_read_only=off") as owner:
            owner.execute(statement.encode())
            owner.execute("SELECT pg_reload_conf()")


def conninfo_of(service: DrilledService, data: Path) -> str:
    """The embedded server's connection, which `serve` notes, by a path that is good outside of its mounts."""
    noted = (_within(service, data) / "connection").read_text()
    return make_conninfo(noted, host=str(_within(service, Path(str(conninfo_to_dict(noted)["host"])))))


def _within(service: DrilledService, path: Path) -> Path:
    return Path(f"/proc/{service.pid}/root") / path.relative_to("/")
