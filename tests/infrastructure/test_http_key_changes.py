"""Keys over HTTP: administrators issue, list, rotate and revoke them."""

from typing import Any, Final
from uuid import UUID

import pytest

from tests.support.http import assert_problem, head_of, rows
from tests.support.tokens import call
from tests.support.world import World

pytestmark = pytest.mark.anyio

NOBODY: Final = "01930000-0000-7000-8000-00000000dead"
STORED: Final = "SELECT topic, state FROM gatehouse.stored_events WHERE originator_id = %s ORDER BY originator_version"


async def issued(world: World, **order: object) -> dict[str, Any]:
    answer = await world.admin.post("/v1/keys", json={"role": "officer", "name": "Desk 4"} | order)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


async def listed(world: World) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = (await world.admin.get("/v1/keys")).json()["keys"]
    return keys


async def test_a_key_is_shown_with_its_secret_once(world: World) -> None:
    key = await issued(world)

    assert list(key) == ["apiKey", "role", "name", "apiSecret"]
    assert key["apiSecret"].startswith("gh_officer_")
    assert (await call(world, key["apiSecret"])).status_code == 200
    del key["apiSecret"]
    assert key in await listed(world)
    assert "gh_" not in (await world.admin.get("/v1/keys")).text


async def test_a_partners_first_key_makes_the_partner_and_another_is_for_the_same(world: World) -> None:
    first = await issued(world, role="partner", name="first")
    second = await issued(world, role="partner", name="second", partner=first["partner"])

    assert UUID(first["partner"])
    assert second["partner"] == first["partner"]


async def test_only_a_partners_key_is_of_a_partner(world: World) -> None:
    order = {"role": "officer", "name": "x", "partner": NOBODY}

    assert_problem(await world.admin.post("/v1/keys", json=order), 422, "invalid_request")


@pytest.mark.parametrize("order", [{"role": "root"}, {"name": "a\nb"}, {"name": ""}, {"secret": "mine"}])
async def test_an_order_that_makes_no_sense_issues_nothing(world: World, order: dict[str, str]) -> None:
    before = await head_of(world)

    refused = await world.admin.post("/v1/keys", json={"role": "officer", "name": "x"} | order)

    assert_problem(refused, 422, "invalid_request")
    assert await head_of(world) == before


async def test_a_rotation_shows_another_secret_and_the_log_who_rotated(world: World) -> None:
    key = await issued(world)

    answer = await world.admin.post(f"/v1/keys/{key['apiKey']}/rotation")

    assert answer.status_code == 200
    assert answer.json() == key | {"apiSecret": answer.json()["apiSecret"]}
    assert answer.json()["apiSecret"] != key["apiSecret"]
    assert (await call(world, answer.json()["apiSecret"])).status_code == 200
    stored = await rows(world, STORED, UUID(key["apiKey"]))
    assert [topic for topic, _ in stored] == ["ApiKeyIssued", "ApiKeyRotated"]
    [admin] = [entry["keyId"] for entry in await world.services.directory.all() if entry["name"] == "admin"]
    for _, state in stored:
        assert f'"actor":"admin:{admin}"'.encode() in state
        assert b"gh_officer_" not in state


async def test_a_key_is_revoked_once_and_a_repeat_changes_nothing(world: World) -> None:
    key = await issued(world)

    answers = [await world.admin.delete(f"/v1/keys/{key['apiKey']}") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert key["apiKey"] not in {each["apiKey"] for each in await listed(world)}
    assert [topic for topic, _ in await rows(world, STORED, UUID(key["apiKey"]))] == ["ApiKeyIssued", "ApiKeyRevoked"]


async def test_what_is_no_key_is_neither_rotated_nor_revoked(world: World) -> None:
    revoked = await issued(world)
    assert (await world.admin.delete(f"/v1/keys/{revoked['apiKey']}")).status_code == 204
    before = await head_of(world)

    for answer in (
        await world.admin.post(f"/v1/keys/{revoked['apiKey']}/rotation"),
        await world.admin.post(f"/v1/keys/{NOBODY}/rotation"),
        await world.admin.delete(f"/v1/keys/{NOBODY}"),
    ):
        assert_problem(answer, 404, "key_not_found")
    assert_problem(await world.admin.delete("/v1/keys/nonsense"), 422, "malformed_id")
    assert await head_of(world) == before


async def test_a_customers_stream_is_no_key(world: World) -> None:
    customer = (await rows(world, "SELECT originator_id FROM gatehouse.stored_events WHERE topic LIKE %s", "Sanct%"))[0]

    assert_problem(await world.admin.delete(f"/v1/keys/{customer[0]}"), 404, "key_not_found")
