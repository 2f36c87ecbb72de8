"""Registrations per second: Gatehouse against an empty route, the stock library and SQLAlchemy.

And against itself: guarded, its callers show all that a careful one does.
"""

from contextlib import ExitStack
from typing import Final

from bench import sides
from bench.contest import FULL, P99, QUICK, THROUGHPUT, Contest, hold
from bench.load_generator import load_generator
from bench.postgres import postgres
from bench.report import Report, Target
from bench.server import serving_all
from bench.summary import columns, figures, ratios, rows
from bench.traffic import registrations

OURS: Final = "gatehouse"
GUARDED: Final = "gatehouse_guarded"
AT_LEAST: Final = {"empty_route": 0.6, "stock_library": 4.0, "sqlalchemy": 6.0}
GUARDED_AT_LEAST: Final = 0.85
P99_AT_MOST: Final = 3.0
MEMORY_BELOW_MB: Final = 200.0


def run(*, quick: bool) -> Report:
    """Hold the contest."""
    plan = QUICK if quick else FULL
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        generator = stack.enter_context(load_generator())
        own = server.create_database("gatehouse")
        careful = server.create_database("gatehouse_guarded")
        key, other = sides.prepare(own, server.folder).key, sides.prepare(careful, server.folder)
        launches = {
            OURS: sides.gatehouse(own),
            GUARDED: sides.gatehouse(careful, budget=sides.NEVER_REACHED),
            "empty_route": sides.empty_route(),
            "stock_library": sides.stock_library(server.create_database("stock_library")),
            "sqlalchemy": sides.sqlalchemy(server.create_database("sqlalchemy")),
        }
        running = stack.enter_context(serving_all(launches, folder=server.folder))
        running[GUARDED] = sides.careful(running[GUARDED], other)
        contest = hold([*running.values()], registrations(key), generator=generator, plan=plan, expected_status=201)
        measured = {"postgresql": server.version(), **figures(contest, plan)}
    return report(contest, measured)


def report(contest: Contest, measured: dict[str, object]) -> Report:
    """Compare with the targets."""
    compared = ratios(contest, OURS, list(AT_LEAST))
    cost = round(contest.ratio(GUARDED, OURS, THROUGHPUT), 3)
    p99_ratio = round(contest.ratio(OURS, "empty_route", P99), 3)
    peak = round(contest.peak_mb(OURS), 1)
    targets = [
        *(
            Target(name=name, measured=compared[name], sense="at_least", bound=least)
            for name, least in AT_LEAST.items()
        ),
        Target(name="guarded", measured=cost, sense="at_least", bound=GUARDED_AT_LEAST),
        Target(name="p99_ratio", measured=p99_ratio, sense="at_most", bound=P99_AT_MOST),
        Target(name="peak_memory_mb", measured=peak, sense="below", bound=MEMORY_BELOW_MB),
    ]
    first = {"ratios": compared, "guarded_ratio": cost, "p99_ratio": p99_ratio, "peak_memory_mb": peak}
    return Report(
        bench="commands",
        figures={**first, **measured},
        targets=targets,
        columns=columns(OURS),
        rows=rows(contest, OURS),
    )
