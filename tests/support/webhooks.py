"""A partner's receiver, a webhook that leads to it, and deliveries that are made when the test says so."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook as Verifier

from application.webhooks import Wanted, put
from infrastructure.webhooks.deliverer import Deliverer
from infrastructure.webhooks.signing import new_secret
from tests.support.http import rows
from tests.support.raw_server import RawServer, Reply, Request, raw_server
from tests.support.world import World

TYPES = ["customer.created", "customer.updated"]


@dataclass
class Receiver:
    """A webhook of the partner's and the server behind it. It takes everything, unless `replies` say otherwise."""

    world: World
    server: RawServer
    id: str = ""
    secret: str = ""
    replies: list[Reply] = field(default_factory=list)
    """What the next requests are answered; the rest is taken."""

    @property
    def path(self) -> str:
        return f"/v1/webhooks/{self.id}"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.server.requests]

    @property
    def sequences(self) -> list[int]:
        """What came, by number; repetitions too."""
        return [body["sequence"] for body in self.bodies]

    def respond(self, request: Request) -> Reply:
        return self.replies.pop(0) if self.replies else Reply(204)

    def verify(self, *secrets: str) -> None:
        """Every request must be one that the reference library takes with any of the secrets."""
        for secret in secrets or (self.secret,):
            for request in self.server.requests:
                Verifier(secret).verify(request.body, request.headers)

    async def register(self, types: Iterable[str] = TYPES) -> dict[str, Any]:
        response = await self.world.partner.put(
            "/v1/webhooks", json={"callbackUrl": f"{self.server.url}/hook?token=t0ken", "types": list(types)}
        )
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def deliveries(self) -> list[dict[str, Any]]:
        """As its owner sees them, the oldest first."""
        response = await self.world.partner.get(f"{self.path}/deliveries")
        assert response.status_code == 200, response.text
        listed: list[dict[str, Any]] = response.json()["deliveries"]
        return listed[::-1]

    async def shown(self) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.world.partner.get(self.path)).json()
        return answer


async def webhook_of(world: World, *, removed: bool) -> str:
    """A webhook of the partner's that leads nowhere; another for whoever will have it `removed`."""
    key = next(key for key in await world.services.directory.all() if key["name"] == "partner")
    address = f"https://partner.invalid/{'removed' if removed else 'kept'}"
    wanted = Wanted(UUID(key["partner"]), address, ("customer.created",), new_secret())
    fingerprint = world.services.keys.fingerprint_of
    outcome = await world.services.execute(
        partial(put, world.services.new_id(), wanted, fingerprint=fingerprint), actor="partner:test"
    )
    return str(outcome.stream)


async def delivery_to(world: World, webhook: str) -> str:
    """A delivery that was made for a webhook."""
    await rows(
        world,
        "INSERT INTO gatehouse.webhook_deliveries (webhook, sequence, id, customer) VALUES (%s, 1, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING id",
        *(webhook, webhook, webhook),
    )
    return webhook


@asynccontextmanager
async def receiving(world: World) -> AsyncIterator[Receiver]:
    """A new receiver whose webhook is registered."""
    async with raw_server(lambda _: Reply(204)) as server:
        receiver = Receiver(world, server)
        server.respond = receiver.respond
        registered = await receiver.register()
        receiver.id, receiver.secret = registered["id"], registered["secret"]
        try:
            yield receiver
        finally:
            await world.partner.delete(receiver.path)


async def deliver(world: World, by: Deliverer | None = None) -> Deliverer:
    """Bring the feed up to date and deliver all that is due."""
    await world.project()
    deliverer = by or Deliverer(world.services)
    while await deliverer.take():
        await deliverer.idle()
    return deliverer
