"""Two versions at once: what an old process does with customers that a newer one has gone on with."""

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from projections import PROJECTIONS
from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_projector import TRACKING
from tests.support.http import assert_problem, service_log
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

GO_ON: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)
    SELECT originator_id, 3, 'CustomerFrozen', state FROM gatehouse.stored_events
    WHERE originator_id = %s AND originator_version = 2 RETURNING notification_id
"""
LENGTH: Final = "SELECT count(*) FROM gatehouse.stored_events WHERE originator_id = %s"


async def frozen(world: World, database: str) -> dict[str, Any]:
    """A customer whose newest event only a newer version knows."""
    customer = await world.register(Wallet(1))
    assert rows(database, GO_ON, customer["id"])
    return customer


async def test_nothing_is_decided_on_half_a_history_and_others_go_on(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        customer = await frozen(world, database)
        with service_log() as log:
            signed, (other, *_) = await asyncio.gather(
                world.sign(customer, Wallet(1)),
                asyncio.gather(*(world.register(Wallet(number)) for number in range(2, 10))),
            )
        signed_other = await world.sign(other, Wallet(2))

    assert_problem(signed, 503, "unavailable")
    assert signed.headers["retry-after"] == "1"
    assert signed_other.status_code == 204
    assert rows(database, LENGTH, customer["id"]) == [(3,)]
    assert '"type": "CustomerFrozen"' in log.getvalue()
    assert '"event": "unknown_event"' in log.getvalue()


async def test_a_customer_with_an_unknown_event_is_not_guessed_and_others_are_read(
    database: str, tmp_path: Path
) -> None:
    async with running(database, tmp_path) as world:
        customer, other = await frozen(world, database), await world.register(Wallet(2))
        paths = [f"/v1/customers/{customer['id']}", f"/v1/customers/{other['id']}"]
        for _ in range(2):
            answers = await asyncio.gather(*(world.partner.get(path) for path in paths * 8))
            for unknown, known in zip(answers[::2], answers[1::2], strict=True):
                assert_problem(unknown, 503, "unavailable")
                assert (known.status_code, known.json()["status"]) == (200, "initiating")
            await world.project()

    [stopped] = {row[2] for row in rows(database, TRACKING)}
    assert rows(database, "SELECT topic FROM gatehouse.stored_events WHERE notification_id = %s", stopped) == [
        ("CustomerFrozen",)
    ]
    assert [row[3] for row in rows(database, TRACKING)] == ["UnknownEventType"] * len(PROJECTIONS)


async def test_what_a_newer_version_has_projected_is_shown_as_it_says(database: str, tmp_path: Path) -> None:
    """Its row is of the stream's newest version: nothing has to be made of the event."""
    async with running(database, tmp_path) as world:
        customer = await world.register(Wallet(1))
        await world.project()
        assert rows(database, GO_ON, customer["id"])
        assert rows(database, "UPDATE gatehouse.customers SET version = 3, status = 'inactive' RETURNING 1")
        status = await world.status(customer["id"])

    assert status == "inactive"
