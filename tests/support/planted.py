"""A customer with an unmistakable text in every personal field there is, said by whoever says such things."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx2

from infrastructure.sandbox.provider import Callback, Person, SignedCallback
from infrastructure.services import callback_path
from tests.infrastructure.test_sealing import found
from tests.support.world import Wallet, World


@dataclass
class Planted:
    """A customer with an unmistakable text in every personal field there is."""

    customer: dict[str, Any]
    wallet: Wallet
    callback: SignedCallback
    canaries: list[str] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return UUID(self.customer["id"])

    @property
    def path(self) -> str:
        return f"/v1/customers/{self.id}"


def canary(planted: list[str], what: str) -> str:
    """A text that is found nowhere else."""
    planted.append(f"{what}-{sha256(what.encode()).hexdigest()[:12]}-canary")
    return planted[-1]


async def plant(world: World) -> Planted:
    """The customer's whole life, with everybody's words on it, up to its rejection."""
    wallet, canaries = Wallet(77), list[str]()
    customer = await world.verifying(wallet, "reference-of-the-planted")
    sandbox = world.services.sandbox
    assert sandbox
    person = Person(name=canary(canaries, "name"), document_number=canary(canaries, "document"), document_country="UTO")
    held = Callback(applicant=UUID(customer["id"]), answer="on_hold", reported_at=datetime.now(UTC), person=person)
    planted = Planted(customer, wallet, sandbox.provider.sign(held), canaries)
    assert (await call_back(world, planted.callback)).status_code == 200
    await say(world, planted, "hold", officer="officer", authority="Central Bank")
    await say(world, planted, "hold/lift", officer="officer", authority="Central Bank")
    await decide(world, planted)
    for change in ("deactivate", "activate"):
        await say(world, planted, change, officer="officer", method="PATCH")
    simulator = f"/v1/simulator/customers/{planted.id}/monitoring"
    assert (await world.partner.patch(simulator, json={"outcome": "suspicion"})).status_code == 202
    await clear(world, planted)
    for officer, step in (
        ("officer", "rejection"),
        ("officer", "rejection/withdrawal"),
        ("officer", "rejection"),
        ("second", "rejection/refusal"),
        ("officer", "rejection"),
    ):
        await say(world, planted, step, officer=officer)
    assert (await world.clients["second"].post(f"{planted.path}/rejection/confirmation")).status_code == 200
    await world.project()
    assert await world.status(planted.id) == "rejected"
    return planted


async def call_back(world: World, callback: SignedCallback) -> httpx2.Response:
    return await world.partner.post(callback_path("sandbox"), content=callback.body, headers=callback.headers)


async def say(world: World, planted: Planted, step: str, *, officer: str, method: str = "POST", **more: str) -> None:
    """An officer does something to the customer, and says why."""
    reason = canary(planted.canaries, f"{step.replace('/', '-')}-{len(planted.canaries)}")
    client = world.clients[officer]
    response = await client.request(method, f"{planted.path}/{step}", json={"reason": reason, **more})
    assert response.status_code == 200, response.text


async def waiting(world: World) -> dict[str, Any]:
    await world.project()
    (review,) = (await world.officer.get("/v1/reviews")).json()["reviews"]
    return dict(review)


async def decide(world: World, planted: Planted) -> None:
    review = await waiting(world)
    body = {"outcome": "pass", "reason": canary(planted.canaries, "decision")}
    assert (await world.officer.post(f"/v1/reviews/{review['id']}/decision", json=body)).status_code == 200


async def clear(world: World, planted: Planted) -> None:
    review = await waiting(world)
    body = {"reason": canary(planted.canaries, "clearance")}
    assert (await world.officer.post(f"/v1/alerts/{review['id']}/clear", json=body)).status_code == 200


def found_in(planted: Planted, everything: bytes) -> list[str]:
    return [text for text in planted.canaries if found(text, everything)]
