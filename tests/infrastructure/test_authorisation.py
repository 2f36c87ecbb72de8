"""Who may call what. A route that is not in the table fails."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from application.handlers import append
from infrastructure.administration import issue_key
from infrastructure.api_keys import revoke
from infrastructure.http.app import create_app
from tests.support.world import Wallet, World

pytestmark = pytest.mark.anyio

CALLERS = ("partner", "other", "officer", "auditor", "admin", "nobody", "stranger", "revoked")
ONE = "/v1/customers/{customer_id}"
SIMULATOR = "/v1/simulator/customers/{customer_id}"
WALLETS = count(7000)


@dataclass(frozen=True)
class Row:
    """What each caller is answered about a rejected customer of `partner`. Nobody, strangers and the revoked: 401."""

    partner: int
    other: int
    officer: int
    auditor: int
    admin: int = 403
    unknown: int = 401

    def expected(self, caller: str) -> int:
        return int(getattr(self, caller, self.unknown))


def everybody(status: int) -> Row:
    return Row(status, status, status, status, status, status)


TABLE = {
    ("POST", "/v1/customers"): Row(partner=201, other=201, officer=403, auditor=403),
    ("GET", "/v1/customers"): Row(partner=200, other=200, officer=200, auditor=200),
    ("GET", ONE): Row(partner=200, other=404, officer=200, auditor=200),
    ("GET", ONE + "/challenge"): Row(partner=409, other=404, officer=403, auditor=403),
    ("POST", ONE + "/challenge/sign"): Row(partner=409, other=404, officer=403, auditor=403),
    ("GET", ONE + "/verification"): Row(partner=409, other=404, officer=403, auditor=403),
    ("PATCH", ONE + "/deactivate"): Row(partner=409, other=404, officer=409, auditor=403),
    ("PATCH", ONE + "/activate"): Row(partner=409, other=404, officer=409, auditor=403),
    ("GET", ONE + "/services"): Row(partner=200, other=404, officer=200, auditor=200),
    ("GET", ONE + "/timeline"): Row(partner=403, other=403, officer=200, auditor=200),
    ("GET", ONE + "/events"): Row(partner=403, other=403, officer=200, auditor=200),
    ("PATCH", SIMULATOR + "/screening"): Row(partner=409, other=404, officer=403, auditor=403),
    ("PATCH", SIMULATOR + "/verification"): Row(partner=409, other=404, officer=403, auditor=403),
    ("PATCH", SIMULATOR + "/monitoring"): Row(partner=409, other=404, officer=403, auditor=403),
    ("PATCH", SIMULATOR + "/verify"): Row(partner=409, other=404, officer=403, auditor=403),
    ("PATCH", SIMULATOR + "/reject"): Row(partner=409, other=404, officer=403, auditor=403),
    ("POST", "/v1/providers/sandbox/callback"): everybody(401),
    ("GET", "/sandbox/verification/{token}"): everybody(404),
    ("POST", "/sandbox/verification/{token}"): everybody(404),
    ("GET", "/health/live"): everybody(200),
    ("GET", "/health/ready"): everybody(200),
    ("GET", "/metrics"): everybody(200),
    ("GET", "/docs"): everybody(200),
    ("GET", "/openapi.json"): everybody(200),
}


@dataclass(frozen=True)
class Scene:
    """A rejected customer of `partner`, and a client for every caller."""

    world: World
    customer: dict[str, Any]
    clients: dict[str, httpx2.AsyncClient]

    async def call(self, caller: str, method: str, path: str, customer_id: str | None = None) -> httpx2.Response:
        url = path.format(customer_id=customer_id or self.customer["id"], token="none")
        return await self.clients[caller].request(method, url, json=self.body(path))

    def body(self, path: str) -> dict[str, str] | None:
        if path == "/v1/customers":
            return {"chainId": Wallet(next(WALLETS)).account, "externalId": "somebody"}
        if path.endswith("/sign"):
            return {"chainId": self.customer["chainId"], "challenge": "bWVzc2FnZQ==", "signature": "0x00"}
        return {"outcome": "pass"} if path.startswith(SIMULATOR) else None


@pytest.fixture(scope="module")
async def scene(world: World) -> AsyncIterator[Scene]:
    customer = await world.verifying(Wallet(1))
    await world.partner.patch(f"/v1/simulator/customers/{customer['id']}/reject")
    await world.project()
    issued = await issue_key(world.services, role="partner", name="revoked", partner=None)
    await world.services.execute(
        lambda: append(issued.key_id, revoke), actor="admin:test", correlation_id=world.services.new_id()
    )
    keys = {"nobody": {}, "stranger": {"Authorization": "Bearer gh_partner_x"}}
    keys["revoked"] = {"Authorization": f"Bearer {issued.key}"}
    strangers = {name: httpx2.AsyncClient(base_url=world.url, headers=given) for name, given in keys.items()}
    yield Scene(world, customer, world.clients | strangers)
    for client in strangers.values():
        await client.aclose()


async def test_every_route_is_in_the_table(world: World) -> None:
    routes = {
        (method, route.path)
        for route in create_app(world.services).routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert routes == set(TABLE)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), TABLE)
async def test_each_caller_is_answered_as_the_table_says(scene: Scene, caller: str, method: str, path: str) -> None:
    response = await scene.call(caller, method, path)
    assert response.status_code == TABLE[method, path].expected(caller), response.text


@pytest.mark.parametrize(
    ("method", "path"), [key for key, row in TABLE.items() if row.other == 404 and row.admin == 403]
)
async def test_another_partners_customer_looks_like_none(scene: Scene, method: str, path: str) -> None:
    theirs = await scene.call("other", method, path)
    missing = await scene.call("other", method, path, customer_id="01890000-0000-7000-8000-000000000000")
    assert theirs.content == missing.content
    assert _without_date(theirs) == _without_date(missing)


async def test_a_list_has_only_the_partners_own(scene: Scene) -> None:
    mine = (await scene.clients["partner"].get("/v1/customers?limit=200")).json()["customers"]
    theirs = (await scene.clients["other"].get("/v1/customers?limit=200")).json()["customers"]
    assert scene.customer["id"] in {customer["id"] for customer in mine}
    assert not {customer["id"] for customer in mine} & {customer["id"] for customer in theirs}


def _without_date(response: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name != "date"}
