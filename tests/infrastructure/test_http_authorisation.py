"""Who may call what: every route, every caller, and the answer."""

from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, get_args
from uuid import UUID, uuid4

import httpx2
import pytest
from starlette.routing import Route

from application.handlers import append
from infrastructure.api_keys import Role, revoke
from infrastructure.exports.asked import Asked
from infrastructure.exports.order_folder import Finished, Order
from infrastructure.http.admin_models import PEM
from infrastructure.http.app import create_app
from infrastructure.http.refusal_timing import BEAT
from infrastructure.key_changes import IssuedKey, issue_key
from tests.support.http import MISSING, Held, assert_problem, customers_at, fresh_wallet, head_of
from tests.support.people import (
    REASON,
    alerted,
    colleague,
    evidence_of,
    held_in_verification,
    proposed,
    reviews_of,
)
from tests.support.tokens import token_of
from tests.support.transparency import publish_all
from tests.support.webhooks import delivery_to, webhook_of
from tests.support.world import World

pytestmark = pytest.mark.anyio

CALLERS: Final = ("partner", "other", "officer", "auditor", "admin", "no key", "unknown key", "revoked key")
STRANGERS: Final = (401, 401, 401)


@dataclass(frozen=True)
class Row:
    """What each of CALLERS is answered, where the partner has a customer that is `at` a status."""

    answers: tuple[int, ...]
    at: str = "initiating"
    body: str | None = None
    query: str = ""
    endless: bool = False
    """Whether an answer has no end, and is not waited for."""


def owner(status: int) -> tuple[int, ...]:
    """Its partner and nobody else."""
    return (status, 404, 403, 403, 403, *STRANGERS)


ANYBODY: Final = (200,) * len(CALLERS)
EVERYBODY: Final = (200, 200, 200, 200, 200, *STRANGERS)
READERS: Final = (200, 404, 200, 200, 403, *STRANGERS)
ACTORS: Final = (200, 404, 200, 403, 403, *STRANGERS)
ADMIN: Final = (403, 403, 403, 403, 200, *STRANGERS)
INSPECTORS: Final = (403, 403, 200, 200, 403, *STRANGERS)
AUDITORS: Final = (403, 403, 403, 200, 403, *STRANGERS)
OFFICERS: Final = (403, 403, 200, 403, 403, *STRANGERS)

