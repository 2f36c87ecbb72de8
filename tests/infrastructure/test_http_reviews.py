"""What waits for officers, and their word on it."""

import asyncio
import re
from typing import Any, Final

import pytest

from tests.infrastructure.test_http_golden import TIME, UUID, assert_shaped
from tests.support.http import CANARY, MISSING, assert_problem, customers_at, head_of, service_log, types_of
from tests.support.people import (
    REASON,
    Waiting,
    alerted,
    colleague,
    evidence_of,
    held_in_screening,
    held_in_verification,
    proposed,
    reviews_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

PASS: Final = {"outcome": "pass", "reason": REASON}
FAIL: Final = {"outcome": "fail", "reason": REASON}
CLEAR: Final = {"reason": REASON}
DIGESTS: Final = r"\['[0-9a-f]{64}'(, '[0-9a-f]{64}')*\]"
REVIEW: Final = {
    "id": UUID,
    "customerId": UUID,
    "kind": "screening_hold|verification_hold|alert|rejection_proposal",
    "since": TIME,
    "reasons": r"\[.*\]",
    "evidence": r"\[.*\]",
}
REVIEWED: Final = {
    "id": UUID,
    "status": "verifying|active|inactive|rejected",
    "detail": r"\w*",
    "legalHold": "True|False",
    "reviews": r"\[.*\]",
}


async def test_a_held_verification_says_what_why_since_when_and_on_what_evidence(world: World) -> None:
    waiting = await held_in_verification(world)

    assert_shaped(waiting.review, REVIEW)
    assert waiting.review["kind"] == "verification_hold"
    assert waiting.review["reasons"] == ["provider_hold"]
    assert re.fullmatch(DIGESTS, str(waiting.review["evidence"]))


async def test_a_held_screening_names_the_evidence_of_every_look(world: World) -> None:
    waiting = await held_in_screening(world)

    assert (waiting.review["kind"], waiting.review["reasons"]) == ("screening_hold", ["contradicted_findings"])
    assert set(waiting.review["evidence"]) == set(await evidence_of(world, waiting.held))
    assert len(waiting.review["evidence"]) > 1


async def test_an_alert_goes_by_its_own_id(world: World) -> None:
    waiting = await alerted(world)

    events = (await world.auditor.get(f"{waiting.held.path}/events")).json()["events"]
    raised = next(event["event"]["data"] for event in events if event["type"] == "AlertRaised")
    assert (waiting.review["kind"], waiting.review["id"]) == ("alert", raised["alert"])
    assert waiting.review["reasons"] == ["single_source_findings"]


async def test_a_proposal_says_who_made_it_and_until_when_it_stands(world: World) -> None:
    held = await proposed(world, world.officer)
    (review,) = await reviews_of(world, held)

    detail = (await (await colleague(world)).get(f"/v1/reviews/{review['id']}")).json()

    assert_shaped(review, REVIEW | {"officer": rf"officer:{UUID}", "expiresAt": TIME})
    assert_shaped(detail, REVIEW | {"officer": rf"officer:{UUID}", "expiresAt": TIME, "reason": re.escape(REASON)})


async def test_the_list_is_oldest_first_and_pages_without_losing_or_repeating_anything(world: World) -> None:
    made = [(await held_in_verification(world)).review["id"] for _ in range(3)]
    made += [(await alerted(world)).review["id"] for _ in range(2)]
    seen: list[str] = []
    path = "/v1/reviews?limit=2"
    page = (await world.officer.get(path)).json()
    seen += [review["id"] for review in page["reviews"]]
    decided = await world.officer.post(f"/v1/reviews/{made[0]}/decision", json=PASS)
    assert decided.status_code == 200
    await world.project()
    while "nextCursor" in page:
        page = (await world.officer.get(f"{path}&cursor={page['nextCursor']}")).json()
        seen += [review["id"] for review in page["reviews"]]

    assert len(seen) == len(set(seen))
    assert [review for review in seen if review in made[1:]] == made[1:]


@pytest.mark.parametrize("kind", ["screening_hold", "verification_hold", "alert", "rejection_proposal"])
async def test_the_list_is_filtered_by_kind(world: World, kind: str) -> None:
    make = {"screening_hold": held_in_screening, "verification_hold": held_in_verification, "alert": alerted}
    if kind in make:
        await make[kind](world)
    else:
        await proposed(world, world.officer)
        await world.project()

    listed = (await world.auditor.get(f"/v1/reviews?kind={kind}&limit=200")).json()["reviews"]

    assert {review["kind"] for review in listed} == {kind}


async def test_a_cursor_of_one_kind_is_none_of_another(world: World) -> None:
    for _ in range(2):
        await alerted(world)
    page = (await world.officer.get("/v1/reviews?kind=alert&limit=1")).json()

    for path in ("/v1/reviews?limit=1", "/v1/reviews?kind=screening_hold&limit=1"):
        assert_problem(await world.officer.get(f"{path}&cursor={page['nextCursor']}"), 422, "invalid_cursor")


@pytest.mark.parametrize("query", ["kind=nonsense", "limit=0", "limit=201", "status=active", "cursor=%00"])
async def test_what_cannot_be_asked_of_the_list_is_refused(world: World, query: str) -> None:
    response = await world.officer.get(f"/v1/reviews?{query}")

    assert response.status_code == 422


async def test_an_officer_passes_a_held_verification(world: World) -> None:
    waiting = await held_in_verification(world)

    response = await world.officer.post(f"{waiting.path}/decision", json=PASS)

    assert_shaped(response.json(), REVIEWED)
    assert (response.status_code, response.json()["status"], response.json()["reviews"]) == (200, "active", [])
    types = await types_of(world, waiting.held.customer)
    assert types[-2:] == ["HoldResolved", "VerificationPassed"]
    assert response.headers["etag"] == f'"{len(types)}"'
    assert await reviews_of(world, waiting.held) == []


async def test_an_officer_passes_a_held_screening_and_the_work_goes_on(world: World) -> None:
    waiting = await held_in_screening(world)

    assert (await world.officer.post(f"{waiting.path}/decision", json=PASS)).json()["status"] == "verifying"
    await world.work()

    assert (await types_of(world, waiting.held.customer))[-3:] == [
        "HoldResolved",
        "ScreeningPassed",
        "VerificationStarted",
    ]


async def test_an_officer_fails_a_hold_and_signs_for_it(world: World) -> None:
    waiting = await held_in_verification(world)

    response = await world.officer.post(f"{waiting.path}/decision", json=FAIL)

    assert response.json()["status"] == "rejected"
    events = (await world.auditor.get(f"{waiting.held.path}/events")).json()["events"]
    resolved, failed = (event["event"] for event in events[-2:])
    assert resolved["actor"] == resolved["data"]["officer"] == failed["data"]["decidedBy"]
    assert re.fullmatch(rf"officer:{UUID}", resolved["actor"])
    assert list(resolved["data"]["reason"]) == ["sealed"]


async def test_what_was_decided_otherwise_is_told_to_whoever_decides_later(world: World) -> None:
    waiting = await held_in_verification(world)
    await world.officer.post(f"{waiting.path}/decision", json=PASS)
    before = await types_of(world, waiting.held.customer)

    late = await (await colleague(world)).post(f"{waiting.path}/decision", json=FAIL)

    assert_problem(late, 409, "nothing_to_decide")
    assert await types_of(world, waiting.held.customer) == before


async def test_what_was_decided_is_not_decided_again_and_that_is_no_error(world: World) -> None:
    waiting = await held_in_verification(world)
    first = await world.officer.post(f"{waiting.path}/decision", json=PASS)
    for _ in range(2):
        repeated = await (await colleague(world)).post(f"{waiting.path}/decision", json=PASS)
        assert (repeated.status_code, repeated.json()) == (200, first.json())
        assert repeated.headers["etag"] == first.headers["etag"]
        await world.project()


async def test_a_decision_on_a_hold_does_not_decide_the_one_that_came_after(world: World) -> None:
    waiting = await held_in_verification(world)
    for outcome in ("retry", "hold"):
        await world.partner.patch(f"{waiting.held.simulator}/verification", json={"outcome": outcome})

    stale = await world.officer.post(f"{waiting.path}/decision", json=FAIL)

    assert_problem(stale, 409, "nothing_to_decide")
    assert (await types_of(world, waiting.held.customer))[-1] == "VerificationHeld"


async def test_two_officers_who_decide_at_once_decide_once(world: World) -> None:
    waiting = await held_in_verification(world)
    other = await colleague(world)
    answers = await asyncio.gather(
        *(
            client.post(f"{waiting.path}/decision", json=body)
            for client, body in ((world.officer, PASS), (other, FAIL)) * 3
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 3
    types = await types_of(world, waiting.held.customer)
    assert types.count("HoldResolved") == 1
    assert types.count("VerificationPassed") + types.count("VerificationFailed") == 1


async def test_clearing_an_alert_lets_the_customer_in_again_and_repeats_change_nothing(world: World) -> None:
    waiting = await alerted(world)

    first = await world.officer.post(f"/v1/alerts/{waiting.review['id']}/clear", json=CLEAR)
    head = len(await types_of(world, waiting.held.customer))
    second = await world.officer.post(f"/v1/alerts/{waiting.review['id']}/clear", json=CLEAR)

    assert (first.status_code, first.json()["status"], first.json()["reviews"]) == (200, "active", [])
    assert second.json() == first.json()
    assert (await types_of(world, waiting.held.customer))[-2:] == ["AlertCleared", "CustomerReactivated"]
    assert len(await types_of(world, waiting.held.customer)) == head


@pytest.mark.parametrize("kind", ["alert", "rejection_proposal"])
async def test_only_holds_are_decided(world: World, kind: str) -> None:
    if kind == "alert":
        path = (await alerted(world)).path
    else:
        held = await proposed(world, world.officer)
        path = f"/v1/reviews/{(await reviews_of(world, held))[0]['id']}"

    assert_problem(await world.officer.post(f"{path}/decision", json=PASS), 409, "nothing_to_decide")


async def test_only_alerts_are_cleared(world: World) -> None:
    waiting = await held_in_verification(world)

    response = await world.officer.post(f"/v1/alerts/{waiting.review['id']}/clear", json=CLEAR)

    assert_problem(response, 404, "review_not_found")


async def test_what_is_no_review_is_not_found(world: World) -> None:
    held = (await customers_at(world, "active"))[0]
    for unknown in (MISSING, held.customer["id"]):
        assert_problem(await world.officer.get(f"/v1/reviews/{unknown}"), 404, "review_not_found")
        for path, body in ((f"/v1/reviews/{unknown}/decision", PASS), (f"/v1/alerts/{unknown}/clear", CLEAR)):
            assert_problem(await world.officer.post(path, json=body), 404, "review_not_found")
    assert_problem(await world.officer.get("/v1/reviews/1"), 422, "malformed_id")


async def test_a_review_stays_readable_when_it_is_closed_and_says_by_what(world: World) -> None:
    waiting = await held_in_verification(world)
    await world.officer.post(f"{waiting.path}/decision", json=PASS)

    detail = await world.auditor.get(waiting.path)

    assert_shaped(detail.json(), REVIEW | {"closedAt": TIME, "closedBy": "VerificationPassed"})


@pytest.fixture(scope="module")
async def waiting(world: World) -> Waiting:
    """A hold that nobody decides."""
    return await held_in_verification(world)


BAD_REASONS: Final[dict[str, Any]] = {
    "empty": "",
    "blank": " \u00a0\u2003",
    "a line break": f"{CANARY}\nx",
    "a NUL": f"{CANARY}\0",
    "an escape": f"\x1b[2J{CANARY}",
    "a C1 control": f"{CANARY}\x85",
    "too long": CANARY + "x" * 2000,
    "a number": 1,
    "nothing": None,
    "a list": [CANARY],
}


@pytest.mark.parametrize("reason", BAD_REASONS.values(), ids=BAD_REASONS)
async def test_a_reason_is_text_of_some_length_without_controls_and_never_repeated(
    world: World, waiting: Waiting, reason: object
) -> None:
    with service_log() as log:
        for path, body in (
            (f"{waiting.path}/decision", {"outcome": "pass"}),
            (f"/v1/alerts/{waiting.review['id']}/clear", {}),
            (f"{waiting.held.path}/rejection", {}),
            (f"{waiting.held.path}/rejection/refusal", {}),
            (f"{waiting.held.path}/rejection/withdrawal", {}),
            (f"{waiting.held.path}/hold", {"authority": "Central Bank"}),
            (f"{waiting.held.path}/hold/lift", {"authority": "Central Bank"}),
        ):
            problem = assert_problem(
                await world.officer.post(path, json=body | {"reason": reason}), 422, "invalid_request"
            )
            assert [error["pointer"] for error in problem["errors"]] == ["/reason"]
        for change in ("activate", "deactivate"):
            response = await world.officer.patch(f"{waiting.held.path}/{change}", json={"reason": reason})
            assert_problem(response, 422, "invalid_request")
    assert CANARY not in log.getvalue()


@pytest.mark.parametrize("body", [{}, {"outcome": "maybe"}, {"outcome": "pass", CANARY: 1}, {"outcome": True}, []])
async def test_a_decision_of_another_shape_is_refused_and_changes_nothing(
    world: World,
    waiting: Waiting,
    body: Any,  # noqa: ANN401 -- any JSON
) -> None:
    before = await head_of(world)
    body = body | {"reason": REASON} if isinstance(body, dict) else body

    assert_problem(await world.officer.post(f"{waiting.path}/decision", json=body), 422, "invalid_request")

    assert await head_of(world) == before


async def test_a_customer_that_has_changed_since_is_not_decided_on(world: World) -> None:
    waiting = await held_in_verification(world)
    seen = (await world.officer.get(waiting.path)).headers["etag"]
    await world.officer.post(f"{waiting.held.path}/hold", json={"authority": "Central Bank", "reason": REASON})

    late = await world.officer.post(f"{waiting.path}/decision", json=FAIL, headers={"If-Match": seen})
    now = (await world.officer.get(waiting.path)).headers["etag"]
    fresh = await world.officer.post(f"{waiting.path}/decision", json=FAIL, headers={"If-Match": now})

    assert_problem(late, 412, "version_mismatch")
    assert fresh.json()["status"] == "rejected"


async def test_officers_say_why_they_suspend_and_resume(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    for change in ("deactivate", "activate"):
        response = await world.officer.patch(f"{held.path}/{change}", json={"reason": REASON})
        assert response.status_code == 200
        assert REASON not in response.text

    events = (await world.auditor.get(f"{held.path}/events")).json()["events"][-2:]
    assert [event["type"] for event in events] == ["CustomerDeactivated", "CustomerReactivated"]
    assert [list(event["event"]["data"]["reason"]) for event in events] == [["sealed"], ["sealed"]]
    assert events[0]["event"]["data"]["ground"] == "issue"
