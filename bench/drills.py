"""Drills: something is broken on purpose, and what was acknowledged must be there. Each ends with one JSON line."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvloop

from bench import (
    drill_abuse,
    drill_contract,
    drill_disk_full,
    drill_kill_app,
    drill_kill_postgres,
    drill_network,
    drill_order,
    drill_tamper,
    drill_webhooks,
)
from bench.report import BenchError

DRILLS: Final[dict[str, Callable[[int], dict[str, object]]]] = {
    "kill-postgres": lambda rounds: uvloop.run(drill_kill_postgres.run(rounds)),
    "kill-app": lambda rounds: uvloop.run(drill_kill_app.run(rounds)),
    "network": lambda rounds: uvloop.run(drill_network.run(rounds)),
    "disk-full": lambda rounds: uvloop.run(drill_disk_full.run(rounds)),
    "order": drill_order.run,
    "tamper": drill_tamper.run,
    "abuse": lambda rounds: uvloop.run(drill_abuse.run(rounds)),
    "contract": drill_contract.run,
}
ROUNDS: Final = 5
OFTEN: Final = {"contract": 10_000}
"""How often, where nobody says."""


def main(name: str, *, rounds: int | None, deliveries: int = drill_webhooks.DELIVERIES) -> int:
    """Run a drill; 0 only if nothing was lost, doubled or refused wrongly. 2 for a name that is none."""
    drills = DRILLS | {"webhooks": lambda rounds: uvloop.run(drill_webhooks.run(rounds, deliveries))}
    drill = drills.get(name)
    if drill is None:
        print(json.dumps({"drill": name, "ok": False, "error": f"drills are: {', '.join(drills)}"}))
        return 2
    rounds = rounds or OFTEN.get(name, ROUNDS)
    with _ended_in_good_order():
        outcome = {"drill": name, "rounds": rounds, **_outcome(drill, rounds)}
    print(json.dumps(outcome))
    return 0 if outcome["ok"] else 1


def _outcome(drill: Callable[[int], dict[str, object]], rounds: int) -> dict[str, object]:
    """What it came to; what it could not do is one more way to fail."""
    outcome: dict[str, object] = {"ok": False}
    try:
        outcome = drill(rounds)
    except* BenchError as faults:
        outcome["error"] = "; ".join(str(fault) for fault in faults.exceptions)
    return outcome


@contextmanager
def _ended_in_good_order() -> Iterator[None]:
    """Have SIGTERM and SIGINT unwind what is under way, so that nothing is left, also where a shell ignored them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    before_term = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, before_term)
