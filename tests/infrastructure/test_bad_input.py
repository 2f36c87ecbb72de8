"""Bad input gets a clear error, and none repeats what was sent."""

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import httpx2
import pytest

from infrastructure.wallet_proof import ORDER
from tests.support.world import Wallet, World

pytestmark = pytest.mark.anyio

CANARY = "kanarienvogel"
GOOD = "eip155:1:0x52908400098527886E0F7030069857D2E4169EE7"
WALLETS = count(9000)


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Status and code of an error, which must be a problem that repeats nothing."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert {"type", "title", "status", "code"} <= set(body)
    assert body["status"] == response.status_code
    assert body["type"].endswith(body["code"])
    assert CANARY not in response.text
    return response.status_code, body["code"]


def registration(**changes: Any) -> bytes:  # noqa: ANN401 -- whatever a caller might send
    return json.dumps({"chainId": GOOD, "externalId": CANARY} | changes).encode()


BODIES: dict[str, tuple[bytes, int, str]] = {
    "no JSON": (b'{"chainId": kanarienvogel', 400, "invalid_json"),
    "nothing": (b"", 400, "invalid_json"),
    "no UTF-8": (b'{"chainId": "\xff\xfe"}', 400, "invalid_json"),
    "a lone surrogate": (b'{"chainId": "x", "externalId": "\\ud800kanarienvogel"}', 400, "invalid_json"),
    "very deep": (b'{"chainId": ' + b"[" * 30000 + b"]" * 30000 + b"}", 400, "invalid_json"),
    "a list": (b'["kanarienvogel"]', 422, "invalid_request"),
    "an unknown field": (registration(kanarienvogel=1), 422, "invalid_request"),
    "a missing field": (b'{"chainId": "kanarienvogel"}', 422, "invalid_request"),
    "a number for text": (registration(externalId=7), 422, "invalid_request"),
    "null for text": (registration(externalId=None), 422, "invalid_request"),
    "NUL": (registration(externalId=f"{CANARY}\0"), 422, "invalid_request"),
    "a line break": (registration(externalId=f"{CANARY}\n"), 422, "invalid_request"),
    "empty text": (registration(externalId=""), 422, "invalid_request"),
    "long text": (registration(externalId=CANARY * 30), 422, "invalid_request"),
    "a long account": (registration(chainId="eip155:1:" + CANARY * 20), 422, "invalid_request"),
    "no account": (registration(chainId=CANARY), 422, "malformed_account"),
    "another namespace": (
        registration(chainId="bip122:000000000019d6689c085ae165831e93:1A1z"),
        422,
        "malformed_account",
    ),
    "a chain that is no number": (registration(chainId=GOOD.replace(":1:", ":one:")), 422, "malformed_account"),
    "a chain with a leading zero": (registration(chainId=GOOD.replace(":1:", ":01:")), 422, "malformed_account"),
    "chain zero": (registration(chainId=GOOD.replace(":1:", ":0:")), 422, "malformed_account"),
    "a chain in other digits": (registration(chainId=GOOD.replace(":1:", ":\u0661:")), 422, "malformed_account"),
    "a line break after": (registration(chainId=GOOD + "\n"), 422, "malformed_account"),
    "a digit too few": (registration(chainId=GOOD[:-1]), 422, "malformed_account"),
    "a digit too many": (registration(chainId=GOOD + "0"), 422, "malformed_account"),
    "a capital X": (registration(chainId=GOOD.replace("0x", "0X")), 422, "malformed_account"),
    "a wrong checksum": (registration(chainId=GOOD.replace("E7", "e7")), 422, "invalid_checksum"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_with_something_wrong_is_refused(world: World, name: str) -> None:
    body, status, code = BODIES[name]
    response = await world.partner.post("/v1/customers", content=body, headers={"content-type": "application/json"})
    assert problem(response) == (status, code)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_another_media_type_is_refused(world: World, content_type: str) -> None:
    response = await world.partner.post("/v1/customers", content=registration(), headers={"content-type": content_type})
    assert problem(response) == (415, "unsupported_media_type")


async def test_a_body_that_says_it_is_huge_is_refused(world: World) -> None:
    body = registration(externalId=CANARY * 10000)
    response = await world.partner.post("/v1/customers", content=body, headers={"content-type": "application/json"})
    assert problem(response) == (413, "body_too_large")


async def test_a_body_that_grows_huge_in_chunks_is_refused(world: World) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    response = await world.partner.post("/v1/customers", content=chunks(), headers={"content-type": "application/json"})
    assert problem(response) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_request"),
        ("limit=201", "invalid_request"),
        ("limit=many", "invalid_request"),
        ("status=kanarienvogel", "invalid_request"),
        ("kanarienvogel=1", "invalid_request"),
        ("limit=1&limit=2", "invalid_request"),
        ("createdAfter=2026-01-01T00:00:00", "invalid_request"),
        ("createdAfter=kanarienvogel", "invalid_request"),
        ("externalId=%00kanarienvogel", "invalid_request"),
        ("chainId=kanarienvogel", "malformed_account"),
        ("cursor=kanarienvogel", "invalid_cursor"),
        ("cursor=%C3%A4", "invalid_cursor"),
        ("asOf=2999-01-01T00:00:00Z", "as_of_in_future"),
        ("asOf=2026-01-01T00:00:00", "invalid_request"),
        ("asOf=kanarienvogel", "invalid_request"),
    ],
)
async def test_a_query_with_something_wrong_is_refused(world: World, query: str, code: str) -> None:
    assert problem(await world.partner.get(f"/v1/customers?{query}")) == (422, code)


