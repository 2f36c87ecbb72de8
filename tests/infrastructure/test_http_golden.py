"""Field names and problem codes, written out: whoever changes one breaks a partner, and this file first."""

import re
from typing import Any, Final

import pytest

from infrastructure.api_documents import listing, openapi
from infrastructure.documents import ROOT
from infrastructure.http.problems import PROBLEMS, TYPES, Problem, problem_response
from tests.support.http import Held, customers_at, fresh_wallet, head_of
from tests.support.world import World

pytestmark = pytest.mark.anyio

UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"
ACCOUNT: Final = r"eip155:1:0x[0-9a-fA-F]{40}"
STATUS: Final = "initiating|screening|verifying|active|inactive|rejected"
BASE64: Final = r"[0-9A-Za-z+/]+={0,2}"

CUSTOMER: Final = {
    "id": UUID,
    "externalId": "user-1",
    "chainId": ACCOUNT,
    "status": STATUS,
    "createdAt": TIME,
    "updatedAt": TIME,
}
EVENT: Final = {
    "webhookType": r"customer\.(created|updated)",
    "eventId": UUID,
    **CUSTOMER,
    "sequence": r"\d+",
    "previousSequence": r"\d+|None",
}
ANSWERS: Final[dict[str, tuple[int, dict[str, str]]]] = {
    "POST /v1/customers": (201, CUSTOMER | {"challenge": BASE64}),
    "GET /v1/customers/{id}": (200, CUSTOMER),
    "GET /v1/customers/{id}?asOf={head}": (200, CUSTOMER),
    "GET /v1/customers/{id}/challenge": (200, {"challenge": BASE64, "expiresAt": TIME}),
    "GET /v1/customers/{id}/verification": (
        200,
        {"provider": "sandbox", "sessionUrl": r"http://\S+", "sessionToken": r"[\w-]+", "expiresAt": TIME},
    ),
    "PATCH /v1/customers/{id}/deactivate": (200, CUSTOMER),
    "PATCH /v1/customers/{id}/activate": (200, CUSTOMER),
    "GET /v1/customers/{id}/services": (
        200,
        {"status": STATUS, "accountCreation": "True|False", "cardCreation": "True|False"},
    ),
    "PATCH /v1/simulator/customers/{id}/verify": (202, {"accepted": "True"}),
}
AT: Final = {"challenge": "initiating", "verification": "verifying", "verify": "verifying"}

CODES: Final = {
    "malformed_http": 400,
    "invalid_json": 400,
    "unauthenticated": 401,
    "invalid_credentials": 401,
    "signature_invalid": 401,
    "callback_signature_invalid": 401,
    "request_signature_required": 401,
    "request_signature_invalid": 401,
    "forbidden": 403,
    "onboarding_barred": 403,
    "not_found": 404,
    "key_not_found": 404,
    "customer_not_found": 404,
    "review_not_found": 404,
    "evidence_not_found": 404,
    "checkpoint_not_found": 404,
    "entry_not_found": 404,
    "tile_not_found": 404,
    "export_not_found": 404,
    "webhook_not_found": 404,
    "delivery_not_found": 404,
    "too_many_webhooks": 409,
    "test_under_way": 409,
    "callback_url_refused": 422,
    "export_not_ready": 409,
    "export_under_way": 409,
    "range_not_satisfiable": 416,
    "format_unavailable": 422,
    "not_in_a_checkpoint_yet": 409,
    "log_does_not_match": 500,
    "method_not_allowed": 405,
    "customer_exists": 409,
    "challenge_already_signed": 409,
    "wrong_status": 409,
    "activation_reserved": 409,
    "not_verifying": 409,
    "in_progress": 409,
    "idempotency_key_reused": 422,
    "nothing_to_decide": 409,
    "self_confirmation": 409,
    "self_refusal": 409,
    "not_the_proposer": 409,
    "legal_hold": 409,
    "retention_period": 409,
    "partner_request_alone": 409,
    "challenge_expired": 410,
    "customer_erased": 410,
    "evidence_erased": 410,
    "version_mismatch": 412,
    "sanctions_list_older": 409,
    "sanctions_list_smaller": 409,
    "policy_not_found": 404,
    "schema_not_found": 404,
    "trial_under_way": 409,
    "request_timeout": 408,
    "replay_under_way": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "malformed_account": 422,
    "invalid_checksum": 422,
    "malformed_id": 422,
    "invalid_cursor": 422,
    "as_of_in_future": 422,
    "contract_wallet_unsupported": 422,
    "malformed_public_key": 422,
    "malformed_sanctions_list": 422,
    "sanctions_list_in_future": 422,
    "outcome_not_applicable": 422,
    "too_many_requests": 429,
    "too_many_streams": 429,
    "head_too_large": 431,
    "internal_error": 500,
    "projection_behind": 503,
    "unavailable": 503,
}


