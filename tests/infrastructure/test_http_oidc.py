"""Persons of an OIDC issuer over HTTP: what they may do, and who they are in the log."""

import json
from collections.abc import AsyncIterator
from typing import Final

import httpx2
import pytest

from tests.conftest import Server
from tests.support.http import assert_problem, customers_at, rows
from tests.support.issuer import AUDIENCE, ROLES, Issuer, issuing
from tests.support.people import REASON
from tests.support.tokens import call
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

ACTORS: Final = "SELECT convert_from(state, 'UTF8')::json ->> 'actor' FROM gatehouse.stored_events WHERE topic = %s"
NAMED: Final = "SELECT topic FROM gatehouse.stored_events WHERE convert_from(state, 'UTF8') LIKE %s"


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
async def world(server: Server, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo, folder = server.clone(), tmp_path_factory.mktemp("service")
    trusted = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_roles": json.dumps(ROLES)}
    async with running(conninfo, folder, confirmation="always", **trusted) as world:
        yield world
    server.drop(conninfo)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("claimed", "answers"),
    [
        ("kyc-officers", {"/v1/reviews": 200, "/v1/audit/keys": 403, "/v1/keys": 403, "/v1/customers": 200}),
        ("internal-audit", {"/v1/reviews": 200, "/v1/audit/keys": 200, "/v1/keys": 403, "/v1/customers": 200}),
        ("platform", {"/v1/reviews": 403, "/v1/audit/keys": 403, "/v1/keys": 200, "/v1/customers": 403}),
        ("everybody", {"/v1/reviews": 403, "/v1/audit/keys": 403, "/v1/keys": 403, "/v1/customers": 403}),
    ],
)
async def test_a_person_may_do_what_the_role_may(
    world: World, issuer: Issuer, claimed: str, answers: dict[str, int]
) -> None:
    token = issuer.token(roles=[claimed])

    assert {path: (await call(world, token, path)).status_code for path in answers} == answers


async def test_a_token_that_does_not_hold_is_told_so(world: World, issuer: Issuer) -> None:
    refused = await call(world, issuer.token(aud="another"))

    assert_problem(refused, 401, "unauthenticated")
    assert refused.headers["www-authenticate"] == 'Bearer realm="gatehouse", error="invalid_token"'


async def test_keys_and_their_tokens_let_in_as_before(world: World) -> None:
    assert (await world.auditor.get("/v1/audit/keys")).status_code == 200


async def test_a_person_is_in_the_log_by_a_hash_alone(world: World, issuer: Issuer) -> None:
    held = (await customers_at(world, "initiating"))[0]

    read = await call(world, issuer.token(), held.path)

    assert read.status_code == 200
    [(actor,)] = await rows(world, ACTORS, "AuditTrailRead")
    assert actor.startswith("oidc:")
    assert await rows(world, NAMED, "%jo@example%") == []


async def test_nobody_confirms_what_they_proposed_whatever_token_they_show(world: World, issuer: Issuer) -> None:
    held = (await customers_at(world, "active"))[0]
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as client:
        proposed = await client.post(f"{held.path}/rejection", json={"reason": REASON}, headers=bearer(issuer.token()))
        again = await client.post(f"{held.path}/rejection/confirmation", headers=bearer(issuer.token(fresh=1)))
        other = await client.post(f"{held.path}/rejection/confirmation", headers=bearer(issuer.token(sub="bo")))

    assert proposed.status_code == 200
    assert_problem(again, 409, "self_confirmation")
    assert other.status_code == 200


async def test_a_person_who_administers_is_who_issued_a_key(world: World, issuer: Issuer) -> None:
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as client:
        order = {"role": "auditor", "name": "by a person"}
        issued = await client.post("/v1/keys", json=order, headers=bearer(issuer.token(roles="platform")))

    assert issued.status_code == 201
    assert (await rows(world, ACTORS, "ApiKeyIssued"))[-1][0].startswith("oidc:")
