"""Who calls: a partner's back end, which does what the API lets it, and an officer, who reads what became of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from infrastructure.demo.wallet import OwnedWallet

PATIENCE: Final = 30.0
PAUSE: Final = 0.05


class Unexpected(Exception):
    """The service answered otherwise than the story goes."""


@dataclass(slots=True)
class Customer:
    """A customer as the partner remembers it."""

    id: str
    wallet: OwnedWallet
    challenge: str


@dataclass(slots=True)
class Partner:
    """Calls the API with a partner's key, and counts what it is refused."""

    http: httpx2.AsyncClient
    refusals: Counter[str] = field(default_factory=Counter)

    async def register(self, wallet: OwnedWallet, external_id: str) -> Customer:
        """Register a wallet."""
        answer = await self._expect(
            201, "POST", "/v1/customers", {"chainId": wallet.account, "externalId": external_id}
        )
        return Customer(answer["id"], wallet, answer["challenge"])

    async def new_challenge(self, customer: Customer) -> None:
        """Ask for the challenge again."""
        customer.challenge = (await self._expect(200, "GET", f"/v1/customers/{customer.id}/challenge"))["challenge"]

    async def sign(self, customer: Customer, *, signer: OwnedWallet | None = None) -> None:
        """Have the challenge signed, by the customer's wallet if by no other."""
        await self._expect(204, "POST", *self._signature(customer, signer or customer.wallet))

    async def sign_refused(self, code: str, customer: Customer, *, signer: OwnedWallet | None = None) -> None:
        """The same, expecting to be refused."""
        await self.refused(code, "POST", *self._signature(customer, signer or customer.wallet))

    async def until(self, customer: Customer, status: str) -> None:
        """Wait until the customer has a status."""

        async def has_it() -> bool:
            found = await self._expect(200, "GET", f"/v1/customers/{customer.id}")
            return bool(found["status"] == status)

        await _until(has_it, f"not {status} in time")

    async def rehearse(self, customer: Customer, step: str, outcome: str) -> None:
        """Tell the sandbox what a step comes to."""
        await self._expect(202, "PATCH", f"/v1/simulator/customers/{customer.id}/{step}", {"outcome": outcome})

    async def approve_on_the_page(self, customer: Customer) -> None:
        """Open the hosted page as the person would, and click."""
        session = await self._expect(200, "GET", f"/v1/customers/{customer.id}/verification")
        form = {
            "name": "Ada Sample",
            "document_number": f"SBX{customer.id[-8:].upper()}",
            "document_country": "UTO",
            "answer": "approved",
        }
        response = await self.http.post(session["sessionUrl"], data=form)
        if response.status_code != httpx2.codes.OK:
            raise Unexpected(f"the page answered {response.status_code}")

    async def switch(self, customer: Customer, action: str) -> None:
        """Activate or deactivate."""
        await self._expect(200, "PATCH", f"/v1/customers/{customer.id}/{action}")

    async def refused(self, code: str, method: str, path: str, body: dict[str, str] | None = None) -> None:
        """Make a call that the service must refuse with `code`."""
        response = await self.http.request(method, path, json=body)
        given = response.json().get("code") if response.content else None
        if given != code:
            raise Unexpected(f"expected {code}, got {response.status_code} {given}")
        self.refusals[code] += 1

    @staticmethod
    def _signature(customer: Customer, signer: OwnedWallet) -> tuple[str, dict[str, str]]:
        return f"/v1/customers/{customer.id}/challenge/sign", {
            "chainId": customer.wallet.account,
            "challenge": customer.challenge,
            "signature": signer.sign(customer.challenge),
        }

    async def _expect(self, status: int, method: str, path: str, body: dict[str, str] | None = None) -> Any:  # noqa: ANN401 -- JSON
        response = await self.http.request(method, path, json=body)
        if response.status_code != status:
            raise Unexpected(f"{method} answered {response.status_code}: {response.text}")
        return response.json() if response.content else None


@dataclass(frozen=True, slots=True)
class Officer:
    """Reads timelines."""

    http: httpx2.AsyncClient

    async def story(self, customer: Customer) -> tuple[str, list[dict[str, Any]]]:
        """The customer's status and its whole story."""
        told = (await self.http.get(f"/v1/customers/{customer.id}/timeline")).json()
        return told["status"], told["entries"]

    async def until(self, customer: Customer, event: str) -> None:
        """Wait until an event of this type is in the story."""

        async def has_it() -> bool:
            return any(entry["type"] == event for entry in (await self.story(customer))[1])

        await _until(has_it, f"no {event} in time")


async def _until(condition: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise Unexpected(otherwise)
        await asyncio.sleep(PAUSE)
