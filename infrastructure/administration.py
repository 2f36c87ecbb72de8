"""Commands of whoever runs the service: migrate, keys and erasure. What they need is opened here."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar, get_args
from uuid import UUID

import typer

from application.handlers import append
from domain.refusals import Refused
from domain.vocabulary import LegalBasis
from infrastructure import migrate as migrations
from infrastructure.api_keys import Role, UnknownKey, issue, new_key, revoke
from infrastructure.bootstrap import database, keys_for, let_in, open_services
from infrastructure.erasure import erase_subject, erased_at
from infrastructure.faults import CannotStart
from infrastructure.http.problems import PROBLEMS
from infrastructure.logs import set_up_logs
from infrastructure.sanctions.adoption import put_in_force
from infrastructure.sanctions.sdn_advanced import SAMPLE, read
from infrastructure.screening.ofac import adopted_list
from infrastructure.services import Services
from infrastructure.settings import Settings, load_settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as it is shown, once."""

    key_id: UUID
    role: str
    name: str
    partner: UUID | None
    key: str


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
    issued = with_services(lambda services: issue_key(services, role=role, name=name, partner=given))  # type: ignore[arg-type] # checked above
    if as_json:
        shown = asdict(issued)
        typer.echo(json.dumps({_camel(field): value for field, value in shown.items()}, default=str))
    else:
        of = f" of partner {issued.partner}" if issued.partner else ""
        typer.echo(f"key {issued.key_id}{of}, shown this once:\n{issued.key}")


def revoke_key(key_id: str) -> None:
    """End a key."""
    stream = _uuid(key_id)

    async def run(services: Services) -> int:
        outcome = await services.execute(lambda: append(stream, revoke), actor="admin:console")
        return outcome.version

    try:
        known = with_services(run)
    except UnknownKey:
        known = 0
    if not known:
        raise CannotStart("there is no such key")
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


async def issue_key(services: Services, *, role: Role, name: str, partner: UUID | None = None) -> IssuedKey:
    """Issue a key; a partner's first key makes the partner."""
    key, key_hash = new_key(role)
    key_id = services.new_id()
    if role == "partner" and partner is None:
        partner = services.new_id()
    await services.execute(
        lambda: append(
            key_id,
            lambda history: issue(key_hash=key_hash, role=role, name=name, partner=partner, history=history),
        ),
        actor="admin:console",
        correlation_id=key_id,
    )
    return IssuedKey(key_id, role, name, partner, key)


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


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CannotStart("ids are UUIDs") from None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
