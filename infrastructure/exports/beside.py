"""Work in a process of its own, which whoever began it does not outlive, nor is outlived by."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final, TypeVar

NICENESS: Final = 10
"""Who answers requests, on the same cores, goes first."""

T = TypeVar("T")


class Died(Exception):
    """The process is gone without a word: it was killed."""


async def beside(work: Callable[[], T]) -> T:
    """Do `work` meanwhile, which can be pickled with what it answers and raises. Raises that, and `Died`."""
    with _begun(partial(_answer, work)) as pipe:
        # In a thread, since uvloop makes what it watches non-blocking: what is longer than a pipe holds came in part.
        answer: T = await asyncio.to_thread(_received, pipe)
        return answer


@contextmanager
def each_beside(work: Callable[[], Iterable[T]]) -> Iterator[Iterator[T]]:
    """What comes of `work`, one after another, at the pace of whoever takes it. Raises what it raises, and `Died`."""
    with _begun(partial(_answer_each, work)) as pipe:
        yield iter(partial(_received, pipe), None)


@contextmanager
def _begun(work: Callable[[Pipe], None]) -> Iterator[Pipe]:
    """A process that works, and the pipe on which it hands over. It is gone when the context is left."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(work, theirs))
    process.start()
    theirs.close()
    try:
        yield ours  # closed once nobody has it any more: a thread may still wait for it
    finally:
        process.kill()
        process.join()


def _received(pipe: Pipe) -> Any:  # noqa: ANN401 -- whatever is handed over
    """What comes through the pipe next. Raises `Died`, and what the process raised."""
    try:
        outcome = pipe.recv()
    except EOFError:
        raise Died from None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _answer(work: Callable[[], object], pipe: Pipe) -> None:
    os.nice(NICENESS)
    pipe.send(work())


def _answer_each(work: Callable[[], Iterable[object]], pipe: Pipe) -> None:
    for item in work():
        pipe.send(item)
    pipe.send(None)


def _run(work: Callable[[Pipe], None], pipe: Pipe) -> None:
    """The process: does the work, and hands over what comes of it."""
    for told in (signal.SIGINT, signal.SIGTERM):  # a whole group is often told to end: whoever started it ends it
        signal.signal(told, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(pipe)
    except BrokenPipeError:
        pass  # nobody waits for it any more
    except Exception as fault:  # noqa: BLE001 -- the edge of this process: it is raised again in the other one
        pipe.send(fault)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
