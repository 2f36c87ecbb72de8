"""Drills: something is broken on purpose, and what was acknowledged must be there. Each ends with one JSON line."""

import json
from collections.abc import Callable
from typing import Final

import uvloop

from bench import drill_kill_postgres, drill_order

DRILLS: Final[dict[str, Callable[[int], dict[str, object]]]] = {
    "kill-postgres": lambda rounds: uvloop.run(drill_kill_postgres.run(rounds)),
    "order": drill_order.run,
}


def main(name: str, *, rounds: int) -> int:
    """Run a drill; 0 only if nothing was lost, doubled or refused wrongly. 2 for a name that is none."""
    drill = DRILLS.get(name)
    if drill is None:
        print(json.dumps({"drill": name, "ok": False, "error": f"drills are: {', '.join(DRILLS)}"}))
        return 2
    outcome = {"drill": name, "rounds": rounds, **drill(rounds)}
    print(json.dumps(outcome))
    return 0 if outcome["ok"] else 1
