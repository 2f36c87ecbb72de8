"""`./run keys rotate`: what is opened for it, and what is shown."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infrastructure.bootstrap import database, keys_for, open_services
from infrastructure.faults import CannotStart
from infrastructure.keys.rotation import Report, Rotated, alone, rotate_master, rotate_signing
from infrastructure.logs import set_up_logs
from infrastructure.services import Services
from infrastructure.settings import Settings, load_settings

ROTATED: Final = ("master", "signing")


def rotate(name: str, *, lost: bool, as_json: bool) -> None:
    """Replace a key."""
    if name not in ROTATED:
        raise CannotStart(f"a key that can be replaced is one of {', '.join(ROTATED)}")
    if lost and name != "signing":
        raise CannotStart("only the signing key can be replaced when it is lost: nothing opens without the master key")
    set_up_logs()
    settings = load_settings()
    if lost and settings.key_source.find("signing") is None:
        settings.key_source.make("signing")
    with database(settings) as ready:
        keys = keys_for(settings, ready.conninfo)

        async def run() -> dict[str, object]:
            async with open_services(settings, ready.conninfo, keys) as services:
                return await _rotated(name, services, settings, lost=lost)

        told = asyncio.run(run())
    typer.echo(json.dumps(told) if as_json else _told(name, told))


async def _rotated(name: str, services: Services, settings: Settings, *, lost: bool) -> dict[str, object]:
    async with alone(services.conninfo) as connection:
        if name == "signing":
            return {"key": await rotate_signing(services, settings, lost=lost)}
        with _bar() as report:
            rotated: Rotated = await rotate_master(services, connection, report)
    return {"key": rotated.key, "previous": rotated.previous, "rewrapped": rotated.rewrapped}


def _told(name: str, told: dict[str, object]) -> str:
    """For people."""
    if name == "signing":
        return f"the log is signed with another key from here on:\n{told['key']}"
    return (
        f"{told['rewrapped']:,} keys are wrapped by the new master key {str(told['key'])[:16]}\n"
        f"nothing is wrapped by {str(told['previous'])[:16]} any more: destroy it (master.previous)"
        " once no backup from before is needed"
    )


@contextmanager
def _bar() -> Iterator[Report]:
    """A progress bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("keys", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
