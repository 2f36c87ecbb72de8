"""Reads per second: one customer by id, at random among 100,000, against an empty route and SQLAlchemy."""

from contextlib import ExitStack
from typing import Final

from bench import sides
from bench.contest import FULL, QUICK, hold
from bench.data import COUNT, customer_ids, load_customers, load_peer_customers
from bench.load_generator import load_generator
from bench.postgres import postgres
from bench.report import Report, Target
from bench.server import serving_all
from bench.summary import columns, figures, ratios, rows
from bench.traffic import lookups

OURS: Final = "gatehouse"
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
        launches = {
            OURS: sides.gatehouse(own),
            "empty_route": sides.empty_route(),
            "sqlalchemy": sides.sqlalchemy(peer),
        }
        running = stack.enter_context(serving_all(launches, folder=server.folder))
        load_peer_customers(peer.conninfo, COUNT)
        traffic = lookups(api_key.key, customer_ids(COUNT))
        contest = hold([*running.values()], traffic, generator=generator, plan=plan, expected_status=200)
        measured = {"postgresql": server.version(), "customers": COUNT, **figures(contest, plan)}
    compared = ratios(contest, OURS, list(AT_LEAST))
    targets = [Target(name=name, measured=compared[name], sense="at_least", bound=AT_LEAST[name]) for name in AT_LEAST]
    return Report(
        bench="queries",
        figures={"ratios": compared, **measured},
        targets=targets,
        columns=columns(OURS),
        rows=rows(contest, OURS),
    )