@pytest.mark.parametrize("as_of", ["2999-01-01T00:00:00Z", "2026-01-01T00:00:00", "kanarienvogel"])
async def test_a_customer_as_of_no_past_moment_is_refused(world: World, as_of: str) -> None:
    customer = await world.register(Wallet(next(WALLETS)))
    assert problem(await world.partner.get(f"/v1/customers/{customer['id']}", params={"asOf": as_of}))[0] == 422


@pytest.mark.parametrize("customer_id", ["kanarienvogel", "1", "01890000-0000-7000-8000-00000000000g", "%00"])
async def test_an_id_that_is_no_uuid_is_refused(world: World, customer_id: str) -> None:
    assert problem(await world.partner.get(f"/v1/customers/{customer_id}")) == (422, "malformed_id")


async def test_cursors_that_were_edited_or_are_another_querys_are_refused(world: World) -> None:
    for _ in range(3):
        await world.register(Wallet(next(WALLETS)))
    await world.project()
    cursor = (await world.partner.get("/v1/customers?limit=1")).json()["nextCursor"]
    edited = cursor[:4] + ("A" if cursor[4] != "A" else "B") + cursor[5:]
    for query in (f"cursor={edited}", f"cursor={cursor}&status=active", f"cursor={cursor[:-2]}"):
        assert problem(await world.partner.get(f"/v1/customers?limit=1&{query}")) == (422, "invalid_cursor")
    assert problem(await world.other.get(f"/v1/customers?limit=1&cursor={cursor}")) == (422, "invalid_cursor")


@pytest.mark.parametrize("tag", ['"99"', "99", 'W/"2"', "kanarienvogel", '"kanarienvogel"', '"1", "2"'])
async def test_a_precondition_that_does_not_hold_is_refused(world: World, tag: str) -> None:
    customer = await world.register(Wallet(next(WALLETS)))
    response = await world.partner.patch(f"/v1/customers/{customer['id']}/deactivate", headers={"If-Match": tag})
    assert problem(response) == (412, "version_mismatch")


async def test_unknown_paths_and_methods_are_problems(world: World) -> None:
    assert problem(await world.partner.get("/v1/kanarienvogel")) == (404, "not_found")
    assert problem(await world.partner.delete("/v1/customers")) == (405, "method_not_allowed")


@dataclass(frozen=True)
class Signing:
    """A registered customer, and what a right answer to its challenge would be."""

    world: World
    customer: dict[str, Any]
    signature: bytes

    async def answer(self, **changes: str) -> httpx2.Response:
        body = {
            "chainId": self.customer["chainId"],
            "challenge": self.customer["challenge"],
            "signature": "0x" + self.signature.hex(),
        }
        return await self.world.partner.post(f"/v1/customers/{self.customer['id']}/challenge/sign", json=body | changes)


