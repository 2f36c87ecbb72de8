"""The reader on the log of a running service: it rebuilds what the read model shows, and what partners are told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from application.transparency.entry import entry_of
from application.transparency.tree import leaf_hash
from domain.vocabulary import Status
from tests.support.http import customer_that_is, customers_at, rejected, rows
from tests.support.people import REASON, alerted, held_in_verification, proposed
from tests.support.reader import bundle, needs_node, run, states_in
from tests.support.world import World

pytestmark = pytest.mark.anyio

LOG: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at
    FROM gatehouse.stored_events ORDER BY notification_id
"""
SHOWN: Final = """
    SELECT id::text, partner::text, chain_id, external_id, status, version, created_at, updated_at
    FROM gatehouse.customers ORDER BY id
"""


async def lines_of(world: World) -> list[bytes]:
    """The whole log as entries."""
    heads: dict[Any, bytes] = {}
    lines = []
    for stream, version, topic, state, position, recorded_at in await rows(world, LOG):
        moment = recorded_at.astimezone(UTC)
        lines.append(entry_of(stream, version, topic, bytes(state), position, moment, heads.get(stream)))
        heads[stream] = leaf_hash(lines[-1])
    return lines


async def lives(world: World) -> None:
    """Customers in every status, and in most of what may go on inside one."""
    await alerted(world)
    await held_in_verification(world)
    await proposed(world, world.officer)
    await rejected(world, "screening")
    await rejected(world, "monitoring")
    switched = (await customers_at(world, "active"))[0]
    for step in ("deactivate", "activate", "deactivate", "deactivate"):
        assert (await world.partner.patch(f"{switched.path}/{step}")).status_code == 200
    for status in reversed(Status):
        held = await customer_that_is(world, status)
        response = await world.officer.post(f"{held.path}/hold", json={"authority": "Court", "reason": REASON})
        assert response.status_code == 200, response.text


@needs_node
async def test_it_rebuilds_every_customer_as_the_service_has_them(world: World, tmp_path: Path) -> None:
    await lives(world)
    await world.project()

    states = states_in(run(bundle(tmp_path, await lines_of(world))))

    assert {state["status"] for state in states} == set(Status)
    assert [
        (
            *(state[field] for field in ("customer", "partner", "wallet", "externalId", "status", "version")),
            *(datetime.fromisoformat(state[field]) for field in ("createdAt", "updatedAt")),
        )
        for state in states
    ] == await rows(world, SHOWN)
    assert sum(state["legalHold"] for state in states) == 6
    assert sum(state["proposedBy"] is not None for state in states) == 1
    assert sum(state["held"] for state in states) == 1
    assert sum(bool(state["alerts"]) for state in states) >= 1


@needs_node
async def test_it_gives_the_times_that_partners_are_told(world: World, tmp_path: Path) -> None:
    held = await customer_that_is(world, "inactive")
    shown = (await world.partner.get(held.path)).json()

    states = {state["customer"]: state for state in states_in(run(bundle(tmp_path, await lines_of(world))))}

    state = states[shown["id"]]
    assert (state["wallet"], state["externalId"], state["status"]) == (
        shown["chainId"],
        shown["externalId"],
        shown["status"],
    )
    for field in ("createdAt", "updatedAt"):
        assert datetime.fromisoformat(state[field]) == datetime.fromisoformat(shown[field])
    assert state["grounds"] == ["partner_request"]