CUSTOMER: Final = "/v1/customers/{customer_id}"
SIMULATOR: Final = "/v1/simulator/customers/{customer_id}"
TABLE: Final = {
    "POST /v1/customers": Row((201, 201, 403, 403, 403, *STRANGERS), body="registration"),
    "GET /v1/customers": Row((200, 200, 200, 200, 403, *STRANGERS)),
    f"GET {CUSTOMER}": Row(READERS),
    f"GET {CUSTOMER}/challenge": Row(owner(200)),
    f"POST {CUSTOMER}/challenge/sign": Row(owner(204), body="signature"),
    f"GET {CUSTOMER}/verification": Row(owner(200), at="verifying"),
    f"PATCH {CUSTOMER}/deactivate": Row(ACTORS, at="active"),
    f"PATCH {CUSTOMER}/activate": Row(ACTORS, at="active"),
    f"GET {CUSTOMER}/services": Row(READERS),
    f"GET {CUSTOMER}/timeline": Row(INSPECTORS),
    f"GET {CUSTOMER}/events": Row(INSPECTORS),
    f"GET {CUSTOMER}/evidence/{{digest}}": Row(INSPECTORS, at="verifying"),
    f"GET {CUSTOMER}/changes": Row(READERS, query="from=0&to={head}"),
    f"GET {CUSTOMER}/proof": Row(AUDITORS),
    "POST /v1/auth/token": Row(ANYBODY, body="credentials"),
    "POST /v1/keys": Row((403, 403, 403, 403, 201, *STRANGERS), body="key"),
    "GET /v1/keys": Row(ADMIN),
    "POST /v1/keys/{key_id}/rotation": Row(ADMIN),
    "DELETE /v1/keys/{key_id}": Row((403, 403, 403, 403, 204, *STRANGERS)),
    "GET /v1/events": Row((200, 200, 403, 403, 403, *STRANGERS)),
    "GET /v1/events/stream": Row((200, 200, 403, 403, 403, *STRANGERS), endless=True),
    "GET /v1/audit/checkpoint": Row(AUDITORS),
    "GET /v1/audit/events": Row(INSPECTORS),
    "POST /v1/audit/replays": Row(AUDITORS),
    "GET /v1/audit/keys": Row(AUDITORS),
    "GET /v1/audit/proofs/inclusion": Row(AUDITORS, query="position=1"),
    "GET /v1/audit/proofs/consistency": Row(AUDITORS, query="old=1"),
    "GET /v1/reviews": Row(INSPECTORS),
    "GET /v1/reviews/{review_id}": Row(INSPECTORS, at="held"),
    "POST /v1/reviews/{review_id}/decision": Row(OFFICERS, at="held", body="decision"),
    "POST /v1/alerts/{alert_id}/clear": Row(OFFICERS, at="alerted", body="reason"),
    f"POST {CUSTOMER}/rejection": Row(OFFICERS, at="active", body="reason"),
    f"POST {CUSTOMER}/rejection/confirmation": Row(OFFICERS, at="proposed by a colleague"),
    f"POST {CUSTOMER}/rejection/refusal": Row(OFFICERS, at="proposed by a colleague", body="reason"),
    f"POST {CUSTOMER}/rejection/withdrawal": Row(OFFICERS, at="proposed", body="reason"),
    f"POST {CUSTOMER}/hold": Row(OFFICERS, body="hold"),
    f"POST {CUSTOMER}/hold/lift": Row(OFFICERS, body="hold"),
    f"POST {CUSTOMER}/erasure": Row((403, 403, 403, 403, 409, *STRANGERS), body="erasure"),
    "GET /v1/funnel": Row((200, 200, 200, 200, 403, *STRANGERS)),
    "GET /v1/funnel/changes": Row((200, 200, 200, 200, 403, *STRANGERS), query="from=0&to={head}"),
    "POST /v1/sanctions-lists": Row((403, 403, 403, 403, 415, *STRANGERS)),
    "POST /v1/policies/{name}/trial": Row(ADMIN),
    "PUT /v1/keys/{key_id}/public-key": Row(ADMIN, body="request key"),
    "DELETE /v1/keys/{key_id}/public-key": Row((403, 403, 403, 403, 204, *STRANGERS)),
    "POST /v1/exports": Row((403, 403, 403, 422, 403, *STRANGERS), body="no export"),
    "GET /v1/exports/{export_id}": Row(AUDITORS),
    "GET /v1/exports/{export_id}/file": Row(AUDITORS),
    "PUT /v1/webhooks": Row((422, 422, 403, 403, 403, *STRANGERS), body="webhook"),
    "GET /v1/webhooks": Row((200, 200, 403, 403, 403, *STRANGERS)),
    "GET /v1/webhooks/{webhook_id}": Row(owner(200)),
    "DELETE /v1/webhooks/{webhook_id}": Row(owner(204)),
    "POST /v1/webhooks/{webhook_id}/secret": Row(owner(200)),
    "POST /v1/webhooks/{webhook_id}/test": Row(owner(200)),
    "GET /v1/webhooks/{webhook_id}/deliveries": Row(owner(200)),
    "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": Row(owner(202)),
    "GET /v1/schemas": Row(EVERYBODY),
    "GET /v1/schemas/{name}": Row(EVERYBODY),
    f"PATCH {SIMULATOR}/screening": Row(owner(202), body="outcome"),
    f"PATCH {SIMULATOR}/verification": Row(owner(202), at="verifying", body="outcome"),
    f"PATCH {SIMULATOR}/monitoring": Row(owner(202), at="active", body="outcome"),
    f"PATCH {SIMULATOR}/verify": Row(owner(202), at="verifying"),
    f"PATCH {SIMULATOR}/reject": Row(owner(202), at="verifying"),
    "POST /v1/providers/sandbox/callback": Row((401,) * len(CALLERS)),
    "GET /sandbox/verification/{token}": Row(ANYBODY, at="verifying"),
    "POST /sandbox/verification/{token}": Row((422,) * len(CALLERS), at="verifying"),
    "GET /health/live": Row(ANYBODY),
    "GET /health/ready": Row(ANYBODY),
    "GET /metrics": Row(ANYBODY),
    "GET /tlog/checkpoint": Row(ANYBODY),
    "GET /tlog/keys": Row(ANYBODY),
    "GET /tlog/tile/{path:path}": Row(ANYBODY),
    "GET /openapi.json": Row(ANYBODY),
    "GET /docs": Row(ANYBODY),
}
WORDS: Final[dict[str | None, Any]] = {
    "webhook": {"callbackUrl": "https://localhost/", "types": ["customer.created"]},
    "reason": {"reason": REASON},
    "no export": {"customer": "nobody"},
    "decision": {"outcome": "pass", "reason": REASON},
    "hold": {"authority": "Central Bank", "reason": REASON},
    "erasure": {"legalBasis": "retention_over"},
    "key": {"role": "partner", "name": "another"},
    "request key": {"publicKey": PEM},
}
OF_ONE_CUSTOMER: Final = [name for name, row in TABLE.items() if "{customer_id}" in name and row.answers[0] < 300]


