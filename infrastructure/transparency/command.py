"""`./run prove` and `./run checkpoint`: proofs and checkpoints as files, made without the service running."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import typer
from psycopg import AsyncConnection

from application.ports import Unavailable
from infrastructure.administration import with_services
from infrastructure.bootstrap import database, let_in
from infrastructure.faults import CannotStart
from infrastructure.keys.signing import current_signer
from infrastructure.logs import set_up_logs
from infrastructure.postgres import AWAY, connect, service_conninfo
from infrastructure.services import Services
from infrastructure.settings import load_settings
from infrastructure.transparency.builder import STOPPING, TreeBuilder
from infrastructure.transparency.checkpoints import newest_checkpoint, publish
from infrastructure.transparency.proving import (
    LogDoesNotMatch,
    NoSuchCheckpoint,
    NoSuchEntry,
    NotInACheckpointYet,
    prove_consistency,
    prove_inclusion,
    prove_stream,
)

T = TypeVar("T")


def inclusion(position: int, output: Path | None) -> None:
    """That an event is in the newest checkpoint."""
    _show(_asked(lambda connection: prove_inclusion(connection, position)).text, output)


def consistency(old: int, new: int | None, output: Path | None) -> None:
    """That the log only grew from a size to a checkpoint's."""
    _show(_asked(lambda connection: prove_consistency(connection, old, new)).text, output)


def customer(customer_id: str, output: Path | None) -> None:
    """All events of a customer."""
    try:
        stream = UUID(customer_id)
    except ValueError as fault:
        raise CannotStart("ids are UUIDs") from fault
    _show(_asked(lambda connection: prove_stream(connection, stream)).text, output)


def checkpoint(*, publish_now: bool) -> None:
    """Print the newest checkpoint, after publishing one where that is asked for."""
    if publish_now:
        try:
            _show(with_services(_publish), None)
        except STOPPING as fault:
            raise CannotStart("the tree over the log stands still: readiness says where") from fault
        except (Unavailable, *AWAY) as fault:
            raise CannotStart("no checkpoint was published: ask again") from fault
        return
    published = _asked(newest_checkpoint)
    if published is None:
        raise CannotStart("no checkpoint was published yet: --publish does")
    _show(published.event.note, None)


async def _publish(services: Services) -> str:
    """Sign the log as far as the tree has come, which is its end unless another process is just building."""
    size = await TreeBuilder(services.conninfo).catch_up()
    if not size:
        raise CannotStart("the log is empty: there is nothing to sign")
    return (await publish(services, await current_signer(services), size)).whole


def _asked(ask: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    """What is answered from the database, or why it is not, in one line."""

    async def run(conninfo: str) -> T:
        async with await connect(service_conninfo(conninfo)) as connection:
            return await ask(connection)

    set_up_logs()
    try:
        with database(load_settings()) as ready, let_in(ready.conninfo):
            return asyncio.run(run(ready.conninfo))
    except NoSuchEntry as fault:
        raise CannotStart("the log has no such event") from fault
    except NoSuchCheckpoint as fault:
        raise CannotStart("no such checkpoint was published") from fault
    except NotInACheckpointYet as fault:
        raise CannotStart("no checkpoint covers it yet: `./run checkpoint --publish`") from fault
    except LogDoesNotMatch as fault:
        raise CannotStart(f"there is no proof to be had: {fault}") from fault


def _show(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise CannotStart(f"the file cannot be written: {fault.strerror}") from fault
