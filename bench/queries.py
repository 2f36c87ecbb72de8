"""Reads per second: one customer by id, at random among 100,000, against an empty route and SQLAlchemy.

And against itself: guarded, its callers show all that a careful one does.
"""

from contextlib import ExitStack
from typing import Final

from bench import sides
from bench.contest import FULL, QUICK, THROUGHPUT, hold
from bench.data import COUNT, customer_ids, load_customers, load_peer_customers
from bench.load_generator import load_generator
from bench.postgres import postgres
from bench.report import Report, Target
from bench.server import serving_all
from bench.summary import columns, figures, ratios, rows
from bench.traffic import lookups

OURS: Final = "gatehouse"
GUARDED: Final = "gatehouse_guarded"
GUARDED_AT_LEAST: Final = 0.85
AT_LEAST: Final = {"empty_route": 0.6, "sqlalchemy": 4.0}


def run(*, quick: bool) -> Report:
    """Load the customers, then hold the contest."""
    plan = QUICK if quick else FULL
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        generator = stack.enter_context(load_generator())
        own, peer = server.create_database("gatehouse"), server.create_database("sqlalchemy")
        api_key = sides.prepare(own, server.folder)
        load_customers(own.conninfo, COUNT, partner=api_key.partner)
        careful = server.create_database("gatehouse_guarded")
        other = sides.prepare(careful, server.folder)
        load_customers(careful.conninfo, COUNT, partner=other.partner)
        launches = {
            OURS: sides.gatehouse(own),
            GUARDED: sides.gatehouse(careful, budget=sides.NEVER_REACHED),
            "empty_route": sides.empty_route(),
            "sqlalchemy": sides.sqlalchemy(peer),
        }
        running = stack.enter_context(serving_all(launches, folder=server.folder))
        load_peer_customers(peer.conninfo, COUNT)
        traffic = lookups(api_key.key, customer_ids(COUNT))
        running[GUARDED] = sides.careful(running[GUARDED], other)
        contest = hold([*running.values()], traffic, generator=generator, plan=plan, expected_status=200)
        measured = {"postgresql": server.version(), "customers": COUNT, **figures(contest, plan)}
    compared = ratios(contest, OURS, list(AT_LEAST))
    cost = round(contest.ratio(GUARDED, OURS, THROUGHPUT), 3)
    targets = [Target(name=name, measured=compared[name], sense="at_least", bound=AT_LEAST[name]) for name in AT_LEAST]
    targets.append(Target(name="guarded", measured=cost, sense="at_least", bound=GUARDED_AT_LEAST))
    return Report(
        bench="queries",
        figures={"ratios": compared, "guarded_ratio": cost, **measured},
        targets=targets,
        columns=columns(OURS),
        rows=rows(contest, OURS),
    )