@dataclass(frozen=True)
class Callers:
    """A world, and a client for each of CALLERS."""

    world: World
    clients: dict[str, httpx2.AsyncClient]
    spare: IssuedKey
    """A key that nobody in the table calls with."""
    kept: dict[str, Held] = field(default_factory=dict)

    async def take(self, at: str, *, keep: bool) -> Held:
        """A customer of the partner's at a status; one of its own for whoever will not `keep` it as it is."""
        if not keep:
            return await self._new(at)
        if at not in self.kept:
            self.kept[at] = await self._new(at)
        return self.kept[at]

    async def _new(self, at: str) -> Held:
        match at:
            case "held":
                return (await held_in_verification(self.world)).held
            case "alerted":
                return (await alerted(self.world)).held
            case "proposed":
                return await proposed(self.world, self.world.officer)
            case "proposed by a colleague":
                return await proposed(self.world, await colleague(self.world))
        return (await customers_at(self.world, at))[0]


@pytest.fixture(scope="module")
async def callers(world: World) -> AsyncIterator[Callers]:
    services = world.services
    revoked = await issue_key(services, role="partner", name="revoked")
    await services.execute(
        lambda: append(revoked.key_id, revoke), actor="admin:console", correlation_id=services.new_id()
    )
    strangers = {
        "no key": {},
        "unknown key": {"Authorization": "Bearer gh_partner_" + "A" * 43},
        "revoked key": {"Authorization": f"Bearer {revoked.key}"},
    }
    clients = {
        name: httpx2.AsyncClient(base_url=world.url, headers=headers, timeout=30) for name, headers in strangers.items()
    }
    try:
        yield Callers(world, world.clients | clients, await issue_key(services, role="partner", name="spare"))
    finally:
        for client in clients.values():
            await client.aclose()


async def request_for(callers: Callers, name: str, *, spent: bool) -> tuple[str, str, dict[str, str] | None]:
    """A request that a route can answer, about a customer of the partner's: method, path and body.

    `spent` says that it will be carried out, so that its customer is nobody else's.
    """
    row, method, path = TABLE[name], *name.split(" ")
    held = await callers.take(row.at, keep=not spent) if _of_a_customer(name) else None
    found = await found_for(callers.world, name, held) if held else {"key_id": str(callers.spare.key_id)}
    if spent and "{key_id}" in name:
        found["key_id"] = str((await issue_key(callers.world.services, role="officer", name="short")).key_id)
    body: dict[str, str] | None = None
    if row.body == "registration":
        body = {"chainId": fresh_wallet().account, "externalId": "user-1"}
    elif row.body == "outcome":
        body = {"outcome": "pass"}
    elif row.body in WORDS:
        body = WORDS[row.body]
    elif row.body == "credentials":
        body = {"apiKey": str(callers.spare.key_id), "apiSecret": callers.spare.key}
    elif row.body == "signature" and held:
        body = answer_to(held)
    if "/audit/" in path or "/tlog/" in path or path.endswith("/proof"):
        await publish_all(callers.world.services)
    if row.query:
        await callers.world.project()
        path += "?" + row.query.format(head=await head_of(callers.world))
    return method, path.replace("{path:path}", "0/000.p/1").format(**found), body