@pytest.fixture
async def signing(world: World) -> Signing:
    wallet = Wallet(next(WALLETS))
    customer = await world.register(wallet)
    return Signing(world, customer, bytes.fromhex(wallet.sign(b64decode(customer["challenge"]))[2:]))


def high_s(signature: bytes) -> bytes:
    """The same signature in its other form, which EIP-2 forbids."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("of another length", lambda right: right[:-1]),
        ("too long", lambda right: right + b"\0"),
        ("empty", lambda right: right[:0]),
        ("with a high s", high_s),
        ("with another v", lambda right: right[:64] + b"\x1d"),
        ("with the other v", lambda right: right[:64] + bytes([55 - right[64]])),
        ("with r zero", lambda right: bytes(32) + right[32:]),
        ("with s zero", lambda right: right[:32] + bytes(32) + right[64:]),
        ("with r too large", lambda right: b"\xff" * 32 + right[32:]),
    ],
)
async def test_a_signature_is_refused(signing: Signing, name: str, broken: Any) -> None:  # noqa: ANN401, ARG001
    response = await signing.answer(signature="0x" + broken(signing.signature).hex())
    assert problem(response) == (401, "signature_invalid")


@pytest.mark.parametrize("text", ["kanarienvogel", "0xkanarienvogel", "a2FuYXJpZW52b2dlbA==", "0x", "=", "ä"])
async def test_a_signature_that_is_none_is_refused(signing: Signing, text: str) -> None:
    assert problem(await signing.answer(signature=text)) == (401, "signature_invalid")


async def test_a_contract_wallets_signature_is_refused_clearly(signing: Signing) -> None:
    wrapped = "0x" + (signing.signature + bytes.fromhex("6492") * 16).hex()
    assert problem(await signing.answer(signature=wrapped)) == (422, "contract_wallet_unsupported")


async def test_an_edited_and_a_foreign_challenge_are_refused(signing: Signing) -> None:
    edited = b64encode(b64decode(signing.customer["challenge"]) + b" ").decode()
    foreign = (await signing.world.register(Wallet(next(WALLETS))))["challenge"]
    for challenge in (edited, foreign, "kanarienvogel", "/w=="):
        assert problem(await signing.answer(challenge=challenge)) == (401, "signature_invalid")


async def test_another_wallets_account_is_refused(signing: Signing) -> None:
    assert problem(await signing.answer(chainId=Wallet(next(WALLETS)).account)) == (401, "signature_invalid")


async def test_an_expired_challenge_is_refused_and_a_new_one_can_be_had(signing: Signing) -> None:
    world, customer = signing.world, signing.customer
    with world.clock.moved(timedelta(minutes=61)):
        assert problem(await signing.answer()) == (410, "challenge_expired")
        fresh = (await world.partner.get(f"/v1/customers/{customer['id']}/challenge")).json()
    assert fresh["challenge"] != customer["challenge"]


@pytest.mark.parametrize("written", ["v of 27 or 28", "v of 0 or 1", "base64 of hex", "base64 of bytes"])
async def test_a_right_signature_is_taken_in_every_form(signing: Signing, written: str) -> None:
    right = signing.signature
    forms = {
        "v of 27 or 28": "0x" + right.hex(),
        "v of 0 or 1": "0x" + (right[:64] + bytes([right[64] - 27])).hex(),
        "base64 of hex": b64encode(("0x" + right.hex()).encode()).decode(),
        "base64 of bytes": b64encode(right).decode(),
    }
    assert (await signing.answer(signature=forms[written])).status_code == 204
    assert problem(await signing.answer()) == (409, "challenge_already_signed")


async def test_every_failed_answer_is_recorded_with_its_reason(signing: Signing) -> None:
    await signing.answer(signature="0x00")
    await signing.answer(challenge="bm90aGluZw==")
    events = (await signing.world.auditor.get(f"/v1/customers/{signing.customer['id']}/events")).json()["events"]
    failed = [event["event"]["data"]["reason"] for event in events if event["type"] == "ChallengeFailed"]
    assert failed == ["malformed", "other_message"]
