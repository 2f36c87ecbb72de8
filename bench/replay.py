"""Events a second that one core folds again and compares with all read models: `./run replay` in one process."""

import asyncio
import time
from statistics import median
from typing import Final, NamedTuple

import psycopg

from bench.footprint import cpu_seconds
from bench.lives import load_lives
from bench.postgres import postgres
from bench.report import BenchError, Report, Target
from infrastructure.collector import spared_collector
from infrastructure.migrate import migrate
from infrastructure.postgres import service_conninfo
from infrastructure.projector import Projector
from infrastructure.replay.comparison import Comparison
from infrastructure.replay.snapshot import taken
from infrastructure.replay.streams import HIGHEST, LOWEST
from projections import PROJECTIONS

EVENTS: Final = 500_000
QUICK_EVENTS: Final = 60_000
TURNS: Final = 5
AT_LEAST: Final = 50_000.0


class Turn(NamedTuple):
    """One replay of everything. Seconds on the clock, of this process's processor time, and of PostgreSQL's."""

    events: int
    rows: int
    seconds: float
    own: float
    server: float

    @property
    def per_core(self) -> float:
        """Events for each second of processor time, on both sides together."""
        return self.events / (self.own + self.server)


def run(*, quick: bool) -> Report:
    """Load a log, project it, and replay it several times."""
    events = QUICK_EVENTS if quick else EVENTS
    with postgres() as server:
        database = server.create_database("gatehouse")
        migrate(database.conninfo)
        load_lives(database.conninfo, events)
        conninfo = service_conninfo(database.conninfo)
        with spared_collector():
            asyncio.run(Projector(conninfo, PROJECTIONS).catch_up())
        with psycopg.connect(database.conninfo, autocommit=True) as owner:
            owner.execute("VACUUM ANALYZE")
        turns = [_turn(conninfo) for _ in range(TURNS)]
        return report(turns, {"postgresql": server.version(), "log": events})


def report(turns: list[Turn], measured: dict[str, object]) -> Report:
    """Compare with the target: the median turn."""
    per_core = round(median(turn.per_core for turn in turns))
    figures = {
        "events_per_s_per_core": per_core,
        "events_per_s_of_own_processor_time": round(median(turn.events / turn.own for turn in turns)),
        "events_per_s": round(median(turn.events / turn.seconds for turn in turns)),
        "events": turns[0].events,
        "rows": turns[0].rows,
    }
    return Report(
        bench="replay",
        figures={**figures, **measured},
        targets=[Target(name="events_per_s_per_core", measured=per_core, sense="at_least", bound=AT_LEAST)],
        columns=("turn", "events/s a core", "events/s", "own s", "PostgreSQL's s", "clock s"),
        rows=[_row(number, turn) for number, turn in enumerate(turns, 1)],
    )


def _turn(conninfo: str) -> Turn:
    """Replay everything once, in this process."""
    with taken(conninfo) as moment, spared_collector():
        backend = moment.connection.info.backend_pid
        before, own, begun = cpu_seconds(backend), time.process_time(), time.monotonic()
        comparison = Comparison(moment.connection, PROJECTIONS, moment.positions)
        findings = comparison.compare(LOWEST, HIGHEST, progress=lambda _: None)
        seconds, used = time.monotonic() - begun, time.process_time() - own
        server = cpu_seconds(backend) - before
    if findings.divergent:
        raise BenchError(f"the read models diverge in {findings.divergent} rows")
    return Turn(findings.events, findings.rows, seconds, used, server)


def _row(number: int, turn: Turn) -> list[str]:
    return [
        str(number),
        f"{turn.per_core:,.0f}",
        f"{turn.events / turn.seconds:,.0f}",
        f"{turn.own:.2f}",
        f"{turn.server:.2f}",
        f"{turn.seconds:.2f}",
    ]
