"""Callers of the service in a drill: they register customers and sign their challenges until each is answered.

A caller who hears nothing, or that the service is unavailable, asks again. Only then may it hear that the wallet is
registered or the challenge signed: it did that itself, and takes the answer for an acknowledgement.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from infrastructure.demo.wallet import OwnedWallet

CALLERS: Final = 8
PACE: Final = 0.4
"""Seconds that a caller rests between two customers: more than the workers can do would only pile up."""
LONGEST: Final = 60.0
"""Seconds after which a caller takes the service to hang."""
AGAIN: Final = 0.05
HIT_EACH: Final = 4
"""Every so many customers, the sandbox is told that screening finds something."""


@dataclass(slots=True)
class Heard:
    """What the callers were told."""

    registered: set[str] = field(default_factory=set)
    signed: dict[str, str] = field(default_factory=dict)
    """Customers whose challenge was verified, and the status that the sandbox's answer leads to."""
    statuses: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    """Connections that broke before an answer."""
    hung: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)
    """Answers that nobody should have been given."""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    enough: bool = False


class Caller:
    """A partner's back end, with one customer after the other."""

    def __init__(self, http: httpx2.AsyncClient, heard: Heard) -> None:
        self._http = http
        self._heard = heard

    async def run(self) -> None:
        """Bring customers until there are enough; the last is brought to its end."""
        number = 0
        while not self._heard.enough:
            number += 1
            await self._bring(number)
            await asyncio.sleep(PACE)

    async def _bring(self, number: int) -> None:
        wallet = OwnedWallet()
        told = await self._ask(
            "POST", "/v1/customers", {"chainId": wallet.account, "externalId": f"drill-{number}"}, 201
        )
        customer = str(told["id"])
        self._heard.registered.add(customer)
        if "challenge" not in told:  # it was an earlier try that registered it
            told = await self._ask("GET", f"/v1/customers/{customer}/challenge", None, 200)
        expected = "verifying"
        if number % HIT_EACH == 0:
            await self._ask("PATCH", f"/v1/simulator/customers/{customer}/screening", {"outcome": "hit"}, 202)
            expected = "rejected"
        challenge = str(told["challenge"])
        signature = {"chainId": wallet.account, "challenge": challenge, "signature": wallet.sign(challenge)}
        await self._ask("POST", f"/v1/customers/{customer}/challenge/sign", signature, 204)
        self._heard.signed[customer] = expected

    async def _ask(self, method: str, path: str, body: dict[str, str] | None, wanted: int) -> dict[str, Any]:
        """Ask until there is an answer; a conflict counts as one where an earlier try went unanswered."""
        repeated = False
        while True:
            response = await self._try(method, path, body)
            if response is not None and response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
                done = repeated and response.status_code == httpx2.codes.CONFLICT
                if not done and response.status_code != wanted:
                    self._heard.wrong.append(f"{method} {path}: {response.status_code} {response.text}")
                self._heard.answering.set()
                return dict(response.json()) if response.content else {}
            repeated = True
            await asyncio.sleep(AGAIN)

    async def _try(self, method: str, path: str, body: dict[str, str] | None) -> httpx2.Response | None:
        heard, loop = self._heard, asyncio.get_running_loop()
        begun = loop.time()
        try:
            response = await self._http.request(method, path, json=body)
        except httpx2.TimeoutException:
            heard.hung += 1
            return None
        except httpx2.TransportError:
            heard.silent += 1
            return None
        heard.slowest = max(heard.slowest, loop.time() - begun)
        heard.statuses[response.status_code] += 1
        if response.status_code == httpx2.codes.SERVICE_UNAVAILABLE and "retry-after" not in response.headers:
            heard.wrong.append("503 without Retry-After")
        return response


def client(url: str, key: str) -> httpx2.AsyncClient:
    """How a partner calls, with the patience of `LONGEST`."""
    return httpx2.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=LONGEST, trust_env=False
    )
