"""A replay in as many processes as there are cores: each takes a range of streams, in the same snapshot."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import Protocol, Self, TypeVar, cast

import psycopg

from infrastructure.collector import spared_collector
from infrastructure.faults import CannotStart
from infrastructure.replay.comparison import Comparison, Findings
from infrastructure.replay.numbers import misnumbered
from infrastructure.replay.snapshot import reading, taken
from infrastructure.replay.streams import IllegibleEvent
from projections import PROJECTIONS

Progress = Callable[[int], None]
"""Told how many more events are done."""


class Joinable(Protocol):
    """What comes of a range."""

    def join(self, other: Self) -> None:
        """Take in what came of the next range."""


Found_co = TypeVar("Found_co", bound=Joinable, covariant=True)
Found = TypeVar("Found", bound=Joinable)


class Work(Protocol[Found_co]):
    """What one process does with a range of streams."""

    def run(self, progress: Progress) -> Found_co:
        """Do it. Raises `IllegibleEvent` and `psycopg.Error`."""


@dataclass(frozen=True, slots=True)
class Task:
    """Compare the read models of a range."""

    conninfo: str
    snapshot: str
    positions: dict[str, int]
    lowest: int
    highest: int

    def run(self, progress: Progress) -> Findings:
        """Compare."""
        with reading(self.conninfo, self.snapshot) as connection:
            comparison = Comparison(connection, PROJECTIONS, self.positions)
            return comparison.compare(self.lowest, self.highest, progress=progress)


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it, and as of which positions."""

    findings: Findings
    positions: dict[str, int]


def replay(conninfo: str, *, processes: int, begun: Progress, progress: Progress, apart: bool = False) -> Replay:
    """Compare everything. `begun` is told about how many events there are, `progress` how many more are done.

    `apart`: none of it in this process, which has others to answer.
    """
    with taken(conninfo) as snapshot:
        events, ranges = snapshot.ranges(processes)
        begun(events)
        if len(ranges) == 1 and not apart:
            with illegible_told(), spared_collector():
                comparison = Comparison(snapshot.connection, PROJECTIONS, snapshot.positions)
                findings = comparison.compare(*ranges[0], progress=progress)
        else:
            tasks = [Task(conninfo, snapshot.name, snapshot.positions, *bounds) for bounds in ranges]
            findings = together(tasks, progress)
        findings.add(misnumbered(snapshot.connection))
        return Replay(findings, snapshot.positions)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def illegible_told() -> Iterator[None]:
    """An event that this version cannot read ends a replay: whatever it led to cannot be compared."""
    try:
        yield
    except IllegibleEvent as fault:
        raise CannotStart(str(fault)) from fault


def together(tasks: Sequence[Work[Found]], progress: Progress) -> Found:
    """Run tasks side by side, and put together what they found, in order."""
    found: dict[int, Found] = {}
    with _started(tasks) as pipes:
        unfinished = {pipe: number for number, pipe in enumerate(pipes)}
        while unfinished:
            for ready in wait([*unfinished]):
                pipe = cast("Pipe", ready)
                message: int | Found = _received(pipe)
                if isinstance(message, int):
                    progress(message)
                else:
                    found[unfinished.pop(pipe)] = message
    whole = found[0]
    for number in range(1, len(tasks)):
        whole.join(found[number])
    return whole


@contextmanager
def _started(tasks: Sequence[Work[Joinable]]) -> Iterator[list[Pipe]]:
    """A process for each task, and the pipes on which they tell how it goes. None outlives the context."""
    context = multiprocessing.get_context("spawn")
    processes, pipes = [], []
    try:
        for task in tasks:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_run, args=(task, theirs), daemon=True)
            with _uninterrupted():
                process.start()
            theirs.close()
            processes.append(process)
            pipes.append(ours)
        yield pipes
    finally:
        for process in processes:
            process.terminate()
            process.join()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Who is started here ignores Ctrl-C from its first moment: whoever started it ends it, without a word.

    Only a main thread may say so; what another one starts ignores it a moment later.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _received(pipe: Pipe) -> int | Found:
    """Progress or the end of a process; its failure is ours."""
    try:
        message: int | str | Found = pipe.recv()
    except EOFError:
        raise CannotStart("a process of the replay died") from None
    if isinstance(message, str):
        raise CannotStart(message)
    return message


def _run(task: Work[Joinable], pipe: Pipe) -> None:
    """Do one task, and tell how it goes. Who started this process says when it ends before its time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with spared_collector():
            pipe.send(task.run(pipe.send))
    except IllegibleEvent as fault:
        pipe.send(str(fault))
    except psycopg.Error as fault:
        pipe.send(f"the database cannot be read: {type(fault).__name__}")
    except BrokenPipeError:
        pass  # nobody waits for it any more
