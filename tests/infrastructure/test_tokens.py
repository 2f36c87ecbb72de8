"""Logging in over HTTP with a key, and calling with the token."""

import pytest

from infrastructure.key_changes import issue_key
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_a_key_and_its_secret_give_a_token_that_calls_for_an_hour(world: World) -> None:
    issued = await issue_key(world.services, role="auditor", name="a reader")
    answer = await world.partner.post("/v1/auth/token", json={"apiKey": str(issued.key_id), "apiSecret": issued.key})

    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["token", "expiresAt", "tokenType"]
    shown = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert (await world.partner.get("/v1/audit/keys", headers=shown)).status_code == 200
