"""PostgreSQL's data directory on disk: made whole or not at all, and read where PostgreSQL documents its files."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

from infrastructure.embedded_postgres.errors import OtherMajorVersion, PasswordMissing, ServerFailed, UserWithoutName
from infrastructure.embedded_postgres.launch import Launch
from infrastructure.embedded_postgres.locks import first_number

INITDB_SECONDS: Final = 120
INITDB: Final = (
    "--username=postgres",
    "--pwfile=/dev/stdin",
    "--auth-local=scram-sha-256",
    "--auth-host=scram-sha-256",
    "--data-checksums",
    "--encoding=UTF8",
    "--locale=C",
    "--no-instructions",
)
BUILTIN_LOCALE: Final = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")
BUILTIN_LOCALE_SINCE: Final = 17
STATUS_LINE: Final = 7  # of postmaster.pid, as in PostgreSQL's miscadmin.h


def make(data: Path, launch: Launch) -> None:
    """Run initdb beside the final names, then rename: a kill at any point leaves only what the next try removes."""
    account = launch.account
    known_user(account.uid)
    cluster, password = data / "cluster.new", data / "password.new"
    shutil.rmtree(cluster, ignore_errors=True)
    password.unlink(missing_ok=True)
    cluster.mkdir(mode=0o700)
    password.touch(mode=0o600)
    password.write_text(token_urlsafe(24))
    account.give(cluster)
    account.give(password)
    initdb(cluster, password, launch)
    os.chown(password, os.geteuid(), os.getegid())
    for path in (password, cluster):
        sync(path)
        path.rename(path.with_suffix(""))
        sync(data)


def initdb(cluster: Path, password: Path, launch: Launch) -> None:
    """Make a database cluster in the empty folder `cluster`; initdb itself syncs it to disk."""
    options = INITDB + (BUILTIN_LOCALE if launch.programs.major >= BUILTIN_LOCALE_SINCE else ())
    death = signal.SIGKILL if sys.platform == "linux" else 0  # elsewhere it may finish; the next start waits
    with password.open("rb") as stdin:
        process = launch.program("initdb", *options, cluster=cluster, death=death, stdin=stdin)
    try:
        failed = process.wait(timeout=INITDB_SECONDS) != 0
    except subprocess.TimeoutExpired:
        failed = True
    finally:
        process.kill()
        process.wait()
    if failed:
        raise ServerFailed("initdb failed", launch.last_words())


def known_user(uid: int) -> None:
    """Raise `UserWithoutName` for a uid that initdb would refuse."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise UserWithoutName(uid) from None


def sync(path: Path) -> None:
    """Make a file's content, or a folder's list of names, survive a power cut."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def check_major(cluster: Path, ours: int) -> None:
    """Raise `OtherMajorVersion` if another major version made this cluster."""
    found = first_number(cluster / "PG_VERSION")
    if found not in {ours, 0}:  # without a number, PostgreSQL says what is wrong
        raise OtherMajorVersion(found=found, ours=ours)


def forget_stale_pid(cluster: Path) -> None:
    """Remove a postmaster.pid that is damaged or, as is common in containers, whose number is somebody else's now.

    PostgreSQL would refuse either: it takes any living process of its user for its predecessor. Everything else is left
    to its own check. Call this with the server's lock in hand.
    """
    left = cluster / "postmaster.pid"
    number = first_number(left)
    owner = "postgres"
    with suppress(OSError):  # nobody, or no /proc
        owner = Path(f"/proc/{number}/comm").read_text().strip()
    if not number or owner != "postgres":
        left.unlink(missing_ok=True)


def is_ready(cluster: Path, pid: int) -> bool:
    """Whether the server `pid` says in its postmaster.pid that it accepts connections."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > STATUS_LINE and lines[0] == str(pid) and lines[STATUS_LINE].strip() == "ready"


def password(data: Path) -> str:
    """The superuser's password, as `make` wrote it."""
    try:
        return (data / "password").read_text()
    except FileNotFoundError:
        raise PasswordMissing(data / "password") from None
