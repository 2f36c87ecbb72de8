"""Every outcome that a partner can rehearse, and what comes of it."""

from typing import Final

import pytest

from infrastructure.sandbox.source import OUTCOMES, Step
from tests.support.http import (
    Held,
    assert_problem,
    customers_at,
    detail_of,
    head_of,
    last_event,
    types_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

ONBOARDED: Final = [
    "CustomerRegistered",
    "ChallengeIssued",
    "ChallengeVerified",
    "ScreeningAttempted",
    "ScreeningPassed",
    "VerificationStarted",
]


async def rehearse(world: World, held: Held, step: str, outcome: str) -> None:
    response = await world.partner.patch(f"{held.simulator}/{step}", json={"outcome": outcome})
    assert (response.status_code, response.json()) == (202, {"accepted": True})


async def screened(world: World, outcome: str) -> Held:
    """A customer that signed and was screened once."""
    held = (await customers_at(world, "initiating"))[0]
    await rehearse(world, held, "screening", outcome)
    assert (await world.sign(held.customer, held.wallet)).status_code == 204
    await world.work()
    return held


async def screened_again(world: World, held: Held) -> None:
    """The next attempt, now and not when it is due."""
    async with world.services.pool.connection() as connection:
        await connection.execute(
            "UPDATE gatehouse.worklist SET due = now() WHERE customer = %s", (held.customer["id"],)
        )
    await world.work()


async def new_types(world: World, held: Held, after: int) -> list[str]:
    return (await types_of(world, held.customer))[after:]


async def assert_at(world: World, held: Held, status: str, detail: str) -> None:
    """The partner sees the status, the officer the detail inside it."""
    assert (await world.partner.get(held.path)).json()["status"] == status
    assert await detail_of(world, held.customer) == detail


# Screening.


async def test_screening_passes_where_nothing_is_rehearsed(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]

    assert await types_of(world, held.customer) == ONBOARDED
    await assert_at(world, held, "verifying", "in_session")


async def test_screening_pass_leads_to_verifying(world: World) -> None:
    held = await screened(world, "pass")

    assert await types_of(world, held.customer) == ONBOARDED


async def test_screening_hit_rejects(world: World) -> None:
    held = await screened(world, "hit")

    event = await last_event(world, held.customer)
    assert (event["type"], event["reasons"]) == ("ScreeningFailed", ["sanctions_match"])
    assert event["decidedBy"] == "policy:screening-1"
    assert event["evidence"]
    await assert_at(world, held, "rejected", "")


async def test_screening_outage_neither_passes_nor_rejects_however_long_it_lasts(world: World) -> None:
    held = await screened(world, "outage")

    for attempt in range(1, 6):
        event = await last_event(world, held.customer)
        assert (event["type"], event["attempt"], event["verdict"]) == ("ScreeningAttempted", attempt, "retry")
        assert event["reasons"] == ["source_unavailable"]
        assert event["due"]
        await assert_at(world, held, "screening", "retrying")
        await screened_again(world, held)


async def test_screening_goes_on_when_the_outage_ends(world: World) -> None:
    held = await screened(world, "outage")

    await rehearse(world, held, "screening", "pass")
    await screened_again(world, held)

    assert (await types_of(world, held.customer)).count("ScreeningAttempted") == 2
    await assert_at(world, held, "verifying", "in_session")


async def test_screening_false_positive_is_looked_at_again_and_waits_for_an_officer_when_it_is_gone(
    world: World,
) -> None:
    held = await screened(world, "false_positive")
    event = await last_event(world, held.customer)
    assert (event["attempt"], event["verdict"], event["reasons"]) == (1, "retry", ["single_source_findings"])
    await assert_at(world, held, "screening", "retrying")

    await screened_again(world, held)

    event = await last_event(world, held.customer)
    assert (event["attempt"], event["verdict"], event["reasons"]) == (2, "hold", ["contradicted_findings"])
    await assert_at(world, held, "screening", "on_hold")


async def test_what_is_rehearsed_last_counts(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    for outcome in ("hit", "outage", "pass"):
        await rehearse(world, held, "screening", outcome)
    await world.sign(held.customer, held.wallet)
    await world.work()

    await assert_at(world, held, "verifying", "in_session")


async def test_what_is_rehearsed_for_one_customer_touches_no_other(world: World) -> None:
    one, other = await customers_at(world, "initiating", 2)
    await rehearse(world, one, "screening", "hit")
    for held in (one, other):
        await world.sign(held.customer, held.wallet)
    await world.work()

    assert [await world.status(held.customer["id"]) for held in (one, other)] == ["rejected", "verifying"]


# Verification.

VERIFICATION: Final[dict[str, tuple[str, str, list[str], list[str] | None]]] = {
    "pass": ("active", "", ["VerificationPassed"], None),
    "retry": ("verifying", "asked_to_retry", ["VerificationRetryRequested"], ["provider_retry"]),
    "final": ("rejected", "", ["VerificationFailed"], ["provider_rejected"]),
    "hold": ("verifying", "on_hold", ["VerificationHeld"], ["provider_hold"]),
    "duplicate": ("active", "", ["VerificationPassed"], None),
    "out_of_order": ("active", "", ["VerificationPassed"], None),
}


def test_the_table_of_verification_is_whole() -> None:
    assert set(VERIFICATION) == OUTCOMES["verification"]


@pytest.mark.parametrize("outcome", VERIFICATION)
async def test_verification_comes_to_what_is_rehearsed(world: World, outcome: str) -> None:
    status, detail, types, reasons = VERIFICATION[outcome]
    held = (await customers_at(world, "verifying"))[0]

    await rehearse(world, held, "verification", outcome)

    assert await new_types(world, held, len(ONBOARDED)) == types
    event = await last_event(world, held.customer)
    assert event.get("reasons") == reasons
    assert len(event["evidence"]) == 64
    await assert_at(world, held, status, detail)


@pytest.mark.parametrize("outcome", ["duplicate", "out_of_order"])
async def test_repeats_and_disorder_leave_a_trace_and_change_nothing(world: World, outcome: str) -> None:
    held = (await customers_at(world, "verifying"))[0]
    before = await ignored(world)

    await rehearse(world, held, "verification", outcome)

    assert await ignored(world) == before + 1
    assert await new_types(world, held, len(ONBOARDED)) == ["VerificationPassed"]


async def ignored(world: World) -> float:
    """How many results were ignored so far."""
    line = 'gatehouse_ignored_results_total{provider="sandbox"} '
    text = (await world.partner.get("/metrics")).text
    return next((float(part.removeprefix(line)) for part in text.splitlines() if part.startswith(line)), 0.0)


async def test_who_is_asked_to_retry_may_pass(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]

    for outcome in ("retry", "retry", "pass"):
        await rehearse(world, held, "verification", outcome)

    assert await new_types(world, held, len(ONBOARDED)) == [
        "VerificationRetryRequested",
        "VerificationRetryRequested",
        "VerificationPassed",
    ]
    await assert_at(world, held, "active", "")


async def test_the_sixth_retry_waits_for_an_officer(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]

    for _ in range(6):
        await rehearse(world, held, "verification", "retry")

    assert await new_types(world, held, len(ONBOARDED)) == ["VerificationRetryRequested"] * 5 + ["VerificationHeld"]
    assert (await last_event(world, held.customer))["reasons"] == ["retries_exhausted"]
    await assert_at(world, held, "verifying", "on_hold")


@pytest.mark.parametrize(("short", "outcome"), [("verify", "pass"), ("reject", "final")])
async def test_the_short_forms_are_the_outcomes_that_they_stand_for(world: World, short: str, outcome: str) -> None:
    one, other = await customers_at(world, "verifying", 2)

    response = await world.partner.patch(f"{one.simulator}/{short}")
    await rehearse(world, other, "verification", outcome)

    assert (response.status_code, response.json()) == (202, {"accepted": True})
    assert await types_of(world, one.customer) == await types_of(world, other.customer)
    assert await world.status(one.customer["id"]) == await world.status(other.customer["id"])


async def test_a_result_is_in_when_the_rehearsal_is_answered(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]

    await world.partner.patch(f"{held.simulator}/verify")

    assert (await world.partner.get(held.path)).json()["status"] == "active"


# Monitoring.

LOOKED: Final = "MonitoringAttempted"
MONITORING: Final[dict[str, tuple[str, str, list[str]]]] = {
    "pass": ("active", "", [LOOKED]),
    "outage": ("active", "", [LOOKED]),
    "suspicion": ("inactive", "suspicion", [LOOKED, "AlertRaised", "CustomerDeactivated"]),
    "false_positive": ("inactive", "suspicion", [LOOKED, "AlertRaised", "CustomerDeactivated"]),
    "evidence": ("rejected", "", [LOOKED, "IllicitActivityConfirmed"]),
    "hit": ("rejected", "", [LOOKED, "IllicitActivityConfirmed"]),
}


def test_the_table_of_monitoring_is_whole() -> None:
    assert set(MONITORING) == OUTCOMES["monitoring"]


def test_every_outcome_of_screening_is_rehearsed_here() -> None:
    assert OUTCOMES["screening"] == {"pass", "hit", "outage", "false_positive"}


@pytest.mark.parametrize("outcome", MONITORING)
async def test_monitoring_comes_to_what_is_rehearsed(world: World, outcome: str) -> None:
    status, detail, types = MONITORING[outcome]
    held = (await customers_at(world, "active"))[0]
    before = len(await types_of(world, held.customer))

    await rehearse(world, held, "monitoring", outcome)

    assert await new_types(world, held, before) == types
    await assert_at(world, held, status, detail)


@pytest.mark.parametrize("outcome", ["suspicion", "evidence"])
async def test_whom_the_partner_suspended_is_monitored_too(world: World, outcome: str) -> None:
    held = (await customers_at(world, "active"))[0]
    await world.partner.patch(f"{held.path}/deactivate")
    before = len(await types_of(world, held.customer))

    await rehearse(world, held, "monitoring", outcome)

    assert await new_types(world, held, before) == MONITORING[outcome][2]


async def test_the_same_suspicion_is_not_raised_twice(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    await rehearse(world, held, "monitoring", "suspicion")
    before = len(await types_of(world, held.customer))

    await rehearse(world, held, "monitoring", "suspicion")

    assert await new_types(world, held, before) == [LOOKED]


async def test_evidence_after_a_suspicion_rejects(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    await rehearse(world, held, "monitoring", "suspicion")
    await rehearse(world, held, "monitoring", "evidence")

    assert (await last_event(world, held.customer))["type"] == "IllicitActivityConfirmed"
    await assert_at(world, held, "rejected", "")


# What does not apply.


@pytest.mark.parametrize(
    ("step", "at"), [("screening", "initiating"), ("verification", "verifying"), ("monitoring", "active")]
)
async def test_an_outcome_of_another_step_is_refused(world: World, step: Step, at: str) -> None:
    held = (await customers_at(world, at))[0]
    before = await head_of(world)
    known = set.union(*(set(outcomes) for outcomes in OUTCOMES.values()))

    for outcome in {*known - OUTCOMES[step], "", "PASS", "nonsense"}:
        response = await world.partner.patch(f"{held.simulator}/{step}", json={"outcome": outcome})
        assert_problem(response, 422, "outcome_not_applicable")
    assert await head_of(world) == before


@pytest.mark.parametrize(
    ("at", "closed"),
    [
        ("initiating", ("verification", "monitoring", "verify", "reject")),
        ("verifying", ("screening", "monitoring")),
        ("active", ("screening", "verification", "verify", "reject")),
    ],
)
async def test_a_step_can_be_rehearsed_only_where_the_customer_is(
    world: World, at: str, closed: tuple[str, ...]
) -> None:
    held = (await customers_at(world, at))[0]
    before = await head_of(world)

    for step in closed:
        body = {"outcome": "pass"} if step in OUTCOMES else None
        response = await world.partner.patch(f"{held.simulator}/{step}", json=body)
        assert_problem(response, 409, "wrong_status")
    assert await head_of(world) == before


async def test_nothing_can_be_rehearsed_with_who_was_rejected(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]
    await world.partner.patch(f"{held.simulator}/reject")

    for step in ("screening", "verification", "monitoring", "verify", "reject"):
        body = {"outcome": "pass"} if step in OUTCOMES else None
        response = await world.partner.patch(f"{held.simulator}/{step}", json=body)
        assert_problem(response, 409, "wrong_status")
