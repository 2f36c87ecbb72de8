"""Durable appends per second: ours, the stock library's `save`, and PostgreSQL's own single-row inserts, in turns."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Final

from application.envelope import Context, Envelope
from application.mapper import EnvelopeMapper
from bench.appenders import THREADS
from bench.job import Outcome
from bench.pgbench import Pgbench, found
from bench.postgres import Database, postgres
from bench.report import BenchError, Report, Target
from bench.subprocesses import Subprocess, running
from domain.events import WalletClaimed
from infrastructure.ids import new_id, now
from infrastructure.migrate import migrate

OURS: Final = "gatehouse"
STOCK: Final = "stock_library"
PGBENCH: Final = "pgbench"
CALLERS: Final = 32
OTHERS: Final = (1, 4, 16, 64, 256)
AT_LEAST: Final = {PGBENCH: 1.0, STOCK: 10.0}
COLUMNS: Final = ("side", "callers", "appends/s", "p50 ms", "p99 ms", f"{OURS} ÷ it")

Side = Callable[[float], Outcome]
"""Takes a turn of so many seconds."""


def run(*, quick: bool) -> Report:
    """Take turns, then vary the number of callers, then let two processes append at once."""
    rounds, seconds = (3, 2.0) if quick else (7, 5.0)
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        own, stock = server.create_database(OURS), server.create_database(STOCK)
        migrate(own.conninfo)
        ours, second = (stack.enter_context(_python(OURS, own)) for _ in range(2))
        library = stack.enter_context(_python(STOCK, stock))
        sides: dict[str, Side] = {
            OURS: lambda s: turn(ours, CALLERS, s),
            STOCK: lambda s: turn(library, THREADS, s),
        }
        program = found()
        if program is not None:
            inserts = Pgbench(program, server.create_database(PGBENCH).conninfo, server.folder, state=state())
            sides[PGBENCH] = lambda s: inserts.turn(CALLERS, s)
        turns = hold(sides, rounds=rounds, seconds=seconds)
        by_callers = {callers: turn(ours, callers, seconds) for callers in OTHERS}
        at_once = both((ours, second), CALLERS, seconds)
        version = server.version()
    figures = {"pgbench": str(program) if program else "skipped: no pgbench on this machine", "postgresql": version}
    return report(turns, by_callers, at_once, figures)


def hold(sides: dict[str, Side], *, rounds: int, seconds: float) -> dict[str, list[Outcome]]:
    """Warm every side up, then give each a turn a round."""
    turns: dict[str, list[Outcome]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, side in sides.items():
            taken = side(seconds)
            if number:
                turns[name].append(taken)
    return turns


def turn(side: Subprocess, callers: int, seconds: float) -> Outcome:
    """One turn of a Python side."""
    return Outcome(**side.ask({"callers": callers, "seconds": seconds}))


def both(sides: Sequence[Subprocess], callers: int, seconds: float) -> list[Outcome]:
    """One turn of several processes at once, on one log."""
    for side in sides:
        side.tell({"callers": callers, "seconds": seconds})
    return [Outcome(**side.answer()) for side in sides]


def state() -> bytes:
    """The row that every side inserts, as our log holds it."""
    context = Context("system:bench", new_id(), new_id(), now())
    return (
        EnvelopeMapper()
        .to_stored_event(Envelope(new_id(), 1, new_id(), context, WalletClaimed(customer=new_id())))
        .state
    )


def ratio(turns: dict[str, list[Outcome]], other: str) -> float:
    """The median over the rounds of our rate divided by another's."""
    pairs = zip(turns[OURS], turns[other], strict=True)
    return round(statistics.median(a.requests_per_s / b.requests_per_s for a, b in pairs), 3)


def report(
    turns: dict[str, list[Outcome]],
    by_callers: dict[int, Outcome],
    at_once: list[Outcome],
    figures: Mapping[str, object],
) -> Report:
    """Compare with the targets."""
    ratios = {other: ratio(turns, other) for other in AT_LEAST if other in turns}
    shown = {name: _medians(taken) for name, taken in turns.items()}
    varied = {str(callers): _medians([taken]) for callers, taken in by_callers.items()}
    two = {
        "appends_per_s": round(sum(taken.requests_per_s for taken in at_once), 1),
        "p50_ms": round(statistics.mean(taken.p50_ms for taken in at_once), 2),
        "p99_ms": round(max(taken.p99_ms for taken in at_once), 2),
    }
    used = {OURS: CALLERS, STOCK: THREADS, PGBENCH: CALLERS}
    rows = [
        *(_row(name, used[name], figure, ratios.get(name)) for name, figure in shown.items()),
        *(_row(OURS, int(callers), figure, None) for callers, figure in varied.items()),
        _row("two processes", 2 * CALLERS, two, None),
    ]
    return Report(
        bench="append",
        figures={
            "ratios": ratios,
            "sides": shown,
            "callers": varied,
            "two_processes": two,
            "event_bytes": len(state()),
            "cpu_us_is": "processor time of the side's own process for an append, without PostgreSQL; 0: not measured",
            **figures,
        },
        targets=[Target(name=name, measured=ratios[name], sense="at_least", bound=AT_LEAST[name]) for name in ratios],
        columns=COLUMNS,
        rows=rows,
    )


def _python(side: str, database: Database) -> AbstractContextManager[Subprocess]:
    environment = {"DATABASE_URL": database.url(), **database.library_settings(), "POSTGRES_POOL_SIZE": str(THREADS)}
    return running("bench.appenders", side, environment=environment)


def _medians(taken: list[Outcome]) -> dict[str, float]:
    if any(outcome.failures or not outcome.answered for outcome in taken):
        raise BenchError("a side failed to append")
    return {
        "appends_per_s": round(statistics.median(outcome.requests_per_s for outcome in taken), 1),
        "p50_ms": round(statistics.median(outcome.p50_ms for outcome in taken), 2),
        "p99_ms": round(statistics.median(outcome.p99_ms for outcome in taken), 2),
        "cpu_us": round(statistics.median(outcome.cpu_us_per_request for outcome in taken), 1),
    }


def _row(name: str, callers: int, figure: dict[str, float], compared: float | None) -> list[str]:
    rates = [f"{figure['appends_per_s']:,.0f}", f"{figure['p50_ms']:.2f}", f"{figure['p99_ms']:.2f}"]
    return [name, str(callers), *rates, f"{compared:.2f}" if compared else ""]
