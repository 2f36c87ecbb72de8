"""Commands of whoever runs the service: migrate, keys and erasure. What they need is opened here."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar, get_args
from uuid import UUID

import typer

from domain.refusals import Refused
from domain.vocabulary import LegalBasis
from infrastructure import key_changes
from infrastructure import migrate as migrations
from infrastructure.api_keys import Role
from infrastructure.bootstrap import database, keys_for, let_in, open_services
from infrastructure.erasure import erase_subject, erased_at
from infrastructure.faults import CannotStart
from infrastructure.http.problems import PROBLEMS
from infrastructure.logs import set_up_logs
from infrastructure.request_keys import UnknownApiKey
from infrastructure.sanctions.adoption import put_in_force
from infrastructure.sanctions.sdn_advanced import SAMPLE, read
from infrastructure.screening.ofac import adopted_list
from infrastructure.services import Services
from infrastructure.settings import Settings, load_settings

T = TypeVar("T")


def migrate() -> None:
    """Migrate the database that the settings name."""
    settings = load_settings().model_copy(update={"mode": "sandbox"})
    if settings.database_url is not None:
        with let_in(settings.database_url):
            applied = migrations.migrate(settings.database_url)
        typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")
        return
    with database(settings):
        typer.echo("the embedded database is up to date")


def create_key(*, role: str, name: str, partner: str | None, as_json: bool) -> None:
    """Issue a key and show it."""
    if role not in get_args(Role):
        raise CannotStart(f"a role is one of {', '.join(get_args(Role))}")
    if not re.fullmatch(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,255}", name):
        raise CannotStart("a name is 1 to 255 printable characters")
    if partner is not None and role != "partner":
        raise CannotStart("only a partner's key belongs to a partner")
    given = _uuid(partner) if partner is not None else None
    issued = with_services(lambda services: key_changes.issue_key(services, role=role, name=name, partner=given))  # type: ignore[arg-type] # checked above
    _show(issued, as_json=as_json)


def rotate_key(key_id: str, *, as_json: bool) -> None:
    """Give a key another secret, and show it."""
    stream = _uuid(key_id)
    _show(_changed(lambda services: key_changes.rotate_key(services, stream)), as_json=as_json)


def revoke_key(key_id: str) -> None:
    """End a key."""
    stream = _uuid(key_id)
    _changed(lambda services: key_changes.revoke_key(services, stream))
    typer.echo("revoked")


def list_keys(*, as_json: bool) -> None:
    """Show who may call."""

    async def run(services: Services) -> list[dict[str, str]]:
        return await services.directory.all()

    rows = with_services(run)
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo(
                "  ".join(f"{value:{width}}" for value, width in zip(row.values(), (36, 8, 36, 20), strict=False))
            )


def erase_customer(customer: str, *, basis: str, as_json: bool) -> None:
    """Erase a customer's personal data."""
    customer_id = _uuid(customer)
    if basis not in set(LegalBasis):
        raise CannotStart("a legal basis is one of retention_over, data_subject_request and authority_order")

    async def run(services: Services) -> datetime:
        return erased_at(await erase_subject(services, customer_id, LegalBasis(basis), actor="admin:console"))

    try:
        moment = with_services(run)
    except Refused as refusal:
        raise CannotStart(f"{refusal.code}: {PROBLEMS[refusal.code].title}") from None
    if as_json:
        typer.echo(json.dumps({"id": str(customer_id), "erasedAt": moment.isoformat()}))
    else:
        typer.echo(f"erased at {moment.isoformat()}: what was sealed with the customer's key never opens again")


async def sample_adopted(services: Services, settings: Settings) -> None:
    """In sandbox mode, screen with the sample until a list is adopted."""
    if settings.mode == "production":
        return
    async with services.pool.connection() as connection:
        if await adopted_list(connection) is not None:
            return
    with SAMPLE.open("rb") as stream:
        await put_in_force(services, read(stream), sample=True)


def with_services(use: Callable[[Services], Awaitable[T]]) -> T:
    """Run something that needs the services, on the database that the settings name."""
    set_up_logs()
    settings = load_settings()
    with database(settings) as ready:
        keys = keys_for(settings, ready.conninfo)

        async def run() -> T:
            async with open_services(settings, ready.conninfo, keys) as services:
                return await use(services)

        return asyncio.run(run())


def _show(key: key_changes.IssuedKey, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({_camel(field): value for field, value in asdict(key).items()}, default=str))
    else:
        of = f" of partner {key.partner}" if key.partner else ""
        typer.echo(f"key {key.key_id}{of}, shown this once:\n{key.key}")


def _changed(change: Callable[[Services], Awaitable[T]]) -> T:
    """Run a change of a key that there must be."""
    try:
        return with_services(change)
    except UnknownApiKey:
        raise CannotStart("there is no such key") from None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CannotStart("ids are UUIDs") from None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
