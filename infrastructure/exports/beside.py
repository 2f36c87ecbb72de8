"""Work in a process of its own beside the service, which neither waits for it nor is outlived by it."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection as Pipe
from typing import Final, TypeVar

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
    ready, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(ours.fileno(), ready.set)
    try:
        await ready.wait()
        outcome: T | Exception = ours.recv()
    except EOFError:
        raise Died from None
    finally:
        loop.remove_reader(ours.fileno())
        ours.close()
        process.kill()
        process.join()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


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
