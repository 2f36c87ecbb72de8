"""Events a second that `./run export` writes as a bundle, held against what psql copies of the same rows.

Both are whole commands on the same database, turn by turn: the bundle's time has the interpreter's start in it, and
the tiles, the digests and the signature.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import psycopg

from bench.footprint import peak_mb, tree
from bench.history import load_log
from bench.postgres import Database, Postgres, postgres
from bench.report import BenchError, Report, Target
from bench.server import MODULES
from infrastructure.embedded_postgres.binaries import find
from infrastructure.exports.reading_entries import ENTRIES
from infrastructure.migrate import migrate
from infrastructure.postgres import service_conninfo
from infrastructure.transparency.builder import TreeBuilder

EVENTS: Final = 1_000_000
FEW: Final = 100_000
QUICK_EVENTS: Final = 100_000
QUICK_FEW: Final = 20_000
TURNS: Final = 5
LEAST_RATIO: Final = 0.40
MOST_MEMORY: Final = 1.1
SAMPLE_EVERY: Final = 0.02

_COPY: Final = (
    "\\copy (SELECT originator_id, originator_version, topic, state, notification_id, recorded_at"
    " FROM gatehouse.stored_events WHERE notification_id <= {events} ORDER BY notification_id) TO '{file}'"
)


class Turn(NamedTuple):
    """One export and one copy: seconds of each on the clock, of the export without its start, and its peak memory."""

    copied: float
    exported: float
    without_start: float
    peak_mb: float


def run(*, quick: bool) -> Report:
    """Load two logs, and export each several times."""
    sizes = (QUICK_FEW, QUICK_EVENTS) if quick else (FEW, EVENTS)
    with postgres() as server:
        few, many = (_turns(server, events) for events in sizes)
        measured = {"postgresql": server.version(), "events": sizes[1]}
    return report(few, many, measured, quick=quick)


def report(few: list[Turn], many: list[Turn], measured: dict[str, object], *, quick: bool) -> Report:
    """Compare with the targets: the median turn. So few events as `quick` has say nothing of the rate."""
    ratio = round(median(turn.copied / turn.exported for turn in many), 3)
    memory = round(median(turn.peak_mb for turn in many) / median(turn.peak_mb for turn in few), 3)
    events = int(str(measured["events"]))
    figures = {
        "events_per_s": round(events / median(turn.exported for turn in many)),
        "events_per_s_without_start": round(events / median(turn.without_start for turn in many)),
        "copied_per_s": round(events / median(turn.copied for turn in many)),
        "ratio": ratio,
        "peak_mb": round(median(turn.peak_mb for turn in many), 1),
        "memory_ratio": memory,
    }
    rate = Target(name="ratio", measured=ratio, sense="at_least", bound=LEAST_RATIO)
    return Report(
        bench="export",
        figures={**figures, **measured},
        targets=[
            *([] if quick else [rate]),
            Target(name="memory_ratio", measured=memory, sense="at_most", bound=MOST_MEMORY),
        ],
        columns=("turn", "\\copy s", "export s", "without start s", "ratio", "peak MB"),
        rows=[_row(number, turn) for number, turn in enumerate(many, 1)],
    )


def _turns(server: Postgres, events: int) -> list[Turn]:
    """Several turns over a log of so many events, and a first one that is not counted."""
    database = server.create_database(f"log_{events}")
    migrate(database.conninfo)
    loaded = load_log(database.conninfo, events)
    asyncio.run(TreeBuilder(service_conninfo(database.conninfo)).catch_up())
    with psycopg.connect(database.conninfo, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
        owner.execute("CHECKPOINT")
    folder = server.folder / f"exports-{events}"
    folder.mkdir()
    turns = [_turn(database, folder / str(turn), loaded) for turn in range(TURNS + 1)]
    shutil.rmtree(folder)  # not before: a file system looks long for a file's place among those that just were others'
    return turns[1:]


def _turn(database: Database, folder: Path, events: int) -> Turn:
    folder.mkdir()
    copied = folder / "copied"
    copy = _COPY.format(events=events, file=copied)
    _, copying, _ = _timed([str(find().bin / "psql"), database.conninfo, "-qc", copy], os.environ.copy())
    copied.unlink()
    bundle = folder / "bundle"
    environment = os.environ | {
        "PYTHONPATH": MODULES,
        "DATABASE_URL": database.url(),
        "GATEHOUSE_DATA": str(folder.parent / "data"),
    }
    command = [sys.executable, "-m", "infrastructure", "export", "--json", "--output", str(bundle)]
    said, exporting, peak_mb = _timed([*command, "--until", "2026-01-01T00:00:00Z"], environment)
    told = json.loads(said)
    if told["entries"] != events:
        raise BenchError(f"{told['entries']} entries were exported of {events}")
    (bundle / ENTRIES).unlink()
    return Turn(copying, exporting, told["seconds"], peak_mb)


def _timed(command: list[str], environment: dict[str, str]) -> tuple[str, float, float]:
    """Run a command: what it said, its seconds on the clock, and the most memory its processes were seen to have had.

    The kernel's own word at the end (`ru_maxrss`) would count ours: until it has become another, it is a copy of us.
    """
    begun, peak = time.monotonic(), 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 -- psql, and our own command line
        while process.poll() is None:
            peak = max(peak, sum(peak_mb(each) for each in tree(process.pid)))
            with suppress(subprocess.TimeoutExpired):
                process.wait(SAMPLE_EVERY)
        seconds = time.monotonic() - begun
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise BenchError(f"{Path(command[0]).name} ended with {process.returncode}")
    return said, seconds, peak


def _row(number: int, turn: Turn) -> list[str]:
    return [
        str(number),
        f"{turn.copied:.2f}",
        f"{turn.exported:.2f}",
        f"{turn.without_start:.2f}",
        f"{turn.copied / turn.exported:.2f}",
        f"{turn.peak_mb:.1f}",
    ]