def _of_a_customer(name: str) -> bool:
    """Whether a route is about something of a customer's, such as needs one to be there."""
    return ("{" in name and "{key_id}" not in name) or TABLE[name].body == "signature"


async def found_for(world: World, name: str, held: Held) -> dict[str, str]:
    """What stands in a route's path, for a customer."""
    found = {"customer_id": str(held.customer["id"]), "name": "screening-2"}
    if "/schemas/" in name:
        found["name"] = "CustomerRegistered.v1"
    if "{token}" in name:
        found["token"] = (await world.partner.get(f"{held.path}/verification")).json()["sessionToken"]
    elif "{key_id}" in name:
        found["key_id"] = str((await issue_key(world.services, role="partner", name="signs")).key_id)
    elif "{export_id}" in name:
        found["export_id"] = await exported(world)
    elif "{webhook_id}" in name:
        found["webhook_id"] = await webhook_of(world, removed=name.startswith("DELETE"))
        found["delivery_id"] = await delivery_to(world, found["webhook_id"])
    elif "{digest}" in name:
        found["digest"] = (await evidence_of(world, held))[0]
    elif "{review_id}" in name or "{alert_id}" in name:
        found["review_id"] = found["alert_id"] = (await reviews_of(world, held))[0]["id"]
    return found


async def exported(world: World) -> str:
    """A finished export of the auditor's: the first one serves all."""
    key = next(key for key in await world.services.directory.all() if key["name"] == "auditor")
    orders = world.services.exports
    reader = UUID(key["keyId"])
    asked = Asked(types=("CustomerRegistered",))
    order = next(orders.all(), None) or orders.take(uuid4(), Order(asked, reader, "auditor", world.clock()))
    if order.outcome is None:
        order.target.path.write_bytes(b"a zip")
        order.conclude(Finished(1, 1, "0" * 64, len(b"a zip"), "0" * 64))
    return str(order.id)


def answer_to(held: Held) -> dict[str, str]:
    """A sound answer to a customer's challenge."""
    challenge = held.customer["challenge"]
    return {
        "chainId": held.customer["chainId"],
        "challenge": challenge,
        "signature": held.wallet.sign(b64decode(challenge)),
    }


async def test_every_route_has_a_row_and_every_row_a_route(callers: Callers) -> None:
    routes = create_app(callers.world.services).routes

    assert all(isinstance(route, Route) for route in routes)
    assert {
        f"{method} {route.path}"
        for route in routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    } == set(TABLE)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", TABLE)
async def test_each_caller_is_answered_as_the_table_says(callers: Callers, name: str, caller: str) -> None:
    expected = dict(zip(CALLERS, TABLE[name].answers, strict=True))[caller]
    method, path, body = await request_for(callers, name, spent=expected < 300)
    before = await head_of(callers.world)

    async with callers.clients[caller].stream(method, path, json=body) as response:
        if not TABLE[name].endless or response.is_error:
            await response.aread()

    assert response.status_code == expected, response
    missing = "webhook_not_found" if "{webhook_id}" in name else "customer_not_found"
    codes = {401: "unauthenticated", 403: "forbidden", 404: missing}
    if expected in codes and "/providers/" not in path:
        assert_problem(response, expected, codes[expected])
    if expected >= 400:
        assert await head_of(callers.world) == before


@pytest.mark.parametrize("name", OF_ONE_CUSTOMER)
async def test_another_partners_customer_and_a_missing_one_are_told_apart_by_nothing(
    callers: Callers, name: str
) -> None:
    method, path, body = await request_for(callers, name, spent=False)
    customer_id = path.split("/customers/")[1].split("/")[0]
    begun = monotonic()

    other = await callers.world.other.request(method, path, json=body)
    missing = await callers.world.other.request(method, path.replace(customer_id, MISSING), json=body)

    assert_problem(other, 404, "customer_not_found")
    assert other.content == missing.content
    assert [header for header in other.headers.raw if header[0] != b"date"] == [
        header for header in missing.headers.raw if header[0] != b"date"
    ]
    assert monotonic() - begun >= 2 * BEAT, "how long it takes tells nothing"


