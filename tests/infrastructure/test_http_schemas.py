"""Schemas over HTTP: the very files, listed with their digests."""

from hashlib import sha256

import pytest

from infrastructure.schemas import FOLDER
from tests.support.http import SECURITY, assert_problem
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_every_schema_is_listed_and_is_the_file_that_its_digest_says(world: World) -> None:
    listed = (await world.partner.get("/v1/schemas")).json()["schemas"]

    assert {f"{each['type']}.v{each['version']}.json" for each in listed} == {
        path.name for path in FOLDER.glob("*.json")
    }
    for each in listed:
        response = await world.partner.get(each["href"])
        assert response.status_code == 200, each
        assert response.headers["content-type"] == "application/schema+json"
        assert SECURITY.items() <= dict(response.headers).items()
        assert response.content == (FOLDER / f"{each['type']}.v{each['version']}.json").read_bytes()
        assert sha256(response.content).hexdigest() == each["sha256"]


@pytest.mark.parametrize(
    "name",
    [
        "CustomerRegistered",
        "CustomerRegistered.v2",
        "CustomerRegistered.v1.json",
        "customerregistered.v1",
        "README",
        "..%5Cevents.v1",
        "%2e%2e",
    ],
)
async def test_what_was_not_published_is_not_found(world: World, name: str) -> None:
    assert_problem(await world.auditor.get(f"/v1/schemas/{name}"), 404, "schema_not_found")
