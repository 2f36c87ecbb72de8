"""A whole running service in one test: real HTTP, a real database, and work that is done when the test says so."""

import socket
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from coincurve import PrivateKey

from domain.wallet import checksum
from infrastructure.administration import sample_adopted
from infrastructure.api_keys import Role
from infrastructure.bootstrap import open_services
from infrastructure.key_changes import issue_key
from infrastructure.keys.deployment import Keys, load_keys
from infrastructure.projector import Projector
from infrastructure.services import Services
from infrastructure.serving import answering, listening
from infrastructure.settings import Settings
from infrastructure.wallets.wallet_proof import keccak256
from infrastructure.work.worker import Worker
from projections import PROJECTIONS
from tests.support.clock import Clock


class Wallet:
    """A wallet whose key the test holds; the same number, the same wallet."""

    def __init__(self, number: int) -> None:
        self.key = PrivateKey.from_int(number + 1)
        digest = keccak256(self.key.public_key.format(compressed=False)[1:])
        self.address = checksum("0x" + digest[-20:].hex(), keccak256)

    @property
    def account(self) -> str:
        """The wallet on Ethereum's main chain, as CAIP-10."""
        return f"eip155:1:{self.address}"

    def sign(self, message: bytes) -> str:
        """An EIP-191 signature, 0x-hex, with v in {27, 28}."""
        digest = keccak256(b"\x19Ethereum Signed Message:\n%d%b" % (len(message), message))
        raw = self.key.sign_recoverable(digest, hasher=None)
        return "0x" + (raw[:64] + bytes([raw[64] + 27])).hex()


@dataclass
class World:
    """Clients by role, and the hands of the clock. `partner` and `other` are two partners."""

    services: Services
    url: str
    clock: Clock
    clients: dict[str, httpx2.AsyncClient] = field(default_factory=dict)

    @property
    def partner(self) -> httpx2.AsyncClient:
        return self.clients["partner"]

    @property
    def other(self) -> httpx2.AsyncClient:
        return self.clients["other"]

    @property
    def officer(self) -> httpx2.AsyncClient:
        return self.clients["officer"]

    @property
    def auditor(self) -> httpx2.AsyncClient:
        return self.clients["auditor"]

    @property
    def admin(self) -> httpx2.AsyncClient:
        return self.clients["admin"]

    async def project(self) -> None:
        """Bring the read models up to the log."""
        await Projector(self.services.conninfo, PROJECTIONS).catch_up()

    async def work(self) -> None:
        """Project, do what is due, and again, until nothing is due."""
        projector = Projector(self.services.conninfo, PROJECTIONS)
        worker = Worker(self.services, projector.moved)
        await projector.catch_up()
        while await worker.take():
            await worker.idle()
            await projector.catch_up()

    async def register(self, wallet: Wallet, external_id: str = "user-1", by: str = "partner") -> dict[str, Any]:
        response = await self.clients[by].post(
            "/v1/customers", json={"chainId": wallet.account, "externalId": external_id}
        )
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def sign(self, customer: dict[str, Any], wallet: Wallet, by: str = "partner") -> httpx2.Response:
        message = b64decode(customer["challenge"])
        return await self.clients[by].post(
            f"/v1/customers/{customer['id']}/challenge/sign",
            json={
                "chainId": customer["chainId"],
                "challenge": customer["challenge"],
                "signature": wallet.sign(message),
            },
        )

    async def verifying(self, wallet: Wallet, external_id: str = "user-1", by: str = "partner") -> dict[str, Any]:
        """A customer whose wallet passed screening."""
        customer = await self.register(wallet, external_id, by)
        assert (await self.sign(customer, wallet, by)).status_code == 204
        await self.work()
        return customer

    async def active(self, wallet: Wallet, external_id: str = "user-1", by: str = "partner") -> dict[str, Any]:
        """A customer that is in."""
        customer = await self.verifying(wallet, external_id, by)
        response = await self.clients[by].patch(f"/v1/simulator/customers/{customer['id']}/verify")
        assert response.status_code == 202, response.text
        await self.project()
        return customer

    async def status(self, customer_id: str | UUID) -> str:
        response = await self.auditor.get(f"/v1/customers/{customer_id}")
        return str(response.json()["status"])


@asynccontextmanager
async def running(conninfo: str, folder: Path, **settings: Any) -> AsyncIterator[World]:  # noqa: ANN401 -- any of them
    """A world on a database, with its keys below `folder`."""
    chosen = Settings(data=folder, port=0, **settings)
    keys = load_keys(chosen.keys_folder, generate=True)
    with listening(chosen) as listener:
        # uvloop does this by itself; without it, asyncio's answers wait 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen = chosen.model_copy(update={"port": listener.getsockname()[1]})
        clock = Clock()
        async with _services(chosen, conninfo, keys, clock) as services, answering(services, listener):
            await sample_adopted(services, chosen)
            world = World(services, chosen.local_url, clock)
            roles: dict[str, Role] = {
                "partner": "partner",
                "other": "partner",
                "officer": "officer",
                "auditor": "auditor",
                "admin": "admin",
            }
            for name, role in roles.items():
                issued = await issue_key(services, role=role, name=name)
                world.clients[name] = httpx2.AsyncClient(
                    base_url=chosen.local_url, headers={"Authorization": f"Bearer {issued.key}"}, timeout=30
                )
            try:
                yield world
            finally:
                for client in world.clients.values():
                    await client.aclose()


@asynccontextmanager
async def _services(settings: Settings, conninfo: str, keys: Keys, clock: Clock) -> AsyncIterator[Services]:
    """The service's parts, with the test's clock."""
    async with open_services(settings, conninfo, keys) as services:
        yield replace(services, clock=clock)
