"""`contract`: requests made of the OpenAPI document, sound and broken, at a real service, until there were enough.

Each role tries every operation at first, and from then on what it may call. Nothing may be answered otherwise than the
document says.
"""

import tempfile
from itertools import count
from pathlib import Path
from typing import Final

import httpx2
import uvloop

from bench.contract import Explored, Target, allowed, bounded, explore, planted
from bench.contract_seed import ALLOWED, callers, sow
from bench.drill_service import DrilledService, drilled
from bench.traffic import SEED

SHOWN: Final = 20
"""Breaks that are told in full, to mend them by."""
FIRST: Final = ("examples", "coverage", "stateful")
"""What is tried once, before requests are made up for as long as it takes."""
EXAMPLES: Final = 30
"""Of each operation, in each role's turn."""


def run(cases: int) -> dict[str, object]:
    """Send at least so many requests."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as name:
        folder = Path(name)
        with drilled(folder, ALLOWED) as service:
            uvloop.run(service.start())
            explored = _explored(service, cases)
    return {
        "cases": explored.cases,
        "server_errors": explored.server_errors,
        "contract_breaks": explored.breaks.total(),
        "operations_carried_out": len(explored.succeeded),
        "broken": [f"{name}: {explored.words[name]}" for name in sorted(explored.breaks)[:SHOWN]],
        "ok": explored.server_errors == 0 and not explored.breaks and explored.cases >= cases,
    }


def _explored(service: DrilledService, cases: int) -> Explored:
    explored = Explored()
    keys = service.keys()
    with callers(service.url, keys) as clients:
        document = planted(httpx2.get(f"{service.url}/openapi.json", trust_env=False).json(), sow(clients))
    everything = list(bounded(document))
    turns = ((number, role) for number in count() for role in keys)
    while explored.cases < cases and not explored.breaks:
        number, role = next(turns)
        first = number < len(FIRST)
        target = Target(service.url, document, keys[role], everything if first else allowed(document, role))
        phase = FIRST[number] if first else "fuzzing"
        explore(target, explored, phases=[phase], examples=EXAMPLES, seed=SEED + number)
    return explored
