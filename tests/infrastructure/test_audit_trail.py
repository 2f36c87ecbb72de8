"""Whoever is shown a customer's inside is on record, before the answer; and no partner can tell."""

import json
from typing import Any, Final, LiteralString
from uuid import UUID

import httpx2
import pytest

from application.handlers import Presumed, alone
from application.ports import Unavailable
from domain.events import AuditTrailRead
from infrastructure.audit_trail import AuditTrail
from infrastructure.http.app import routes_of
from tests.support.http import MISSING, Held, assert_problem, customers_at, head_of, rows
from tests.support.people import REASON, alerted, colleague, evidence_of, held_in_verification
from tests.support.world import World

pytestmark = pytest.mark.anyio

READS: Final[LiteralString] = """
    SELECT originator_version, convert_from(state, 'UTF8') FROM gatehouse.stored_events
    WHERE topic = 'AuditTrailRead' AND notification_id > %s ORDER BY notification_id
"""


async def reads_since(world: World, position: int) -> list[dict[str, Any]]:
    """What was read after a position, and that each is a stream of its own."""
    found = await rows(world, READS, position)
    assert {version for version, _ in found} <= {1}
    return [json.loads(state) for _, state in found]


@pytest.fixture(scope="module")
async def held(world: World) -> Held:
    return (await held_in_verification(world)).held


async def paths_of(world: World, held: Held) -> dict[str, str]:
    """Every route on which an officer is shown one customer: what is read, and where."""
    digest = (await evidence_of(world, held))[0]
    paths: dict[str, str] = {}
    for route in routes_of(world.services):
        if route.method == "GET" and "{customer_id}" in route.path and "officer" in route.roles:
            path = "/v1" + route.path.format(customer_id=held.customer["id"], digest=digest)
            what = route.path.removeprefix("/customers/{customer_id}").strip("/").partition("/")[0] or "customer"
            paths[what] = path + (f"?from=0&to={await head_of(world)}" if what == "changes" else "")
    return paths


@pytest.mark.parametrize("who", ["officer", "auditor"])
async def test_every_read_of_one_customer_is_an_event(world: World, held: Held, who: str) -> None:
    paths = await paths_of(world, held)
    assert paths.keys() == {"customer", "timeline", "events", "evidence", "changes", "services"}

    for what, path in paths.items():
        before = await head_of(world)
        response = await world.clients[who].get(path)
        assert response.status_code == 200, response.text
        (read,) = await reads_since(world, before)
        assert read["actor"] == f"{who}:{read['data']['reader']}"
        evidence = {"evidence": path.rpartition("/")[2]} if what == "evidence" else {}
        reader = read["data"]["reader"]
        customer = held.customer["id"]
        assert read["data"] == {"reader": reader, "role": who, "customer": customer, "what": what} | evidence


async def test_so_is_a_look_at_a_review(world: World) -> None:
    waiting = await alerted(world)
    before = await head_of(world)

    await world.auditor.get(waiting.path)

    (read,) = await reads_since(world, before)
    assert (read["data"]["customer"], read["data"]["what"]) == (waiting.held.customer["id"], "review")


async def test_so_is_a_word_that_changes_nothing_for_its_answer_shows_the_customer(world: World, held: Held) -> None:
    before = await head_of(world)

    await world.officer.post(f"{held.path}/rejection/withdrawal", json={"reason": REASON})

    (read,) = await reads_since(world, before)
    assert read["data"]["what"] == "customer"


async def test_so_is_a_repeated_activation_by_an_officer_and_none_by_a_partner(world: World) -> None:
    active = (await customers_at(world, "active"))[0]
    before = await head_of(world)

    for client in (world.officer, world.partner):
        assert (await client.patch(f"{active.path}/activate")).json()["chainId"] == active.customer["chainId"]

    (read,) = await reads_since(world, before)
    assert (read["data"]["role"], read["data"]["what"]) == ("officer", "customer")


async def test_partners_and_lists_and_what_was_not_shown_are_not_on_record(world: World, held: Held) -> None:
    paths = await paths_of(world, held)
    before = await head_of(world)

    for client, path in (
        (world.partner, paths["customer"]),
        (world.partner, paths["changes"]),
        (world.partner, paths["timeline"]),
        (world.other, paths["customer"]),
        (world.officer, f"/v1/customers/{MISSING}"),
        (world.officer, f"/v1/customers/{MISSING}/timeline"),
        (world.officer, f"{held.path}/evidence/{'0' * 64}"),
        (world.officer, "/v1/customers"),
        (world.officer, "/v1/reviews"),
    ):
        await client.get(path)

    assert await head_of(world) == before


