"""Runs the stories against a service of its own, and shows what became of each customer."""

import json
import sys
from collections import Counter
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from infrastructure.bootstrap import database, keys_for, open_services
from infrastructure.demo.stage import Ending, played, position_of, staged, working
from infrastructure.demo.stories import STORIES, DemoClock
from infrastructure.faults import CannotStart
from infrastructure.logs import set_up_logs
from infrastructure.services import Services
from infrastructure.serving import answering, listening, run_until_told
from infrastructure.settings import Settings, load_settings


def run(*, as_json: bool) -> int:
    """Play all stories; 0 if each ended as it goes."""
    set_up_logs("warning")
    if load_settings().mode == "production":
        raise CannotStart("the demo makes up customers: not in production mode")
    console = Console(stderr=as_json, quiet=as_json, width=None if sys.stdout.isatty() else 120)
    settings = load_settings().model_copy(update={"port": 0, "mode": "sandbox", "log_level": "warning"})
    status = 1
    with listening(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1], "public_url": None})
        console.print("Starting PostgreSQL and the service ...")
        with database(settings) as ready:
            keys, clock = keys_for(settings, ready.conninfo), DemoClock()

            async def play() -> None:
                nonlocal status
                async with (
                    open_services(settings, ready.conninfo, keys, clock) as services,
                    answering(services, listener),
                    working(settings, ready.conninfo),
                ):
                    status = await _play(services, settings, clock, console, as_json=as_json)

            run_until_told(play)
    return status


async def _play(services: Services, settings: Settings, clock: DemoClock, console: Console, *, as_json: bool) -> int:
    begun = await position_of(services)
    async with staged(services, settings, clock) as stage:
        endings = await played(STORIES, stage, console)
    summary = {
        "customers": len(endings),
        "statuses": dict(sorted(Counter(ending.status for ending in endings).items())),
        "events": await position_of(services) - begun,
        "refusals": dict(sorted(stage.partner.refusals.items())),
        "ok": all(ending.expected for ending in endings),
    }
    _show(console, endings, summary)
    if as_json:
        print(json.dumps(summary))  # noqa: T201 -- this is the command's answer
    return 0 if summary["ok"] else 1


_COLOURS: Final = {"active": "green", "rejected": "red", "inactive": "yellow"}


def _show(console: Console, endings: list[Ending], summary: dict[str, Any]) -> None:
    for ending in endings:
        table = Table(title=f"A customer {ending.story.title}", title_justify="left", title_style="bold", box=None)
        for name in ("when", "who", "what", "why"):
            table.add_column(name, overflow="fold", ratio=None if name == "when" else 1)
        for entry in ending.timeline:
            who = "partner" if entry.who.startswith("partner:") else entry.who
            table.add_row(f"{entry.recorded_at:%H:%M:%S}", who, entry.what, entry.why)
        console.print(table)
        console.print()
    outcome = Table(title="What became of them", title_justify="left", title_style="bold")
    for name in ("A customer ...", "status", "as expected"):
        outcome.add_column(name)
    for ending in endings:
        colour = _COLOURS.get(ending.status, "cyan")
        outcome.add_row(
            ending.story.title,
            f"[{colour}]{ending.status}[/]",
            "yes" if ending.expected else f"NO, not {ending.story.ends}",
        )
    console.print(outcome)
    statuses = ", ".join(f"{count} {status}" for status, count in summary["statuses"].items())
    refusals = ", ".join(f"{count} {code}" for code, count in summary["refusals"].items())
    console.print(f"{summary['customers']} customers: {statuses}. {summary['events']} events. Refused: {refusals}.")
