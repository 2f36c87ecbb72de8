"""Commands that look after the read models: where they are, and building one anew."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from infrastructure.bootstrap import database, let_in
from infrastructure.faults import CannotStart
from infrastructure.following import LostLead
from infrastructure.postgres import connect, service_conninfo
from infrastructure.progress import Progress, progress
from infrastructure.rebuild import RebuildFailed, Rebuilt, Report
from infrastructure.rebuild import rebuild as run
from infrastructure.settings import load_settings
from projections import PROJECTIONS

_LINE: Final = "{:12}  {:>12}  {:>12}  {:>12}  {}"


class _Rate(ProgressColumn):
    """Events a second, of late."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f} events/s")


def list_projections(*, as_json: bool) -> None:
    """Show where each projection is and what it does."""

    async def look(conninfo: str) -> list[Progress]:
        async with await connect(service_conninfo(conninfo)) as connection:
            return await progress(connection)

    with database(load_settings()) as ready, let_in(ready.conninfo):
        found = asyncio.run(look(ready.conninfo))
    if as_json:
        typer.echo(json.dumps([_json(projection) for projection in found]))
        return
    typer.echo(_LINE.format("projection", "position", "head", "lag", "state"))
    for projection in found:
        at = (projection.position, projection.head, projection.lag)
        typer.echo(_LINE.format(projection.name, *at, projection.state))


def _json(projection: Progress) -> dict[str, object]:
    """What `state` says in words, in parts."""
    return {
        "projection": projection.name,
        "position": projection.position,
        "head": projection.head,
        "lag": projection.lag,
        "state": projection.state.partition(" ")[0],
        "stoppedAt": projection.stopped_at,
        "fault": projection.fault,
        "rebuildingAt": projection.rebuilding,
    }


def rebuild(name: str) -> None:
    """Build a read model anew, and say whether it had been what the log says."""
    projection = next((known for known in PROJECTIONS if known.name == name), None)
    if projection is None:
        raise CannotStart(f"a projection is one of {', '.join(known.name for known in PROJECTIONS)}")
    with database(load_settings()) as ready, _bar(name) as report:
        try:
            rebuilt = asyncio.run(run(ready.conninfo, projection, report))
        except (psycopg.Error, LostLead) as fault:
            raise RebuildFailed(f"the database ended the rebuild of {name}: {type(fault).__name__}") from fault
    _tell(name, rebuilt)


def _tell(name: str, rebuilt: Rebuilt) -> None:
    rate = rebuilt.events / rebuilt.seconds
    typer.echo(
        f"{name}: {rebuilt.events} events in {rebuilt.seconds:.1f} s, {rate:,.0f} events/s; the new table is in force"
    )
    typer.echo(f"before  sha256 {rebuilt.before}  at {rebuilt.position}")
    typer.echo(f"after   sha256 {rebuilt.after}  at {rebuilt.position}")
    if rebuilt.before != rebuilt.after:
        raise CannotStart(f"{name} was not what the log says; the new table is, and is in force")


@contextmanager
def _bar(name: str) -> Iterator[Report]:
    """A progress bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda position, goal: bar.update(task, completed=position, total=goal)
