"""The sides of `projections`, one process each: `python -m bench.followers SIDE`.

Each line of input is a run from the log's beginning to its end, {"projections": [names]} for ours; each is answered
with {"events": n, "seconds": s}.
"""

import json
import os
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

import psycopg
import uvloop

from bench.peers import stock_projection
from infrastructure.collector import spared_collector
from infrastructure.postgres import service_conninfo
from infrastructure.projector import Projector
from projections import PROJECTIONS

SAMPLE: Final = 1000
"""Customers in the stock library's log, of three events each."""
PATIENCE: Final = 300.0


def gatehouse(question: dict[str, Any]) -> dict[str, float]:
    """The product's projector, with some of its projections, on a log that is there."""
    conninfo = os.environ["DATABASE_URL"]
    chosen = [projection for projection in PROJECTIONS if projection.name in question["projections"]]
    projector = Projector(service_conninfo(conninfo), chosen)
    begun = perf_counter()
    uvloop.run(projector.catch_up())
    seconds = perf_counter() - begun
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "SELECT min(position) FROM gatehouse.tracking WHERE projection = ANY(%s) AND stopped_at IS NULL",
            ([projection.name for projection in chosen],),
        ).fetchone()
    return {"events": row[0] if row else 0, "seconds": seconds}


def stock_library(_: dict[str, Any]) -> dict[str, float]:
    """The library's projection runner, on a log that it writes first."""
    last = stock_projection.register_many(SAMPLE)
    begun = perf_counter()
    with stock_projection.runner() as running:
        running.wait(last, timeout=PATIENCE)
        return {"events": last, "seconds": perf_counter() - begun}


SIDES: Final[dict[str, Callable[[dict[str, Any]], dict[str, float]]]] = {
    "gatehouse": gatehouse,
    "stock_library": stock_library,
}


def main(side: str) -> None:
    """Run until standard input ends."""
    with spared_collector():
        for line in sys.stdin:
            print(json.dumps(SIDES[side](json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
