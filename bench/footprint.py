"""What a process tree costs: processor time and memory, read from Linux's /proc.

Memory is PSS, the proportional set size: a page shared by n processes counts 1/n in each, so a tree's sum is what the
tree really holds. A process that ends while it is read counts as nothing.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
SAMPLE_EVERY: Final = 0.5


def tree(root: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if fields := _stat(stat):
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [root]
    for process in found:
        found.extend(children.get(process, ()))
    return found


def runs(process: int) -> bool:
    """Whether the process is there and not a zombie."""
    return _stat(Path(f"/proc/{process}/stat"))[:1] not in ([], ["Z"])


def cpu_seconds(root: int) -> float:
    """Return the processor time, user and system, that the tree's living processes have used."""
    stats = [_stat(Path(f"/proc/{process}/stat")) for process in tree(root)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats if fields) / TICKS_PER_SECOND


def memory_mb(root: int) -> float:
    """Return the tree's PSS in megabytes of 10^6 bytes."""
    return sum(_pss_kib(process) for process in tree(root)) * 1024 / 1e6


@dataclass
class Peak:
    """The highest sample so far."""

    mb: float = 0.0


def peak_mb(process: int) -> float:
    """Return the most that was ever resident of a living process, in megabytes of 10^6 bytes; 0 of one that ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int((status.partition("VmHWM:")[2].split() or ["0"])[0]) * 1024 / 1e6


@contextmanager
def watch_memory(root: int) -> Iterator[Peak]:
    """Sample the tree's memory twice a second while the block runs, and once at its end."""
    peak, over = Peak(), threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_EVERY):
            peak.mb = max(peak.mb, memory_mb(root))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
        peak.mb = max(peak.mb, memory_mb(root))


def _stat(path: Path) -> list[str]:
    """Return the fields of a stat file after the command's name, which may itself hold blanks and brackets."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _pss_kib(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