@pytest.mark.parametrize("name", OF_ONE_CUSTOMER)
async def test_a_precondition_or_a_past_moment_tells_nothing_of_anothers_customer(callers: Callers, name: str) -> None:
    method, path, body = await request_for(callers, name, spent=False)
    if method == "GET" and path.count("/") == 3:
        path += f"?asOf={await head_of(callers.world)}"

    for condition in ('"1"', '"2"', "*", "nonsense"):
        response = await callers.world.other.request(method, path, json=body, headers={"If-Match": condition})
        if condition == "nonsense" and path.endswith("activate"):
            assert_problem(response, 412, "version_mismatch")
        else:
            assert_problem(response, 404, "customer_not_found")


async def test_a_list_names_nobody_elses_customers(callers: Callers) -> None:
    world = callers.world
    mine = await world.register(fresh_wallet(), external_id="shared")
    theirs = await world.register(fresh_wallet(), external_id="shared", by="other")
    await world.project()

    listed = {
        caller: {customer["id"] for customer in (await world.clients[caller].get(path)).json()["customers"]}
        for caller in ("partner", "other", "officer", "auditor")
        for path in ("/v1/customers?externalId=shared",)
    }

    assert listed["partner"] == {mine["id"]}
    assert listed["other"] == {theirs["id"]}
    assert listed["officer"] == listed["auditor"] == {mine["id"], theirs["id"]}


@pytest.mark.parametrize("role", get_args(Role))
async def test_a_token_opens_what_its_key_opens_and_nothing_else(callers: Callers, role: Role) -> None:
    token = await token_of(callers.world, await issue_key(callers.world.services, role=role, name="with a token"))
    fixed = [name for name in TABLE if name.startswith("GET ") and "{" not in name and "proofs" not in name]
    expected = {name: dict(zip(CALLERS, TABLE[name].answers, strict=True))[role] for name in fixed}

    answers = {}
    for name in fixed:
        method, path, _ = await request_for(callers, name, spent=False)
        shown = {"Authorization": f"Bearer {token}"}
        async with callers.clients["no key"].stream(method, path, headers=shown) as response:
            answers[name] = response.status_code

    assert answers == expected


NOTHING_SHOWN: Final = 'Bearer realm="gatehouse"'
NOTHING_KNOWN: Final = 'Bearer realm="gatehouse", error="invalid_token"'


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("{key}", NOTHING_SHOWN),
        ("Bearer", NOTHING_SHOWN),
        ("Basic {key}", NOTHING_SHOWN),
        ("Bearer: {key}", NOTHING_SHOWN),
        ("Bearer  {key}", NOTHING_KNOWN),
        ("Bearer {key}x", NOTHING_KNOWN),
        ("Bearer {key} {key}", NOTHING_KNOWN),
        ("Bearer {lower}", NOTHING_KNOWN),
        ("Bearer k\xe9y", NOTHING_KNOWN),
    ],
)
async def test_a_key_is_taken_only_as_a_bearer_token_and_only_whole(callers: Callers, header: str, told: str) -> None:
    key = callers.world.partner.headers["Authorization"].removeprefix("Bearer ")
    given = header.format(key=key, lower=key.lower()).encode("latin-1")

    response = await callers.clients["no key"].get("/v1/customers", headers={b"Authorization": given})

    assert_problem(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == told


async def test_a_key_in_the_query_is_no_key(callers: Callers) -> None:
    key = callers.world.partner.headers["Authorization"].removeprefix("Bearer ")

    response = await callers.clients["no key"].get("/v1/customers", params={"access_token": key})

    assert_problem(response, 401, "unauthenticated")


async def test_the_name_of_the_scheme_may_have_any_case(callers: Callers) -> None:
    key = callers.world.partner.headers["Authorization"].removeprefix("Bearer ")

    response = await callers.clients["no key"].get("/v1/customers", headers={"Authorization": f"bEARER {key}"})

    assert response.status_code == 200


async def test_who_may_not_call_hears_so_before_the_body_is_read(callers: Callers) -> None:
    for caller, status, code in (("no key", 401, "unauthenticated"), ("auditor", 403, "forbidden")):
        response = await callers.clients[caller].post("/v1/customers", content=b"{nonsense")
        assert_problem(response, status, code)
