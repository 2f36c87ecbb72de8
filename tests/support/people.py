"""Customers that wait for an officer, and officers to wait for."""

from dataclasses import dataclass
from typing import Any, Final

import httpx2

from infrastructure.key_changes import issue_key
from tests.support.http import Held, customers_at
from tests.support.world import World

REASON: Final = "Xanthippe's passport is another's"
"""What officers say in these tests: unmistakable, and personal."""


async def colleague(world: World) -> httpx2.AsyncClient:
    """A second officer."""
    if "colleague" not in world.clients:
        issued = await issue_key(world.services, role="officer", name="colleague")
        headers = {"Authorization": f"Bearer {issued.key}"}
        world.clients["colleague"] = httpx2.AsyncClient(base_url=world.url, headers=headers, timeout=30)
    return world.clients["colleague"]


@dataclass(frozen=True)
class Waiting:
    """A customer of the partner's, and the review that waits."""

    held: Held
    review: dict[str, Any]

    @property
    def path(self) -> str:
        """Where the review is."""
        return f"/v1/reviews/{self.review['id']}"


async def reviews_of(world: World, held: Held) -> list[dict[str, Any]]:
    """What waits for officers of a customer, as the list says it."""
    await world.project()
    listed = (await world.officer.get("/v1/reviews?limit=200")).json()["reviews"]
    return [review for review in listed if review["customerId"] == held.customer["id"]]


async def held_in_verification(world: World) -> Waiting:
    """The provider holds the person."""
    held = (await customers_at(world, "verifying"))[0]
    assert (await world.partner.patch(f"{held.simulator}/verification", json={"outcome": "hold"})).status_code == 202
    return Waiting(held, (await reviews_of(world, held))[-1])


async def held_in_screening(world: World) -> Waiting:
    """One look was grave, the next was not."""
    held = (await customers_at(world, "initiating"))[0]
    outcome = {"outcome": "false_positive"}
    assert (await world.partner.patch(f"{held.simulator}/screening", json=outcome)).status_code == 202
    assert (await world.sign(held.customer, held.wallet)).status_code == 204
    await world.work()
    async with world.services.pool.connection() as connection:  # a minute later
        due = "UPDATE gatehouse.worklist SET due = now() WHERE customer = %s"
        await connection.execute(due, (held.customer["id"],))
    await world.work()
    return Waiting(held, (await reviews_of(world, held))[-1])


async def alerted(world: World) -> Waiting:
    """Monitoring found something in one source."""
    held = (await customers_at(world, "active"))[0]
    sent = await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})
    assert sent.status_code == 202
    return Waiting(held, (await reviews_of(world, held))[-1])


async def proposed(world: World, by: httpx2.AsyncClient) -> Held:
    """An officer wants an active customer rejected."""
    held = (await customers_at(world, "active"))[0]
    assert (await by.post(f"{held.path}/rejection", json={"reason": REASON})).status_code == 200
    return held


async def evidence_of(world: World, held: Held) -> list[str]:
    """The digests of what sources said in a customer's screening."""
    events = (await world.auditor.get(f"{held.path}/events")).json()["events"]
    attempts = [event["event"]["data"]["reports"] for event in events if event["type"] == "ScreeningAttempted"]
    return [report["evidence"] for reports in attempts for report in reports if "evidence" in report]
