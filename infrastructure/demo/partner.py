"""Who calls: a partner's back end, which does what the API lets it, and an officer, who reads what became of it.

Both call through the typed client that partners are given (`client/`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar
from uuid import UUID

from gatehouse_client import AuthenticatedClient
from gatehouse_client.api.customers import (
    customers_activate,
    customers_challenge,
    customers_deactivate,
    customers_register,
    customers_show,
    customers_sign,
    customers_verification,
)
from gatehouse_client.api.officers_and_auditors import officers_and_auditors_timeline
from gatehouse_client.api.simulator import simulator_monitoring, simulator_screening, simulator_verification
from gatehouse_client.models import (
    CustomerRegistration,
    ProblemDetails,
    RegisteredCustomer,
    SignedChallenge,
    SimulatedOutcome,
    TimelineEntry,
)
from gatehouse_client.types import Response
from infrastructure.demo.wallet import OwnedWallet

PATIENCE: Final = 30.0
PAUSE: Final = 0.05
REHEARSALS: Final = {
    "screening": simulator_screening,
    "verification": simulator_verification,
    "monitoring": simulator_monitoring,
}
T = TypeVar("T")


class Unexpected(Exception):
    """The service answered otherwise than the story goes."""


@dataclass(slots=True)
class Customer:
    """A customer as the partner remembers it."""

    id: UUID
    wallet: OwnedWallet
    challenge: str


@dataclass(slots=True)
class Partner:
    """Calls the API with a partner's key, and counts what it is refused."""

    api: AuthenticatedClient
    refusals: Counter[str] = field(default_factory=Counter)

    async def register(self, wallet: OwnedWallet, external_id: str) -> Customer:
        """Register a wallet."""
        told = await _told(self._registration(wallet.account, external_id))
        return Customer(told.id, wallet, told.challenge)

    async def register_refused(self, code: str, account: str, external_id: str) -> None:
        """The same, expecting to be refused."""
        await self._refused(code, self._registration(account, external_id))

    async def new_challenge(self, customer: Customer) -> None:
        """Ask for the challenge again."""
        told = await _told(customers_challenge.asyncio_detailed(customer.id, client=self.api))
        customer.challenge = told.challenge

    async def sign(self, customer: Customer, *, signer: OwnedWallet | None = None) -> None:
        """Have the challenge signed, by the customer's wallet if by no other."""
        response = await self._signature(customer, signer or customer.wallet)
        if response.status_code != HTTPStatus.NO_CONTENT:
            raise Unexpected(f"the signature was answered {response.status_code}: {response.content!r}")

    async def sign_refused(self, code: str, customer: Customer, *, signer: OwnedWallet | None = None) -> None:
        """The same, expecting to be refused."""
        await self._refused(code, self._signature(customer, signer or customer.wallet))

    async def until(self, customer: Customer, status: str) -> None:
        """Wait until the customer has a status."""

        async def has_it() -> bool:
            found = await _told(customers_show.asyncio_detailed(customer.id, client=self.api))
            return found.status == status

        await _until(has_it, f"not {status} in time")

    async def rehearse(self, customer: Customer, step: str, outcome: str) -> None:
        """Tell the sandbox what a step comes to."""
        rehearsal = REHEARSALS[step].asyncio_detailed
        await _told(rehearsal(customer.id, client=self.api, body=SimulatedOutcome(outcome)))

    async def approve_on_the_page(self, customer: Customer) -> None:
        """Open the hosted page as the person would, and click."""
        session = await _told(customers_verification.asyncio_detailed(customer.id, client=self.api))
        form = {
            "name": "Ada Sample",
            "document_number": f"SBX{str(customer.id)[-8:].upper()}",
            "document_country": "UTO",
            "answer": "approved",
        }
        response = await self.api.get_async_httpx_client().post(session.session_url, data=form)
        if not response.is_success:
            raise Unexpected(f"the page answered {response.status_code}")

    async def deactivate(self, customer: Customer) -> None:
        """Suspend."""
        await _told(customers_deactivate.asyncio_detailed(customer.id, client=self.api))

    async def activate(self, customer: Customer) -> None:
        """Resume."""
        await _told(customers_activate.asyncio_detailed(customer.id, client=self.api))

    async def activate_refused(self, code: str, customer: Customer) -> None:
        """The same, expecting to be refused."""
        await self._refused(code, customers_activate.asyncio_detailed(customer.id, client=self.api))

    def _registration(self, account: str, external_id: str) -> Awaitable[Response[ProblemDetails | RegisteredCustomer]]:
        body = CustomerRegistration(chain_id=account, external_id=external_id)
        return customers_register.asyncio_detailed(client=self.api, body=body)

    def _signature(self, customer: Customer, signer: OwnedWallet) -> Awaitable[Response[Any]]:
        body = SignedChallenge(
            chain_id=customer.wallet.account,
            challenge=customer.challenge,
            signature=signer.sign(customer.challenge),
        )
        return customers_sign.asyncio_detailed(customer.id, client=self.api, body=body)

    async def _refused(self, code: str, call: Awaitable[Response[Any]]) -> None:
        """Make a call that the service must refuse with `code`."""
        response = await call
        given = response.parsed.code if isinstance(response.parsed, ProblemDetails) else None
        if given != code:
            raise Unexpected(f"expected {code}, got {response.status_code} {given}")
        self.refusals[code] += 1


@dataclass(frozen=True, slots=True)
class Officer:
    """Reads timelines."""

    api: AuthenticatedClient

    async def story(self, customer: Customer) -> tuple[str, list[TimelineEntry]]:
        """The customer's status and its whole story."""
        told = await _told(officers_and_auditors_timeline.asyncio_detailed(customer.id, client=self.api))
        return told.status, told.entries

    async def until(self, customer: Customer, event: str) -> None:
        """Wait until an event of this type is in the story."""

        async def has_it() -> bool:
            return any(entry.type_ == event for entry in (await self.story(customer))[1])

        await _until(has_it, f"no {event} in time")


async def _told(call: Awaitable[Response[ProblemDetails | T]]) -> T:
    """What a call is answered if all goes well."""
    response = await call
    if response.parsed is None or isinstance(response.parsed, ProblemDetails):
        raise Unexpected(f"answered {response.status_code}: {response.content!r}")
    return response.parsed


async def _until(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise Unexpected(otherwise)
        await asyncio.sleep(PAUSE)
