"""Registrations per second: Gatehouse against an empty route, the stock library and SQLAlchemy."""

from contextlib import ExitStack
from typing import Final

from bench import sides
from bench.contest import FULL, P99, QUICK, Contest, hold
from bench.load_generator import load_generator
from bench.postgres import postgres
from bench.report import Report, Target
from bench.server import serving_all
from bench.summary import columns, figures, ratios, rows
from bench.traffic import registrations

OURS: Final = "gatehouse"
AT_LEAST: Final = {"empty_route": 0.6, "stock_library": 4.0, "sqlalchemy": 6.0}
P99_AT_MOST: Final = 3.0
MEMORY_BELOW_MB: Final = 200.0


def run(*, quick: bool) -> Report:
    """Hold the contest."""
    plan = QUICK if quick else FULL
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        generator = stack.enter_context(load_generator())
        own = server.create_database("gatehouse")
        key = sides.prepare(own, server.folder).key
        launches = {
            OURS: sides.gatehouse(own),
            "empty_route": sides.empty_route(),
            "stock_library": sides.stock_library(server.create_database("stock_library")),
            "sqlalchemy": sides.sqlalchemy(server.create_database("sqlalchemy")),
        }
        running = stack.enter_context(serving_all(launches, folder=server.folder))
        contest = hold([*running.values()], registrations(key), generator=generator, plan=plan, expected_status=201)
        measured = {"postgresql": server.version(), **figures(contest, plan)}
    return report(contest, measured)


def report(contest: Contest, measured: dict[str, object]) -> Report:
    """Compare with the targets."""
    compared = ratios(contest, OURS, list(AT_LEAST))
    p99_ratio = round(contest.ratio(OURS, "empty_route", P99), 3)
    peak = round(contest.peak_mb(OURS), 1)
    targets = [
        *(
            Target(name=name, measured=compared[name], sense="at_least", bound=least)
            for name, least in AT_LEAST.items()
        ),
        Target(name="p99_ratio", measured=p99_ratio, sense="at_most", bound=P99_AT_MOST),
        Target(name="peak_memory_mb", measured=peak, sense="below", bound=MEMORY_BELOW_MB),
    ]
    first = {"ratios": compared, "p99_ratio": p99_ratio, "peak_memory_mb": peak}
    return Report(
        bench="commands",
        figures={**first, **measured},
        targets=targets,
        columns=columns(OURS),
        rows=rows(contest, OURS),
    )
