"""The measurements, each one command: `./run bench NAME [--quick]`.

A bench is one module with `run(quick: bool) -> Report`, named in BENCHES.
"""

import json
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Final, NoReturn, Protocol, cast

from bench.report import BenchError, Report

BENCHES: Final = {
    "append": "bench.append",
    "commands": "bench.commands",
    "decisions": "bench.decisions",
    "export": "bench.export",
    "growth": "bench.growth",
    "projections": "bench.projections",
    "queries": "bench.queries",
    "past": "bench.past",
    "monitoring": "bench.monitoring",
    "peers": "bench.peer_check",
    "pipeline": "bench.pipeline",
    "replay": "bench.replay",
    "sanctions": "bench.sanctions",
    "streams": "bench.streams",
    "verify": "bench.verify",
    "tree": "bench.tree",
}


class Bench(Protocol):
    """What a bench's module offers."""

    def run(self, *, quick: bool) -> Report:
        """Measure, and compare with the targets. `quick` keeps it under a minute."""


def main(name: str, *, quick: bool) -> int:
    """Run one bench and print its report. Return 0 only if every target is met, 2 for an unknown name."""
    if name not in BENCHES:
        print(f"no bench named {name}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, _leave)
    bench = cast("Bench", import_module(BENCHES[name]))
    try:
        report = bench.run(quick=quick)
    except BenchError as failure:
        print(f"bench {name} failed: {failure}", file=sys.stderr)
        print(json.dumps({"bench": name, "met": False, "error": str(failure)}))
        return 1
    report.show()
    return 0 if report.met else 1


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """End through the `finally` blocks, so that no server is left running."""
    raise SystemExit(128 + number)