@pytest.mark.parametrize("narrowed", ["chainId={chainId}", "externalId={externalId}", "chainId={chainId}&asOf={head}"])
async def test_a_list_that_is_narrowed_to_one_customer_is_on_record(world: World, held: Held, narrowed: str) -> None:
    await world.project()
    before = await head_of(world)
    query = narrowed.format(**held.customer, head=before)

    listed = (await world.auditor.get(f"/v1/customers?{query}")).json()["customers"]
    await world.partner.get(f"/v1/customers?{query}")

    reads = await reads_since(world, before)
    assert [read["data"]["customer"] for read in reads] == [customer["id"] for customer in listed]
    assert held.customer["id"] in {read["data"]["customer"] for read in reads}


async def test_what_cannot_be_put_on_record_is_not_shown(
    world: World, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(AuditTrail, "note", refuse)

    response = await world.officer.get(f"{held.path}/timeline")

    assert_problem(response, 503, "unavailable")
    assert held.customer["id"] not in response.text


async def test_reading_changes_nothing_of_the_customer(world: World, held: Held) -> None:
    before = await world.partner.get(held.path)

    for path in (await paths_of(world, held)).values():
        await world.officer.get(path)

    after = await world.partner.get(held.path)
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])


SAY: Final = {"reason": REASON}


async def seen(world: World, held: Held) -> list[bytes]:
    """All that a partner can read of a customer."""
    await world.project()
    name, head = held.customer["externalId"], await head_of(world)
    views: list[bytes] = []
    for path in (
        held.path,
        f"/v1/customers?externalId={name}&chainId={held.customer['chainId']}",
        f"{held.path}/services",
        f"{held.path}/changes?from=0&to={head}",
        f"{held.path}?asOf={head}",
        f"{held.path}/timeline",
        f"{held.path}/events",
        "/v1/reviews",
        f"{held.path}/evidence/{'0' * 64}",
    ):
        response = await world.partner.get(path)
        headers = [header for header in response.headers.raw if header[0] != b"date"]
        views.append(b"%d %r %b" % (response.status_code, headers, response.content))
    return views


Words = list[tuple[str, str]]
"""What officers say, one after the other: who, and on what path."""

HIDDEN: Final[dict[str, Words]] = {
    "proposed": [("officer", "rejection")],
    "taken back": [("officer", "rejection"), ("officer", "rejection/withdrawal")],
    "refused": [("officer", "rejection"), ("colleague", "rejection/refusal")],
    "held by law": [("officer", "hold")],
    "held by law no more": [("officer", "hold"), ("officer", "hold/lift")],
}


@pytest.mark.parametrize("status", ["verifying", "active"])
@pytest.mark.parametrize("what", HIDDEN)
async def test_a_partner_sees_nothing_of_what_officers_say(world: World, what: str, status: str) -> None:
    await colleague(world)
    held = (await customers_at(world, status))[0]
    before = await seen(world, held)

    for who, path in HIDDEN[what]:
        body = SAY | ({"authority": "Central Bank"} if path.startswith("hold") else {})
        response = await world.clients[who].post(f"{held.path}/{path}", json=body)
        assert response.status_code == 200, response.text
        assert await seen(world, held) == before


async def test_nor_that_a_verification_is_held_or_that_its_failure_was_proposed(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]
    before = await seen(world, held)

    assert (await world.partner.patch(f"{held.simulator}/verification", json={"outcome": "hold"})).status_code == 202

    assert await seen(world, held) == before


async def test_nor_that_an_alert_was_cleared_where_the_customer_stays_as_it_was(world: World) -> None:
    waiting = await alerted(world)
    await world.officer.patch(f"{waiting.held.path}/activate", json=SAY)
    before = await seen(world, waiting.held)

    cleared = await world.officer.post(f"/v1/alerts/{waiting.review['id']}/clear", json=SAY)

    assert cleared.status_code == 200
    assert await seen(world, waiting.held) == before


async def test_a_deactivation_is_told_without_its_ground(world: World) -> None:
    on_suspicion = (await alerted(world)).held
    for_an_issue = (await customers_at(world, "active"))[0]
    await world.officer.patch(f"{for_an_issue.path}/deactivate", json=SAY)

    answers: list[httpx2.Response] = [
        await world.partner.patch(f"{held.path}/activate") for held in (on_suspicion, for_an_issue)
    ]

    for answer in answers:
        assert_problem(answer, 409, "activation_reserved")
    assert answers[0].content == answers[1].content


def test_nothing_is_loaded_to_put_a_read_on_record() -> None:
    stream = UUID(int=1)
    event = AuditTrailRead(reader=UUID(int=2), role="officer", customer=UUID(int=3), what="timeline")

    assert isinstance(next(alone(stream, event)), Presumed)
