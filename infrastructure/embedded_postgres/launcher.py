"""Becomes a PostgreSQL program: drops root, ties its life to the parent's, then execs.

Run by path in a bare interpreter, since a fork of a threaded parent may do none of this safely. The order matters:
setuid clears the death signal, and the parent may have died before it was asked for.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def main(command: list[str], parent: int, death: int, uid: int, gid: int) -> None:
    """Exec `command` as `uid`; it gets signal `death` (0: none) when the thread that started us ends."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if death and death != signal.SIGKILL:
        signal.signal(death, signal.SIG_DFL)  # a shell's background ignores some signals, and exec hands that on
    if death and sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death, 0, 0, 0) != 0:
            sys.exit(f"PR_SET_PDEATHSIG: {os.strerror(ctypes.get_errno())}")
    elif death:
        watch(os.getpid(), death)
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


def watch(server: int, death: int) -> None:
    """Where the kernel has no death signal: fork a watcher that waits for the end of stdin, a pipe from the parent."""
    if os.fork() == 0:
        os.closerange(1, 2**16)  # above all the lock that tells whether a server runs
        os.read(0, 1)
        try:
            os.kill(server, death)
        finally:
            os._exit(0)


if __name__ == "__main__":
    main(sys.argv[5:], *map(int, sys.argv[1:5]))
