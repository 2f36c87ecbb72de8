"""`./run export`: a bundle for an auditor, and where it is."""

import asyncio
import json
import shlex
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final, get_args
from uuid import UUID

import psycopg
import typer

from application.ports import Unavailable
from domain.events import EVENTS
from infrastructure.bootstrap import database, keys_for, open_services
from infrastructure.exports.asked import Asked, Format, in_utc
from infrastructure.exports.beside import Died
from infrastructure.exports.bundle import Made, Writing
from infrastructure.exports.production import Exporter, Produced, in_thread, produce
from infrastructure.exports.target import Target
from infrastructure.faults import CannotStart
from infrastructure.keys.signing import announce_signing_key
from infrastructure.logs import set_up_logs
from infrastructure.replay.bar import shown
from infrastructure.settings import load_settings

CONSOLE: Final = Exporter("admin:console")


def export(asked: Asked, output: Path, *, as_json: bool) -> None:
    """Produce a bundle, and say where it is."""
    set_up_logs()
    settings, begun, target = load_settings(), monotonic(), Target(output)
    with database(settings) as ready, shown("export") as bar:
        keys = keys_for(settings, ready.conninfo)

        async def write(writing: Writing) -> Made:
            bar.begin(writing.state.upto)
            return await in_thread(writing, bar.advance)

        async def run() -> Produced:
            async with open_services(settings, ready.conninfo, keys) as services:
                await announce_signing_key(services, settings)
                return await produce(services, asked, target, CONSOLE, write)

        try:
            produced = asyncio.run(run())
        except OSError as fault:
            raise CannotStart(f"the bundle cannot be written: {fault.strerror}: {fault.filename or output}") from fault
        except (psycopg.Error, Unavailable) as fault:
            raise CannotStart(f"the database cannot be read: {type(fault).__name__}") from fault
        except Died as fault:
            raise CannotStart("the process that reads the log was killed: ask for the same again to go on") from fault
    _show(produced, target, monotonic() - begun, as_json=as_json)


def asked_for(  # noqa: PLR0913 -- a command's options
    *,
    formats: list[str],
    since: str | None,
    until: str | None,
    customer: str | None,
    partner: str | None,
    types: list[str],
) -> Asked:
    """What the command's options ask for. Raises `CannotStart`."""
    known = get_args(Format)
    if unknown := sorted(set(formats) - set(known)):
        raise CannotStart(f"there is no format {unknown[0]!a}: there are {', '.join(known)}")
    if unknown := sorted(set(types) - EVENTS.keys()):
        raise CannotStart(f"there is no event type {unknown[0]!a}: docs/events.md lists them")
    return Asked(
        formats=tuple(name for name in known if name in formats),
        recorded_from=_moment(since),
        recorded_until=_moment(until),
        customer=_id(customer),
        partner=_id(partner),
        types=tuple(types),
    )


def _show(produced: Produced, target: Target, seconds: float, *, as_json: bool) -> None:
    path = target.path
    if as_json:
        told = {"path": str(path), "entries": produced.entries, "size": produced.upto, "manifest": produced.manifest}
        typer.echo(json.dumps(told | {"seconds": round(seconds, 3)}))
        return
    typer.echo(
        f"{path}: {produced.entries:,} of {produced.upto:,} entries in {seconds:.1f} s,"
        f" manifest sha256:{produced.manifest}"
    )
    if not target.zipped:
        check = shlex.join(["python3", str(path / "verify.py"), str(path)])
        typer.echo(f"check it anywhere, without a network: {check}")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return in_utc(moment)
    except ValueError:
        pass
    raise CannotStart("times are ISO 8601 with a zone, such as 2026-05-01T12:00:00Z")


def _id(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise CannotStart("ids are UUIDs") from None
