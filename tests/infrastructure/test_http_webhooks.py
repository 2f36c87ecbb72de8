from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from application.webhooks import MOST
from infrastructure.faults import BadSettings
from infrastructure.settings import load_settings
from tests.conftest import Server
from tests.infrastructure.test_http_golden import TIME, UUID, assert_shaped
from tests.support.http import CANARY, MISSING, assert_problem, fresh_wallet, rows, service_log
from tests.support.json_schema import objections
from tests.support.raw_server import Reply
from tests.support.webhooks import TYPES, Receiver, deliver, receiving
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

SECRET = r"whsec_[A-Za-z0-9+/]{43}="
WEBHOOK = {
    "id": UUID,
    "callbackUrl": r"http://127\.0\.0\.1:\d+/hook\?token=t0ken",
    "types": r"\['customer.created', 'customer.updated'\]",
    "status": "active|failing",
    "createdAt": TIME,
    "updatedAt": TIME,
}
DELIVERY = {
    "id": r"[0-9a-f-]{36}",
    "eventId": UUID,
    "sequence": r"\d+",
    "customerId": UUID,
    "status": "delivered",
    "attempts": "1",
    "lastOutcome": "delivered",
    "lastStatus": "204",
    "lastAttemptAt": TIME,
    "deliveredAt": TIME,
}


@pytest.fixture(scope="module")
async def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    async with running(conninfo, tmp_path_factory.mktemp("service"), webhooks_allow_loopback=True) as world:
        yield world
    server.drop(conninfo)


@pytest.fixture
async def receiver(world: World) -> AsyncIterator[Receiver]:
    async with receiving(world) as receiver:
        yield receiver


async def test_a_webhook_has_these_fields_and_its_secret_is_shown_once(world: World) -> None:
    async with receiving(world) as receiver:
        shown, again = await receiver.shown(), await receiver.register()
        (listed,) = (await world.partner.get("/v1/webhooks")).json()["webhooks"]

        assert_shaped(shown, WEBHOOK)
        assert_shaped({"secret": receiver.secret}, {"secret": SECRET})
        assert len(b64decode(receiver.secret.removeprefix("whsec_"))) == 32
        assert again == shown == listed


async def test_a_delivery_has_these_fields(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet())
    await world.register(fresh_wallet())
    await deliver(world)

    page = (await world.partner.get(f"{receiver.path}/deliveries?limit=1")).json()
    rest = (await world.partner.get(f"{receiver.path}/deliveries?cursor={page['nextCursor']}")).json()

    assert (list(page), list(rest)) == (["deliveries", "nextCursor"], ["deliveries"])
    for delivery in page["deliveries"] + rest["deliveries"]:
        assert_shaped(delivery, DELIVERY)
    assert page["deliveries"][0]["sequence"] == rest["deliveries"][0]["sequence"] + 1


async def test_the_body_has_these_fields(world: World, receiver: Receiver) -> None:
    await world.register(fresh_wallet())
    await deliver(world)

    fields = "webhookType eventId id externalId chainId status createdAt updatedAt sequence previousSequence"
    assert list(receiver.bodies[0]) == fields.split()


async def test_a_test_is_signed_and_says_what_came_of_it(world: World, receiver: Receiver) -> None:
    receiver.replies = [Reply(204), Reply(302), Reply(raw=b"")]

    outcomes = [(await world.partner.post(f"{receiver.path}/test")).json() for _ in range(3)]

    assert outcomes == [
        {"delivered": True, "outcome": "delivered", "status": 204},
        {"delivered": False, "outcome": "refused", "status": 302},
        {"delivered": False, "outcome": "unreachable"},
    ]
    receiver.verify()
    assert {body["webhookType"] for body in receiver.bodies} == {"webhook.test"}


async def test_what_is_sent_is_what_the_document_says(world: World, receiver: Receiver) -> None:
    document = (await world.partner.get("/openapi.json")).json()
    await world.active(fresh_wallet(), "user-8")
    await deliver(world)
    await world.partner.post(f"{receiver.path}/test")

    assert {body["webhookType"] for body in receiver.bodies} == set(document["webhooks"])
    for body, request in zip(receiver.bodies, receiver.server.requests, strict=True):
        operation = document["webhooks"][body["webhookType"]][request.method.lower()]
        [(media_type, content)] = operation["requestBody"]["content"].items()
        assert objections(content["schema"] | {"components": document["components"]}, body) == []
        assert request.headers["content-type"] == media_type
        assert {parameter["name"] for parameter in operation["parameters"]} <= set(request.headers)


