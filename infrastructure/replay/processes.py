"""A replay in as many processes as there are cores: each compares a range of streams, in the same snapshot."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import cast

import psycopg

from infrastructure.collector import spared_collector
from infrastructure.faults import CannotStart
from infrastructure.replay.comparison import Comparison, Findings, IllegibleEvent
from infrastructure.replay.snapshot import reading, taken
from projections import PROJECTIONS


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does."""

    conninfo: str
    snapshot: str
    positions: dict[str, int]
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it, and as of which positions."""

    findings: Findings
    positions: dict[str, int]


def replay(conninfo: str, *, processes: int, begun: Callable[[int], None], progress: Callable[[int], None]) -> Replay:
    """Compare everything. `begun` is told about how many events there are, `progress` how many more are done."""
    with taken(conninfo) as snapshot:
        events, ranges = snapshot.ranges(processes)
        begun(events)
        if len(ranges) == 1:
            with _illegible_told(), spared_collector():
                comparison = Comparison(snapshot.connection, PROJECTIONS, snapshot.positions)
                return Replay(comparison.compare(*ranges[0], progress=progress), snapshot.positions)
        tasks = [Task(conninfo, snapshot.name, snapshot.positions, *bounds) for bounds in ranges]
        return Replay(together(tasks, progress), snapshot.positions)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _illegible_told() -> Iterator[None]:
    """An event that this version cannot read ends a replay: whatever it led to cannot be compared."""
    try:
        yield
    except IllegibleEvent as fault:
        raise CannotStart(str(fault)) from fault


def together(tasks: list[Task], progress: Callable[[int], None]) -> Findings:
    """Run tasks side by side, and put together what they found, in order."""
    whole, found = Findings(), [Findings() for _ in tasks]
    with _started(tasks) as pipes:
        unfinished = {pipe: number for number, pipe in enumerate(pipes)}
        while unfinished:
            for ready in wait([*unfinished]):
                pipe = cast("Pipe", ready)
                message = _received(pipe)
                if isinstance(message, int):
                    progress(message)
                else:
                    found[unfinished.pop(pipe)] = message
    for findings in found:
        whole.join(findings)
    return whole


@contextmanager
def _started(tasks: list[Task]) -> Iterator[list[Pipe]]:
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
    """Who is started here ignores Ctrl-C from its first moment: whoever started it ends it, without a word."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _received(pipe: Pipe) -> int | Findings:
    """Progress or the end of a process; its failure is ours."""
    try:
        message: int | str | Findings = pipe.recv()
    except EOFError:
        raise CannotStart("a process of the replay died") from None
    if isinstance(message, str):
        raise CannotStart(message)
    return message


def _run(task: Task, pipe: Pipe) -> None:
    """Do one task, and tell how it goes. Who started this process says when it ends before its time."""
    try:
        with reading(task.conninfo, task.snapshot) as connection, spared_collector():
            comparison = Comparison(connection, PROJECTIONS, task.positions)
            pipe.send(comparison.compare(task.lowest, task.highest, progress=pipe.send))
    except IllegibleEvent as fault:
        pipe.send(str(fault))
    except psycopg.Error as fault:
        pipe.send(f"the database cannot be read: {type(fault).__name__}")
    except BrokenPipeError:
        pass  # nobody waits for it any more
