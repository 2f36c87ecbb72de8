"""What is done with API keys, on the command line and over HTTP: issue, rotate, revoke. A secret is shown once.

What ends a secret returns when no process can let it in any more, nor a token that was issued for it.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.executor import Outcome
from application.handlers import Handler, append
from domain.events import ApiKeyIssued
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

    @classmethod
    def of(cls, outcome: Outcome, secret: str) -> "IssuedKey":
        """What the log knows of a key, with the secret that it does not know."""
        issued = outcome.history[0].event
        if not isinstance(issued, ApiKeyIssued):
            raise UnknownApiKey
        return cls(outcome.stream, issued.role, issued.name, issued.partner, secret)


def issuing(services: Services, *, key_hash: str, role: Role, name: str, partner: UUID | None) -> Handler:
    """The command to issue a key; a partner's first key makes the partner."""
    key_id = services.new_id()
    made = services.new_id() if role == "partner" and partner is None else partner
    return lambda: append(
        key_id, lambda history: issue(key_hash=key_hash, role=role, name=name, partner=made, history=history)
    )


def rotating(key_id: UUID, *, key_hash: str) -> Handler:
    """The command to give a key another secret. Raises `UnknownApiKey`."""
    return lambda: append(key_id, lambda history: rotate(history, key_hash=key_hash))


async def issue_key(services: Services, *, role: Role, name: str, partner: UUID | None = None) -> IssuedKey:
    """Issue a key."""
    key, key_hash = new_key(role)
    handler = issuing(services, key_hash=key_hash, role=role, name=name, partner=partner)
    return IssuedKey.of(await services.execute(handler, actor=CONSOLE), key)


async def rotate_key(services: Services, key_id: UUID) -> IssuedKey:
    """Give a key another secret; the one before has ended everywhere then. Raises `UnknownApiKey`."""
    holder = await services.directory.known(key_id)
    key, key_hash = new_key(holder.role)
    outcome = await services.execute(rotating(key_id, key_hash=key_hash), actor=CONSOLE)
    await services.directory.ended_everywhere()
    return IssuedKey.of(outcome, key)


async def revoke_key(services: Services, key_id: UUID, *, actor: str = CONSOLE) -> None:
    """End a key, everywhere. A repeat changes nothing. Raises `UnknownApiKey` where there never was one."""
    outcome = await services.execute(lambda: append(key_id, revoke), actor=actor, correlation_id=key_id)
    if not outcome.version:
        raise UnknownApiKey
    await services.directory.ended_everywhere()
