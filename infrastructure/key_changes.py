"""What is done with API keys, on the command line and over HTTP: issue, rotate, revoke. A secret is shown once.

What ends a secret returns when no process can let it in any more, nor a token that was issued for it.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.handlers import append
from infrastructure.api_keys import Role, issue, new_key, revoke, rotate
from infrastructure.request_keys import UnknownApiKey
from infrastructure.services import Services

CONSOLE: Final = "admin:console"
"""Who acts on the command line."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as it is shown, once."""

    key_id: UUID
    role: Role
    name: str
    partner: UUID | None
    key: str


async def issue_key(
    services: Services, *, role: Role, name: str, partner: UUID | None = None, actor: str = CONSOLE
) -> IssuedKey:
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
        actor=actor,
        correlation_id=key_id,
    )
    return IssuedKey(key_id, role, name, partner, key)


async def rotate_key(services: Services, key_id: UUID, *, actor: str = CONSOLE) -> IssuedKey:
    """Give a key another secret; the one before has ended everywhere then. Raises `UnknownApiKey`."""
    holder = await services.directory.known(key_id)
    key, key_hash = new_key(holder.role)
    await services.execute(
        lambda: append(key_id, lambda history: rotate(history, key_hash=key_hash)), actor=actor, correlation_id=key_id
    )
    await services.directory.ended_everywhere()
    return IssuedKey(key_id, holder.role, holder.name, holder.partner, key)


async def revoke_key(services: Services, key_id: UUID, *, actor: str = CONSOLE) -> None:
    """End a key, everywhere. A repeat changes nothing. Raises `UnknownApiKey` where there never was one."""
    outcome = await services.execute(lambda: append(key_id, revoke), actor=actor, correlation_id=key_id)
    if not outcome.version:
        raise UnknownApiKey
    await services.directory.ended_everywhere()
