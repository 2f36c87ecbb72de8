"""`./run sanctions adopt`: reads a list as it comes, puts it in force, and shows how it differs from the one before."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from application.ports import Unavailable
from domain.sanctions import ListInFuture, ListMuchSmaller, ListOlder
from infrastructure.administration import with_services
from infrastructure.faults import CannotStart
from infrastructure.postgres import AWAY
from infrastructure.sanctions.adoption import Adoption, Giving, adopt
from infrastructure.sanctions.sdn_advanced import MalformedSanctionsList, SanctionsList, read
from infrastructure.sanctions.source import SourceUnavailable, opened

SHOWN: Final = 10
"""Addresses of each sort that are shown to people."""


def adopt_list(source: str, *, force: bool, as_json: bool) -> None:
    """Put the list at a path or URL in force, and show what came of it."""
    given = _read(source)
    try:
        adoption = with_services(lambda services: adopt(services, given, Giving(actor="admin:console", force=force)))
    except (ListInFuture, ListOlder, ListMuchSmaller) as refusal:
        raise CannotStart(f"nothing was changed: {_why(refusal, given)}") from refusal
    except (Unavailable, *AWAY) as fault:
        raise CannotStart("the database does not answer: adopt the list again") from fault
    typer.echo(json.dumps(_members(adoption)) if as_json else "\n".join(_lines(adoption)))


def _read(source: str) -> SanctionsList:
    try:
        with opened(source) as (stream, size), _bar(size) as report:
            return read(stream, progress=report)
    except (SourceUnavailable, MalformedSanctionsList) as fault:
        raise CannotStart(f"cannot adopt the list: {fault}") from fault


def _why(refusal: ListInFuture | ListOlder | ListMuchSmaller, given: SanctionsList) -> str:
    match refusal:
        case ListInFuture():
            return f"the list is of {given.published}, which is yet to come"
        case ListOlder(in_force=in_force):
            return (
                f"the list is of {given.published}, and the one in force of {in_force}; --force adopts it all the same"
            )
        case ListMuchSmaller(entries=entries, addresses=addresses):
            return (
                f"the list has {given.entries:,} entries and {len(given.addresses):,} addresses, and the one in force "
                f"{entries:,} and {addresses:,}; --force adopts it all the same"
            )


def _lines(adoption: Adoption) -> Iterator[str]:
    """What people are shown."""
    listed = adoption.in_force
    yield (
        f"in force{'' if adoption.changed else ' already, nothing changed'}: the list of {listed.list_version}, "
        f"{listed.entries:,} entries, {listed.addresses:,} addresses, sha256 {listed.list_hash}"
    )
    if listed.sample:
        yield "This is the sample that comes with Gatehouse, not OFAC's list: never screen customers with it."
    if adoption.changed:
        yield f"before it: sha256 {listed.previous_hash}" if listed.previous_hash else "before it: none"
        for what, addresses in (("added", adoption.added), ("removed", adoption.removed)):
            yield f"{what} {len(addresses):,}{':' if addresses else ''}"
            yield from (f"  {address}" for address in addresses[:SHOWN])
            if len(addresses) > SHOWN:
                yield f"  and {len(addresses) - SHOWN:,} more; --json names them all"


def _members(adoption: Adoption) -> dict[str, Any]:
    """The same for machines, with all addresses."""
    listed = adoption.in_force
    return {
        "changed": adoption.changed,
        "listVersion": listed.list_version,
        "listHash": listed.list_hash,
        "entries": listed.entries,
        "addresses": listed.addresses,
        "sample": listed.sample,
        "previousHash": listed.previous_hash if adoption.changed else None,
        "added": adoption.added,
        "removed": adoption.removed,
    }


@contextmanager
def _bar(size: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("sanctions list"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=size)
        yield lambda received: bar.update(task, completed=received)
