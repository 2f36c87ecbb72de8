"""Work in a process of its own beside the service, which neither waits for it nor is outlived by it."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final, TypeVar

NICENESS: Final = 10
"""Who answers requests, on the same cores, goes first."""

T = TypeVar("T")


class Died(Exception):
    """The process is gone without a word: it was killed."""


async def beside(work: Callable[[], T]) -> T:
    """Do `work`, which can be pickled with what it answers and raises. Raises that, and `Died`."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        # In a thread, since uvloop makes what it watches non-blocking: what is longer than a pipe holds came in part.
        outcome: T | Exception = await asyncio.to_thread(_received, ours)
    except EOFError:
        raise Died from None
    finally:
        process.kill()
        process.join()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _received(pipe: Pipe) -> Any:  # noqa: ANN401 -- whatever is handed back
    """What comes through the pipe. Raises `EOFError` where the process ends without a word."""
    with pipe:
        return pipe.recv()


def _run(work: Callable[[], object], pipe: Pipe) -> None:
    """The process: does the work, and hands back what came of it."""
    os.nice(NICENESS)
    for told in (signal.SIGINT, signal.SIGTERM):  # a whole group is often told to end: whoever started it ends it
        signal.signal(told, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        pipe.send(work())
    except Exception as fault:  # noqa: BLE001 -- the edge of this process: it is raised again in the other one
        pipe.send(fault)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
