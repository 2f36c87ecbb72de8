"""How fast read models are built from a long log, and how close they follow a live one."""

import asyncio
import statistics
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from bench import lag
from bench.history import load_log
from bench.postgres import Database, postgres
from bench.report import BenchError, Report, Target
from bench.subprocesses import running
from infrastructure.migrate import migrate
from projections import PROJECTIONS

FULL: Final = 1_000_000
QUICK: Final = 60_000
ALL: Final = "all"
ONE: Final = "customers"
STOCK: Final = "stock_library"
LIVE_EVENTS_PER_S: Final = 500.0
TIMES_STOCK: Final = 50.0
EVENTS_PER_S: Final = 25_000.0
LAG_BELOW_MS: Final = 100.0
SIDES: Final = {ALL: tuple(projection.name for projection in PROJECTIONS), ONE: (ONE,)}


def run(*, quick: bool) -> Report:
    """Catch up from zero in turns, then follow live."""
    length, rounds, seconds = (QUICK, 2, 5.0) if quick else (FULL, 2, 20.0)
    rates: dict[str, list[float]] = {ALL: [], ONE: [], STOCK: []}
    with postgres() as server:
        own = server.create_database("gatehouse")
        migrate(own.conninfo)
        events = load_log(own.conninfo, length)
        for number in range(rounds):
            for side, names in SIDES.items():
                rates[side].append(caught_up(own, names, events))
            rates[STOCK].append(stock(server.create_database(f"{STOCK}_{number}")))
        forget(own)
        live = server.create_database("live")
        migrate(live.conninfo)
        lags = asyncio.run(lag.measure(live, events_per_s=LIVE_EVENTS_PER_S, seconds=seconds))
        version = server.version()
    return report(rates, lags, {"events": events, "rounds": rounds, "postgresql": version})


def caught_up(database: Database, names: tuple[str, ...], events: int) -> float:
    """Events per second of our projector, from zero, in a fresh process."""
    forget(database)
    with running("bench.followers", "gatehouse", environment={"DATABASE_URL": database.conninfo}) as follower:
        answer = follower.ask({"projections": names})
    if answer["events"] != events:
        raise BenchError(f"{', '.join(names)} reached {answer['events']} of {events} events")
    return float(answer["events"] / answer["seconds"])


def stock(database: Database) -> float:
    """Events per second of the library's projection runner."""
    with running("bench.followers", STOCK, environment=database.library_settings()) as follower:
        answer = follower.ask({})
    return float(answer["events"] / answer["seconds"])


def forget(database: Database) -> None:
    """Empty the read models."""
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        for table in ("tracking", *SIDES[ALL]):
            connection.execute(SQL("TRUNCATE gatehouse.{}").format(Identifier(table)))
        connection.execute("CHECKPOINT")


def report(rates: dict[str, list[float]], lags: dict[str, float], figures: dict[str, object]) -> Report:
    """Compare with the targets."""
    pairs = zip(rates[ONE], rates[STOCK], strict=True)
    times = round(statistics.median(ours / theirs for ours, theirs in pairs), 1)
    rate = {side: round(statistics.median(taken), 1) for side, taken in rates.items()}
    return Report(
        bench="projections",
        figures={"ratios": {STOCK: times}, "events_per_s": rate, "lag": lags, **figures},
        targets=[
            Target(name=STOCK, measured=times, sense="at_least", bound=TIMES_STOCK),
            Target(name="customers_events_per_s", measured=rate[ONE], sense="at_least", bound=EVENTS_PER_S),
            Target(name="lag_p99_ms", measured=lags["p99_ms"], sense="below", bound=LAG_BELOW_MS),
        ],
        columns=("projections", "events/s"),
        rows=[[side, f"{value:,.0f}"] for side, value in rate.items()],
    )
