"""What partners do with a customer: open a session, suspend and resume, and ask what it may use."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infrastructure.sandbox.provider import SESSION
from infrastructure.serving import answering, listening
from infrastructure.settings import Settings
from infrastructure.verification.nobody import NoProvider
from infrastructure.work.worker import Worker
from tests.support.http import (
    assert_problem,
    customer_that_is,
    customers_at,
    detail_of,
    last_event,
    types_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_a_session_is_given_while_verifying(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]

    first, second = [await world.partner.get(f"{held.path}/verification") for _ in range(2)]

    session = first.json()
    assert (first.status_code, second.status_code) == (200, 200)
    assert session["provider"] == "sandbox"
    assert session["sessionUrl"] == f"{world.url}/sandbox/verification/{session['sessionToken']}"
    lifetime = datetime.fromisoformat(session["expiresAt"]) - datetime.now(UTC)
    assert timedelta() < lifetime <= SESSION
    assert (await types_of(world, held.customer)).count("VerificationStarted") == 1


async def test_a_session_may_be_opened_before_a_worker_has_opened_it(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    await world.sign(held.customer, held.wallet)
    await world.project()
    worker = Worker(world.services, asyncio.Event())
    await worker.take()
    await worker.idle()
    assert (await types_of(world, held.customer))[-1] == "ScreeningPassed"

    assert (await world.partner.get(f"{held.path}/verification")).status_code == 200
    await world.work()

    assert (await types_of(world, held.customer)).count("VerificationStarted") == 1
    assert (await last_event(world, held.customer))["type"] == "VerificationStarted"


@pytest.mark.parametrize("status", ["initiating", "screening", "active", "inactive", "rejected"])
async def test_there_is_no_session_but_while_verifying(world: World, status: str) -> None:
    held = await customer_that_is(world, status)
    before = await types_of(world, held.customer)

    assert_problem(await world.partner.get(f"{held.path}/verification"), 409, "not_verifying")
    assert await types_of(world, held.customer) == before


async def test_where_no_provider_answers_there_is_no_session_now(world: World) -> None:
    """As in production mode, until a provider is configured."""
    held = (await customers_at(world, "verifying"))[0]
    settings = Settings(port=0)
    with listening(settings) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}{held.path}/verification"
        async with answering(replace(world.services, provider=NoProvider()), listener):
            response = await world.partner.get(url)

    assert_problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "60"
    assert await world.status(held.customer["id"]) == "verifying"


async def test_a_customer_is_suspended_and_resumed_and_repeats_change_nothing(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    start = len(await types_of(world, held.customer))

    answers = [
        await world.partner.patch(f"{held.path}/{change}")
        for change in ("activate", "deactivate", "deactivate", "activate", "activate")
    ]

    assert [answer.status_code for answer in answers] == [200] * 5
    statuses = [answer.json()["status"] for answer in answers]
    assert statuses == ["active", "inactive", "inactive", "active", "active"]
    tags = [answer.headers["etag"] for answer in answers]
    assert [tags.index(tag) for tag in tags] == [0, 1, 1, 3, 3]
    assert answers[1].json() == answers[2].json()
    assert (await types_of(world, held.customer))[start:] == ["CustomerDeactivated", "CustomerReactivated"]


async def test_a_change_under_a_condition_happens_once(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    seen = (await world.partner.get(held.path)).headers["etag"]

    first = await world.partner.patch(f"{held.path}/deactivate", headers={"If-Match": seen})
    again = await world.partner.patch(f"{held.path}/deactivate", headers={"If-Match": seen})

    assert first.status_code == 200
    assert first.headers["etag"] != seen
    assert_problem(again, 412, "version_mismatch")
    newer = {"If-Match": first.headers["etag"]}
    assert (await world.partner.patch(f"{held.path}/activate", headers=newer)).status_code == 200


async def test_of_many_changes_under_one_condition_one_happens(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    condition = {"If-Match": (await world.partner.get(held.path)).headers["etag"]}

    answers = await asyncio.gather(
        *(world.partner.patch(f"{held.path}/deactivate", headers=condition) for _ in range(12))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 11
    assert (await types_of(world, held.customer)).count("CustomerDeactivated") == 1


@pytest.mark.parametrize("status", ["initiating", "screening", "verifying", "rejected"])
async def test_who_is_not_in_can_be_neither_suspended_nor_resumed(world: World, status: str) -> None:
    held = await customer_that_is(world, status)
    before = await types_of(world, held.customer)

    for change in ("deactivate", "activate"):
        for client in (world.partner, world.officer):
            assert_problem(await client.patch(f"{held.path}/{change}"), 409, "wrong_status")
    assert await types_of(world, held.customer) == before


async def test_who_was_deactivated_on_suspicion_is_not_the_partners_to_resume(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})

    problem = assert_problem(await world.partner.patch(f"{held.path}/activate"), 409, "activation_reserved")

    assert "suspicion" not in str(problem).lower()
    assert (await world.partner.get(held.path)).json()["status"] == "inactive"
    assert (await world.officer.patch(f"{held.path}/activate")).json()["status"] == "active"


async def test_the_partners_own_request_does_not_lift_a_suspicion(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.simulator}/monitoring", json={"outcome": "suspicion"})

    assert (await world.partner.patch(f"{held.path}/deactivate")).status_code == 200
    assert_problem(await world.partner.patch(f"{held.path}/activate"), 409, "activation_reserved")


async def test_whom_an_officer_suspended_only_an_officer_resumes(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    assert (await world.officer.patch(f"{held.path}/deactivate")).status_code == 200
    assert await detail_of(world, held.customer) == "issue"

    assert_problem(await world.partner.patch(f"{held.path}/activate"), 409, "activation_reserved")
    resumed = await world.officer.patch(f"{held.path}/activate")

    assert resumed.json()["status"] == "active"
    event = await last_event(world, held.customer)
    assert event["decidedBy"].startswith("officer:")


async def test_services_are_open_to_the_active_alone(world: World) -> None:
    for status in ("initiating", "screening", "verifying", "active", "inactive", "rejected"):
        held = await customer_that_is(world, status)
        for client in (world.partner, world.officer, world.auditor):
            assert (await client.get(f"{held.path}/services")).json() == {
                "status": status,
                "accountCreation": status == "active",
                "cardCreation": status == "active",
            }


async def test_services_close_with_the_suspension_and_open_with_its_end(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    async def cards() -> bool:
        return bool((await world.partner.get(f"{held.path}/services")).json()["cardCreation"])

    seen = [await cards()]
    for change in ("deactivate", "activate"):
        await world.partner.patch(f"{held.path}/{change}")
        seen.append(await cards())

    assert seen == [True, False, True]


async def test_who_did_it_stands_in_the_log(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.path}/deactivate")
    await world.project()

    timeline = (await world.officer.get(f"{held.path}/timeline")).json()["entries"]
    actors = {entry["type"]: entry["who"].partition(":")[0] for entry in timeline}
    assert actors == {
        "CustomerRegistered": "partner",
        "ChallengeIssued": "partner",
        "ChallengeVerified": "partner",
        "ScreeningAttempted": "policy",
        "ScreeningPassed": "policy",
        "VerificationStarted": "provider",
        "VerificationPassed": "policy",
        "CustomerDeactivated": "partner",
    }


@pytest.mark.parametrize("body", [{}, {"reason": "We were asked to."}], ids=str)
async def test_a_partner_may_say_why_or_nothing(world: World, body: dict[str, object]) -> None:
    held = (await customers_at(world, "active"))[0]

    for call, status in (("deactivate", "inactive"), ("activate", "active")):
        response = await world.partner.patch(f"{held.path}/{call}", json=body)
        assert (response.status_code, response.json()["status"]) == (200, status)
