"""Customers per second from `POST` to `active`: HTTP, signature, screening, KYC session, signed callback, projections.

One `serve` and its one `work` process, sandbox vendors, one PostgreSQL; the partner that loads them shares the machine.
"""

import os
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import uvloop

from bench import sides
from bench.footprint import cpu_seconds, tree
from bench.onboarding import Onboarded, bring
from bench.postgres import postgres
from bench.report import Report, Target
from bench.server import Server, serving

AT_LEAST: Final = 150.0
PARTNERS: Final = 64
SECONDS: Final = {True: 10.0, False: 60.0}
WARM_UP: Final = 3.0
SATURATED: Final = 0.85
"""The share of a core, or of all cores, from which on it is what limits."""


def run(*, quick: bool) -> Report:
    """Onboard customers, and see who was busy."""
    with postgres() as machine:
        database = machine.create_database("gatehouse")
        key = sides.prepare(database, machine.folder).key
        with serving("gatehouse", sides.gatehouse(database), folder=machine.folder) as server:
            uvloop.run(bring(server.port, key, partners=PARTNERS, seconds=WARM_UP))
            server.settle()
            before, start = _used(server, machine.folder), time.monotonic()
            onboarded = uvloop.run(bring(server.port, key, partners=PARTNERS, seconds=SECONDS[quick]))
            took = time.monotonic() - start
            busy = {name: (used - before[name]) / took for name, used in _used(server, machine.folder).items()}
        return report(onboarded, took, busy, machine.version())


def report(onboarded: Onboarded, seconds: float, busy: Mapping[str, float], version: str) -> Report:
    """Compare with the target, and say what limits. `busy` has cores by process."""
    rate = round(len(onboarded.at) / seconds, 1)
    cuts = statistics.quantiles(onboarded.took, n=100)
    figures = {
        "customers_per_s": rate,
        "limit": limit(busy),
        "busy_cores": {name: round(share, 2) for name, share in busy.items()},
        "customers": len(onboarded.at),
        "at_once": PARTNERS,
        "p50_ms": round(cuts[49] * 1e3, 1),
        "p99_ms": round(cuts[98] * 1e3, 1),
        "postgresql": version,
    }
    return Report(
        bench="pipeline",
        figures=figures,
        targets=[Target(name="customers_per_s", measured=rate, sense="at_least", bound=AT_LEAST)],
        columns=("process", "cores busy"),
        rows=[(name, f"{share:.2f}") for name, share in busy.items()],
    )


def limit(busy: Mapping[str, float]) -> str:
    """What keeps it from going faster: a process that fills its one core, all cores together, or waiting."""
    cores = os.cpu_count() or 1
    name, most = max(((name, share) for name, share in busy.items() if name != "postgresql"), key=lambda pair: pair[1])
    if most >= SATURATED:
        return f"{name} fills a core"
    if sum(busy.values()) >= SATURATED * cores:
        return f"all {cores} cores are busy, {max(busy, key=lambda name: busy[name])} most"
    return "waiting: for the disk, and for steps to be taken up"


def _used(server: Server, folder: Path) -> dict[str, float]:
    """Processor seconds so far, by process."""
    work = next(process for process in tree(server.pid)[1:] if _is_work(process))
    working = cpu_seconds(work)
    postmaster = next(folder.rglob("postmaster.pid")).read_text().split()[0]
    return {
        "serve": cpu_seconds(server.pid) - working,
        "work": working,
        "postgresql": cpu_seconds(int(postmaster)),
        "load": time.process_time(),
    }


def _is_work(process: int) -> bool:
    with suppress(OSError):
        return b"work" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return False
