"""Are the measurements fair? The load generator is out of the way, and the peers are at their best.

Registrations through every peer but ours: a bare server (the load generator's own ceiling), the empty route, the stock
library, and SQLAlchemy with each of its two asynchronous drivers; then reads through the two drivers.
"""

import sys
from contextlib import ExitStack
from typing import Final

from bench import sides
from bench.contest import FULL, LOAD_CPU, SERVER_CPU, THROUGHPUT, Contest, Plan, hold
from bench.data import customer_ids, load_peer_customers
from bench.load_generator import load_generator
from bench.postgres import postgres
from bench.report import Report, Target
from bench.server import Launch, serving_all
from bench.summary import columns, figures, rows
from bench.traffic import NO_KEY, lookups, registrations

QUICK: Final = Plan(rounds=3, seconds=1.0, warm_up=0.5)
OTHER: Final = "sqlalchemy_other"
OTHER_DRIVER: Final = "postgresql+psycopg"
CUSTOMERS: Final = 10_000
LOAD_SHARE_AT_MOST: Final = 1 / 3  # the load generator's processor time a request, of the lightest peer's
DRIVER_AT_LEAST: Final = 0.9  # the chosen driver's throughput, of the other's; below, choose the other


def bare() -> Launch:
    """Start the server that only answers."""
    return Launch(command=lambda port: [sys.executable, "-m", "bench.peers.bare", str(port)], environment={})


def run(*, quick: bool) -> Report:
    """Hold both contests among the peers."""
    plan = QUICK if quick else FULL
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        generator = stack.enter_context(load_generator())
        chosen, other = server.create_database("sqlalchemy"), server.create_database("sqlalchemy_other")
        launches = {
            "bare": bare(),
            "empty_route": sides.empty_route(),
            "stock_library": sides.stock_library(server.create_database("stock_library")),
            "sqlalchemy": sides.sqlalchemy(chosen),
            OTHER: sides.sqlalchemy(other, OTHER_DRIVER),
        }
        running = stack.enter_context(serving_all(launches, folder=server.folder))
        for database in (chosen, other):
            load_peer_customers(database.conninfo, CUSTOMERS)
        ids, both = customer_ids(CUSTOMERS), [running["sqlalchemy"], running[OTHER]]
        writing = hold([*running.values()], registrations(NO_KEY), generator=generator, plan=plan, expected_status=201)
        reading = hold(both, lookups(NO_KEY, ids), generator=generator, plan=plan, expected_status=200)
    return report(writing, reading, plan)


def report(writing: Contest, reading: Contest, plan: Plan) -> Report:
    """Judge the load generator by its share, and the choice of driver by both contests."""
    share = writing.median("empty_route", LOAD_CPU) / writing.median("empty_route", SERVER_CPU)
    targets = [Target(name="load_share", measured=round(share, 3), sense="at_most", bound=LOAD_SHARE_AT_MOST)]
    for name, contest in (("driver_writing", writing), ("driver_reading", reading)):
        ratio = round(contest.ratio("sqlalchemy", OTHER, THROUGHPUT), 3)
        targets.append(Target(name=name, measured=ratio, sense="at_least", bound=DRIVER_AT_LEAST))
    return Report(
        bench="peers",
        figures={
            "drivers": {"sqlalchemy": sides.DRIVER, OTHER: OTHER_DRIVER},
            **figures(writing, plan),
            "reads_per_s": {side: round(reading.median(side, THROUGHPUT), 1) for side in reading.turns},
        },
        targets=targets,
        columns=columns("empty_route"),
        rows=rows(writing, "empty_route"),
    )