async def test_a_rotation_answers_a_new_secret(world: World, receiver: Receiver) -> None:
    rotated = (await world.partner.post(f"{receiver.path}/secret")).json()

    assert_shaped(rotated, {"secret": SECRET, "previousUntil": TIME})
    assert rotated["secret"] != receiver.secret
    assert (await receiver.shown())["previousSecretUntil"] == rotated["previousUntil"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"https://{CANARY}.invalid/", "address_not_public"),
        (f"http://{CANARY}.example/", "https_only"),
        (f"https://user:{CANARY}@partner.example/", "malformed_url"),
        (f"https://169.254.169.254/{CANARY}", "name_needed"),
        (f"https://partner.example:25/{CANARY}", "port_not_allowed"),
    ],
)
async def test_a_url_that_is_not_called_is_refused_and_not_repeated(world: World, url: str, code: str) -> None:
    response = await world.partner.put("/v1/webhooks", json={"callbackUrl": url, "types": TYPES})

    members = assert_problem(response, 422, "callback_url_refused")
    assert members["errors"] == [{"pointer": "/callbackUrl", "code": code}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"callbackUrl": "https://partner.example/", "types": []},
        {"callbackUrl": "https://partner.example/", "types": ["customer.deleted"]},
        {"callbackUrl": "https://partner.example/", "types": ["customer.created"] * 3},
        {"callbackUrl": 1, "types": TYPES},
        {"callbackUrl": "https://partner.example/", "types": TYPES, "secret": CANARY},
    ],
)
async def test_a_registration_that_is_not_well_formed_is_refused(world: World, body: dict[str, Any]) -> None:
    assert_problem(await world.partner.put("/v1/webhooks", json=body), 422, "invalid_request")


async def test_a_partner_has_a_bounded_number_of_webhooks(world: World) -> None:
    urls = [f"http://127.0.0.1:9/{number}" for number in range(MOST + 1)]
    answers = [await world.other.put("/v1/webhooks", json={"callbackUrl": url, "types": TYPES}) for url in urls]
    removed = await world.other.delete(f"/v1/webhooks/{answers[0].json()['id']}")
    again = await world.other.put("/v1/webhooks", json={"callbackUrl": urls[-1], "types": TYPES})

    assert [answer.status_code for answer in answers[:-1]] == [200] * MOST
    assert_problem(answers[-1], 409, "too_many_webhooks")
    assert (removed.status_code, again.status_code) == (204, 200)
    assert len((await world.other.get("/v1/webhooks")).json()["webhooks"]) == MOST


OF_ONE = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/secret"),
    ("POST", "/test"),
    ("GET", "/deliveries"),
    ("POST", f"/deliveries/{MISSING}/redeliver"),
]


@pytest.mark.parametrize(("method", "rest"), OF_ONE)
async def test_anothers_webhook_and_a_missing_one_are_told_apart_by_nothing(
    world: World, receiver: Receiver, method: str, rest: str
) -> None:
    other = await world.other.request(method, receiver.path + rest)
    missing = await world.other.request(method, f"/v1/webhooks/{MISSING}{rest}")

    assert_problem(other, 404, "webhook_not_found")
    assert other.content == missing.content
    assert (await receiver.shown())["id"] == receiver.id
    assert receiver.server.requests == []


async def test_a_removed_webhook_is_gone_and_its_address_is_free(world: World, receiver: Receiver) -> None:
    assert (await world.partner.delete(receiver.path)).status_code == 204

    for method, rest in OF_ONE:
        assert_problem(await world.partner.request(method, receiver.path + rest), 404, "webhook_not_found")
    fresh = await receiver.register()
    assert fresh["id"] != receiver.id
    assert fresh["secret"] != receiver.secret
    await world.partner.delete(f"/v1/webhooks/{fresh['id']}")


async def test_a_delivery_that_is_none_cannot_be_sent_again(world: World, receiver: Receiver) -> None:
    answer = await world.partner.post(f"{receiver.path}/deliveries/{MISSING}/redeliver")

    assert_problem(answer, 404, "delivery_not_found")


async def test_neither_secret_nor_address_is_in_the_database_or_the_log_in_clear(world: World) -> None:
    with service_log() as written:
        async with receiving(world) as receiver:
            rotated = (await world.partner.post(f"{receiver.path}/secret")).json()["secret"]
            await world.register(fresh_wallet())
            receiver.replies = [Reply(410)]
            await deliver(world)
            stored = await rows(world, "SELECT convert_from(state, 'utf8') FROM gatehouse.stored_events")
            queued = await rows(world, "SELECT d::text FROM gatehouse.webhook_deliveries d")

    text = written.getvalue() + str(stored) + str(queued)
    assert "webhook_failing" in text
    for secret in (receiver.secret, rotated):
        assert secret.removeprefix("whsec_") not in text
    assert "t0ken" not in text
    assert receiver.server.url not in text


async def test_loopback_is_for_sandbox_mode_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_MODE", "production")
    monkeypatch.setenv("GATEHOUSE_WEBHOOKS_ALLOW_LOOPBACK", "true")

    with pytest.raises(BadSettings, match="sandbox mode only"):
        load_settings()
