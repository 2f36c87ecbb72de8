"""What officers and auditors read: the story in words, and the events byte for byte as they are stored."""

import json
from datetime import datetime
from typing import Any, Final

import pytest

from application.mapper import read
from tests.support.http import Held, assert_problem, customers_at, rows
from tests.support.world import Wallet, World

pytestmark = pytest.mark.anyio

STORED: Final = """
    SELECT originator_version, topic, state, notification_id, recorded_at FROM gatehouse.stored_events
    WHERE originator_id = %s ORDER BY originator_version
"""


@pytest.fixture(scope="module")
async def held(world: World) -> Held:
    """A customer with a long story, the last of it by an officer."""
    held = (await customers_at(world, "initiating"))[0]
    await world.sign(held.customer, Wallet(1))
    await world.sign(held.customer | (await world.partner.get(f"{held.path}/challenge")).json(), held.wallet)
    await world.work()
    for outcome in ("retry", "hold", "pass"):
        await world.partner.patch(f"{held.simulator}/verification", json={"outcome": outcome})
    for client, change in (
        (world.partner, "deactivate"),
        (world.partner, "activate"),
        (world.officer, "deactivate"),
        (world.officer, "activate"),
    ):
        await client.patch(f"{held.path}/{change}")
    for outcome in ("suspicion", "evidence"):
        await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": outcome})
    await world.project()
    return held


TOLD: Final = [
    ("CustomerRegistered", "Registered with a wallet", "partner"),
    ("ChallengeIssued", "Was given a challenge to sign", "partner"),
    ("ChallengeFailed", "Failed to prove ownership of the wallet", "partner"),
    ("ChallengeIssued", "Was given a challenge to sign", "partner"),
    ("ChallengeVerified", "Proved ownership of the wallet", "partner"),
    ("ScreeningAttempted", "Wallet was screened, attempt 1: clear", "policy:screening-1"),
    ("ScreeningPassed", "Passed screening", "policy:screening-1"),
    ("VerificationStarted", "Can verify their identity", "provider:sandbox"),
    ("VerificationRetryRequested", "Was asked to try verification again, 1. time", "policy:verification-1"),
    ("VerificationHeld", "Verification waits for an officer", "policy:verification-1"),
    ("VerificationPassed", "Passed verification and is active", "policy:verification-1"),
    ("CustomerDeactivated", "Was deactivated", "partner"),
    ("CustomerReactivated", "Was re-activated", "partner"),
    ("CustomerDeactivated", "Was deactivated", "officer"),
    ("CustomerReactivated", "Was re-activated", "officer"),
    ("MonitoringAttempted", "Was looked at again, 1. time: suspicion", "policy:monitoring-1"),
    ("AlertRaised", "Monitoring raised an alert", "policy:monitoring-1"),
    ("CustomerDeactivated", "Was deactivated", "policy:monitoring-1"),
    ("MonitoringAttempted", "Was looked at again, 2. time: evidence", "policy:monitoring-1"),
    ("IllicitActivityConfirmed", "Was rejected: illicit activity", "policy:monitoring-1"),
]


@pytest.mark.parametrize("who", ["officer", "auditor"])
async def test_the_timeline_tells_the_story_in_words(world: World, held: Held, who: str) -> None:
    response = await world.clients[who].get(f"{held.path}/timeline")

    story = response.json()
    assert (story["id"], story["status"], story["detail"]) == (held.customer["id"], "rejected", "")
    entries = story["entries"]
    assert [(entry["type"], entry["what"]) for entry in entries] == [(name, what) for name, what, _ in TOLD]
    for entry, (_, _, actor) in zip(entries, TOLD, strict=True):
        assert entry["who"].startswith(actor)
        assert entry["why"]
    assert [entry["version"] for entry in entries] == list(range(1, len(TOLD) + 1))
    assert response.headers["etag"] == f'"{len(TOLD)}"'
    positions = [entry["position"] for entry in entries]
    assert positions == sorted(set(positions))


async def test_the_timeline_says_when_it_was_recorded_and_when_it_happened(world: World, held: Held) -> None:
    entries = (await world.officer.get(f"{held.path}/timeline")).json()["entries"]

    for entry in entries:
        for name in ("recordedAt", "occurredAt"):
            assert entry[name].endswith("Z")
        assert datetime.fromisoformat(entry["occurredAt"]) <= datetime.fromisoformat(entry["recordedAt"])


async def test_events_are_byte_for_byte_what_is_stored(world: World, held: Held) -> None:
    response = await world.auditor.get(f"{held.path}/events")

    stored = await rows(world, STORED, held.customer["id"])
    assert len(stored) == len(TOLD)
    written = [
        b'{"position":%d,"stream":"%b","version":%d,"type":"%b","recordedAt":"%b","event":%b}'
        % (
            position,
            held.customer["id"].encode(),
            version,
            topic.encode(),
            recorded_at.isoformat().replace("+00:00", "Z").encode(),
            state,
        )
        for version, topic, state, position, recorded_at in stored
    ]
    assert response.content == b'{"events":[' + b",".join(written) + b"]}"
    assert response.headers["content-type"] == "application/json"


async def test_events_are_json_that_the_log_can_read_again(world: World, held: Held) -> None:
    events = (await world.officer.get(f"{held.path}/events")).json()["events"]

    for event in events:
        state = json.dumps(event["event"]).encode()
        envelope = read(event["stream"], event["version"], event["type"], state)
        assert envelope.type == event["type"]
        assert str(envelope.event_id) == event["event"]["eventId"]
        assert set(event["event"]) - {"causationId"} == {
            "eventId",
            "occurredAt",
            "actor",
            "correlationId",
            "commandId",
            "data",
        }


async def test_a_text_of_any_script_comes_back_unharmed(world: World) -> None:
    name = 'Zoë "顧客" \\ </script> \U0001f600'
    customer = await world.register(Wallet(77), external_id=name)

    events = (await world.auditor.get(f"/v1/customers/{customer['id']}/events")).json()["events"]

    assert events[0]["event"]["data"]["externalId"] == name


async def test_what_belongs_to_one_request_shares_its_correlation(world: World, held: Held) -> None:
    events = (await world.officer.get(f"{held.path}/events")).json()["events"]

    by_correlation: dict[str, list[str]] = {}
    for event in events:
        by_correlation.setdefault(event["event"]["correlationId"], []).append(event["type"])

    assert ["CustomerRegistered", "ChallengeIssued"] in by_correlation.values()
    assert ["ChallengeVerified", "ScreeningAttempted", "ScreeningPassed", "VerificationStarted"] in (
        by_correlation.values()
    )


async def test_partners_and_admins_read_none_of_it(world: World, held: Held) -> None:
    for client in (world.partner, world.other, world.admin):
        for path in ("timeline", "events"):
            assert_problem(await client.get(f"{held.path}/{path}"), 403, "forbidden")


async def test_nothing_of_a_failed_answer_is_kept_but_its_digest(world: World, held: Held) -> None:
    events: list[dict[str, Any]] = (await world.officer.get(f"{held.path}/events")).json()["events"]

    failed = next(event for event in events if event["type"] == "ChallengeFailed")
    assert set(failed["event"]["data"]) == {"reason", "submitted"}
