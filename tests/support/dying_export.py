"""`export`, in a process that is killed at the n-th thing that it writes, in the midst of it.

`python dying_export.py N --output …`; with N = 0 it lives.
"""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from infrastructure.cli import main
from infrastructure.exports import bundle
from infrastructure.exports.growing_file import GrowingFile
from infrastructure.exports.parts import Parts
from infrastructure.exports.stretches import STRETCH
from infrastructure.exports.target import Target

left = int(sys.argv.pop(1))
append, put, keep, hand_over = GrowingFile.append, Parts.put, Target.keep, Target.hand_over


def now() -> bool:
    """Whether this is the moment."""
    global left  # noqa: PLW0603 -- the countdown of a process
    left -= 1
    return left == 0


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def dying_append(file: GrowingFile, data: bytes) -> None:
    if now():
        append(file, data[: len(data) // 2])
        file.sync()
        die()
    append(file, data)


def dying_put(parts: Parts, name: str, data: bytes) -> None:
    if now():
        put(parts, name, data[: len(data) // 2])
        die()
    put(parts, name, data)


def dying_keep(target: Target, *state: object) -> None:
    if now():
        Path(target.partial / "state.json.new").write_text('{"asked"')
        die()
    keep(target, *state)  # type: ignore[arg-type] # as it came


def dying_hand_over(target: Target) -> None:
    if now():
        die()
    hand_over(target)


if __name__ == "__main__":
    bundle.STEP = 2 * STRETCH  # type: ignore[misc] # it is Final: small steps for a small log
    for owner, name, dying in (
        (GrowingFile, "append", dying_append),
        (Parts, "put", dying_put),
        (Target, "keep", dying_keep),
        (Target, "hand_over", dying_hand_over),
    ):
        setattr(owner, name, dying)
    sys.argv.insert(1, "export")
    main()
