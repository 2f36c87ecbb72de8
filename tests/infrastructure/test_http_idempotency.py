"""Repeats over HTTP: executed once, answered alike, whoever was refused or refused too late."""

from typing import Final

import httpx2
import pytest

from tests.support.http import fresh_wallet, head_of
from tests.support.world import World

pytestmark = pytest.mark.anyio

OF_AN_ANSWER: Final = ("location", "etag", "content-type", "content-length", "www-authenticate")


def alike(answers: list[httpx2.Response]) -> bool:
    """Whether they are the same in status, headers that say something, and every byte of the body."""
    told = {
        (answer.status_code, answer.content, *(answer.headers.get(name) for name in OF_AN_ANSWER)) for answer in answers
    }
    return len(told) == 1


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_a_repeated_registration_is_the_first_one(world: World) -> None:
    body = {"chainId": fresh_wallet().account, "externalId": "user-1"}

    first = await world.partner.post("/v1/customers", json=body, headers=keyed("registration"))
    head = await head_of(world)
    again = await world.partner.post("/v1/customers", json=body, headers=keyed("registration"))

    assert first.status_code == 201
    assert alike([first, again])
    assert await head_of(world) == head