def test_what_partners_build_on_is_neither_gone_nor_unlisted() -> None:
    """`./run docs` lists what is new. What is gone, or is another now, is taken from the file by hand, or put back."""
    listed = set((ROOT / "docs" / "wire.txt").read_text(encoding="utf-8").splitlines())
    travels = listing(openapi())

    assert sorted(listed - travels) == []
    assert sorted(travels - listed) == []


def assert_shaped(resource: dict[str, Any], shape: dict[str, str]) -> None:
    """The fields in their order, each with a value of its form."""
    assert list(resource) == list(shape)
    for name, form in shape.items():
        assert re.fullmatch(form, str(resource[name])), (name, resource[name])


async def held_for(world: World, call: str) -> Held:
    """A customer at the step that a call is about."""
    return (await customers_at(world, AT.get(call.rpartition("/")[2], "active")))[0]


@pytest.mark.parametrize("call", ANSWERS)
async def test_a_partners_answer_has_these_fields(world: World, call: str) -> None:
    held = await held_for(world, call)
    method, path = call.split(" ")
    body = {"chainId": fresh_wallet().account, "externalId": "user-1"} if method == "POST" else None

    url = path.format(id=held.customer["id"], head=await head_of(world))
    response = await world.partner.request(method, url, json=body)

    status, shape = ANSWERS[call]
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert_shaped(response.json(), shape)


async def test_a_page_has_these_fields(world: World) -> None:
    await customers_at(world, "initiating", 2)
    await world.project()

    page = (await world.partner.get("/v1/customers?limit=1")).json()
    last = (await world.partner.get("/v1/customers?limit=200")).json()

    assert list(page) == ["customers", "nextCursor"]
    assert re.fullmatch(r"[\w-]{32}", page["nextCursor"])
    assert list(last) == ["customers"]
    for customer in last["customers"]:
        assert_shaped(customer, CUSTOMER)


async def test_a_page_of_events_has_these_fields(world: World) -> None:
    await customers_at(world, "active")

    page = (await world.partner.get("/v1/events?limit=200")).json()

    assert list(page) == ["events", "next"]
    for event in page["events"]:
        assert_shaped(event, EVENT)


async def test_officers_read_these_fields(world: World) -> None:
    held = (await customers_at(world, "active"))[0]

    timeline = (await world.officer.get(f"{held.path}/timeline")).json()
    events = (await world.officer.get(f"{held.path}/events")).json()

    assert list(timeline) == ["id", "status", "detail", "entries"]
    assert list(events) == ["events"]
    entry = {
        "position": r"\d+",
        "version": r"\d+",
        "type": r"[A-Z]\w+",
        "recordedAt": TIME,
        "occurredAt": TIME,
        "who": r"\w+:\S+",
        "what": ".+",
        "why": ".+",
    }
    event = {
        "position": r"\d+",
        "stream": UUID,
        "version": r"\d+",
        "type": r"[A-Z]\w+",
        "recordedAt": TIME,
        "event": r"(?s).+",
    }
    for line, stored in zip(timeline["entries"], events["events"], strict=True):
        assert_shaped(line, entry)
        assert_shaped(stored, event)


async def test_keys_and_tokens_have_these_fields(world: World) -> None:
    order = {"role": "partner", "name": "Example Cards"}
    issued = (await world.admin.post("/v1/keys", json=order)).json()
    login = {"apiKey": issued["apiKey"], "apiSecret": issued["apiSecret"]}
    token = (await world.partner.post("/v1/auth/token", json=login)).json()
    listed = (await world.admin.get("/v1/keys")).json()

    key = {"apiKey": UUID, "role": "partner", "name": "Example Cards", "partner": UUID}
    assert_shaped(issued, key | {"apiSecret": r"gh_partner_[\w-]{43}"})
    assert_shaped(token, {"token": r"[\w-]+\.[\w-]+\.[\w-]+", "expiresAt": TIME, "tokenType": "Bearer"})
    assert list(listed) == ["keys"]
    assert_shaped(listed["keys"][-1], key)


def test_these_are_the_problem_codes_and_their_statuses() -> None:
    assert {code: kind.status for code, kind in PROBLEMS.items()} == CODES


def test_a_problems_type_is_made_of_its_code() -> None:
    assert TYPES == "urn:gatehouse:problem:"
    for code, status in CODES.items():
        response = problem_response(Problem(code))
        assert response.status_code == status
        assert bytes(response.body).startswith(b'{"type": "urn:gatehouse:problem:%b", "title": "' % code.encode())
        assert response.headers["content-type"] == "application/problem+json"
        assert ("www-authenticate" in response.headers) == (status == 401)
        assert ("retry-after" in response.headers) == (status == 503)


def test_no_title_has_a_place_for_what_was_sent() -> None:
    for code, kind in PROBLEMS.items():
        assert re.fullmatch(r"[A-Z`][^{}%]+\.", kind.title), code
