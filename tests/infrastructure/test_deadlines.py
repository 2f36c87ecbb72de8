"""Proposals that are over are let go, whatever stands in the way of one of them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from application.handlers import Handler
from infrastructure.services import Services
from infrastructure.work import deadlines
from tests.support.http import last_event
from tests.support.people import proposed
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_one_customers_fault_keeps_no_other_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await proposed(world, world.officer), await proposed(world, world.officer)
    await world.project()
    change = Services.change

    def broken(services: Services, customer_id: UUID, *arguments: Any, **named: Any) -> Handler:  # noqa: ANN401 -- whatever
        if str(customer_id) == first.customer["id"]:
            raise ZeroDivisionError
        return change(services, customer_id, *arguments, **named)

    with world.clock.moved(timedelta(days=8)):
        monkeypatch.setattr(Services, "change", broken)
        await deadlines.expire_proposals(world.services)
        monkeypatch.undo()
        assert (await last_event(world, first.customer))["type"] == "RejectionProposed"
        assert (await last_event(world, second.customer))["type"] == "RejectionExpired"
        await deadlines.expire_proposals(world.services)
    assert (await last_event(world, first.customer))["type"] == "RejectionExpired"


async def test_it_looks_again_after_the_database_was_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    enough = asyncio.Event()

    async def look(_: Services) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise psycopg.OperationalError
        enough.set()

    monkeypatch.setattr(deadlines, "expire_proposals", look)
    monkeypatch.setattr(deadlines, "PAUSE", 0)
    keeping = asyncio.create_task(deadlines.keep_deadlines(world.services))
    async with asyncio.timeout(10):
        await enough.wait()
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
