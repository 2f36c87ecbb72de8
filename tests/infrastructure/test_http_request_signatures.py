"""Signed requests over real HTTP: what holds, and everything that must not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest
from starlette.requests import Request

from application.handlers import append
from infrastructure.api_keys import revoke
from infrastructure.http import refusal_timing
from infrastructure.http.request_signatures import LONGEST_AGE, SKEW, Message
from infrastructure.key_changes import issue_key
from tests.support.http import CANARY, MISSING, assert_problem, customers_at, head_of
from tests.support.signing import (
    COVERED,
    Signer,
    assert_refused,
    digest_of,
    moment,
    new_pair,
    new_signer,
    pem_of,
    registration,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

ALGORITHMS: Final = ("ecdsa-p384-sha384", "ed25519")
PARTS: Final = ("@method", "@authority", "@path", "@query", "authorization")


@pytest.fixture(autouse=True)
def _not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_timing, "HELD_BACK", (0.0, 0.0))


@pytest.fixture(scope="module")
async def signer(world: World) -> Signer:
    return await new_signer(world)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("covered", [COVERED, PARTS, (*COVERED, *PARTS[1:4], "content-type")], ids=str)
async def test_a_signed_request_is_answered(world: World, algorithm: str, covered: tuple[str, ...]) -> None:
    signer = await new_signer(world, algorithm)

    assert (await signer.send("POST", "/v1/customers", registration(), covered=covered)).status_code == 201
    read = [name for name in covered if name != "content-type"]
    assert (await signer.send("GET", "/v1/customers?limit=1", covered=read)).status_code == 200
    assert (await signer.send("GET", "/v1/customers", covered=read)).status_code == 200


async def test_without_a_public_url_the_request_says_where_it_was_sent(signer: Signer) -> None:
    host = f"localhost:{signer.world.url.rpartition(':')[2]}"
    sent = partial(signer.send, "GET", "/v1/customers", public_url=f"http://{host}")

    assert (await sent(change={"host": host})).status_code == 200
    assert_refused(await sent(), "not_verified")


def test_with_a_public_url_it_counts_whatever_the_request_says() -> None:
    scope = {"type": "http", "raw_path": b"/v1/customers", "query_string": b"", "headers": [(b"host", b"inside:8000")]}

    assert Message(Request(scope), "https://gatehouse.example").url == "https://gatehouse.example/v1/customers"
    assert Message(Request(scope), None).url == "http://inside:8000/v1/customers"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_signature_by_another_pair_is_refused(world: World, algorithm: str) -> None:
    signer = await new_signer(world, algorithm)

    for other in ALGORITHMS:
        assert_refused(await signer.send("GET", "/v1/customers", pair=new_pair(other)), "not_verified")


async def test_a_key_with_a_public_key_calls_nothing_unsigned(signer: Signer) -> None:
    plain = {"Authorization": f"Bearer {signer.key}"}

    response = await signer.world.partner.get("/v1/customers", headers=plain)

    assert_problem(response, 401, "request_signature_required")
    assert response.headers["www-authenticate"] == 'Bearer realm="gatehouse"'


async def test_a_key_without_a_public_key_may_bring_any_signature(world: World) -> None:
    headers = {"Signature": CANARY, "Signature-Input": "sig=()"}

    assert (await world.partner.get("/v1/customers", headers=headers)).status_code == 200


async def test_whoever_holds_the_pair_alone_is_nobody(signer: Signer) -> None:
    response = await signer.send("GET", "/v1/customers", change={"authorization": "Basic abc"})

    assert_problem(response, 401, "unauthenticated")


async def test_a_signature_with_another_keys_id_is_refused(signer: Signer) -> None:
    other = await new_signer(signer.world)

    assert_refused(await signer.send("GET", "/v1/customers", key_id=other.signing.key_id), "not_verified")
    assert_refused(await signer.send("GET", "/v1/customers", key_id=""), "not_verified")


WRONG_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "no time": {"created": None},
    "too old": {"created": moment(LONGEST_AGE.total_seconds() + SKEW.total_seconds() + 2)},
    "of the future": {"created": moment(-SKEW.total_seconds() - 3600)},  # made when tests are collected
    "of the far future": {"created": 10**15 - 1},
    "before all time": {"created": -1},
    "a text for a time": {"created": "now"},
    "expired": {"expires": moment(SKEW.total_seconds() + 2)},
    "the other algorithm": {"alg": "ecdsa-p384-sha384"},
    "an algorithm that is none": {"alg": "none"},
    "an algorithm with a secret": {"alg": "hmac-sha256"},
    "a parameter that nobody knows": {"trust": "me"},
    "no key": {"keyid": None},
    "a number for a nonce": {"nonce": 1},
}


@pytest.mark.parametrize("parameters", WRONG_PARAMETERS.values(), ids=WRONG_PARAMETERS)
async def test_a_signature_with_wrong_parameters_is_refused(signer: Signer, parameters: dict[str, Any]) -> None:
    assert_refused(await signer.send("GET", "/v1/customers", parameters=parameters), "not_verified")


async def test_a_signature_may_be_a_little_old_or_young_and_say_when_it_ends(signer: Signer) -> None:
    for created in (moment(LONGEST_AGE.total_seconds() - 5), moment(-SKEW.total_seconds() + 5)):
        parameters = {"created": created, "expires": moment(-60), "alg": "ed25519", "tag": "app"}
        assert (await signer.send("GET", "/v1/customers", parameters=parameters)).status_code == 200


@pytest.mark.parametrize("left_out", [*COVERED, *PARTS[1:4]])
async def test_a_signature_over_less_is_refused(signer: Signer, left_out: str) -> None:
    whole = COVERED if left_out in COVERED else PARTS

    response = await signer.send("GET", "/v1/customers", covered=[name for name in whole if name != left_out])

    assert_refused(response, "not_covered")


@pytest.mark.parametrize("change", ["method", "path", "query", "key"])
async def test_another_request_is_not_the_one_that_was_signed(signer: Signer, change: str) -> None:
    other = await issue_key(signer.world.services, role="partner", name="other")
    signed = signer.signing.headers(signer.request("GET", "/v1/customers?limit=1", b""))
    key = other.key if change == "key" else signer.key
    method = "POST" if change == "method" else "GET"
    path = {"path": "/v1/funnel?limit=1", "query": "/v1/customers?limit=2"}.get(change, "/v1/customers?limit=1")

    response = await signer.world.partner.request(method, path, headers=signed | {"Authorization": f"Bearer {key}"})

    if change == "key":  # it has no public key: what it brings proves nothing
        assert response.status_code == 200
    else:
        assert_refused(response, "not_verified")


async def test_a_body_without_a_digest_is_refused(signer: Signer) -> None:
    body, before = registration(), await head_of(signer.world)
    request = signer.request("POST", "/v1/customers", body)
    del request.headers["content-digest"]
    headers = dict(request.headers) | signer.signing.headers(request)

    for given in (headers, headers | {"content-digest": digest_of(body)}):
        assert_refused(await signer.world.partner.post("/v1/customers", content=body, headers=given), "not_covered")
    assert await head_of(signer.world) == before


async def test_another_body_than_the_one_that_was_signed_does_nothing(signer: Signer) -> None:
    before = await head_of(signer.world)

    for sent in (registration(), b"{}", b"not json"):
        assert_refused(await signer.send("POST", "/v1/customers", registration(), sent=sent), "wrong_digest")
    assert await head_of(signer.world) == before


async def test_a_body_where_none_was_signed_is_refused(signer: Signer) -> None:
    assert_refused(await signer.send("POST", "/v1/customers", sent=registration()), "not_covered")


DIGESTS: Final = {
    "sha-512": (lambda body: digest_of(body, "sha-512"), True),
    "both": (lambda body: f"{digest_of(body)}, {digest_of(body, 'sha-512')}", True),
    "one that we do not know beside one that we do": (lambda body: f"md5=:AA==:, {digest_of(body)}", True),
    "both, one of another body": (lambda body: f"{digest_of(body)}, {digest_of(b'other', 'sha-512')}", False),
    "one that we do not know": (lambda _: "md5=:AA==:", False),
    "one twice": (lambda body: f"{digest_of(b'other')}, {digest_of(body)}", False),
    "a text": (lambda _: 'sha-256="AAAA"', False),
    "hex": (lambda _: f"sha-256=:{'0' * 64}:", False),
    "cut short": (lambda body: digest_of(body)[:20] + ":", False),
    "half of it": (lambda body: digest_of(body)[:-1], False),
    "a list": (lambda body: f"sha-256=({digest_of(body).removeprefix('sha-256=')})", False),
    "in capitals": (lambda body: digest_of(body).replace("sha", "SHA"), False),
    "without colons": (lambda body: digest_of(body).replace(":", ""), False),
    "nothing of it": (lambda _: ",", False),
}


@pytest.mark.parametrize(("digest", "holds"), DIGESTS.values(), ids=DIGESTS)
async def test_a_body_is_held_against_its_digests(
    signer: Signer, digest: Callable[[bytes], str], *, holds: bool
) -> None:
    body = registration()
    request = signer.request("POST", "/v1/customers", body)
    request.headers["content-digest"] = digest(body)
    headers = dict(request.headers) | signer.signing.headers(request)

    response = await signer.world.partner.post("/v1/customers", content=body, headers=headers)

    if holds:
        assert response.status_code == 201, response.text
    else:
        assert_refused(response, "wrong_digest")


async def test_a_body_in_pieces_is_held_against_its_digest(signer: Signer) -> None:
    for body, spoilt, status in ((registration(), b"", 201), (registration(), b" ", 401)):
        request = signer.request("POST", "/v1/customers", body)
        headers = dict(request.headers) | signer.signing.headers(request)
        headers.pop("content-length")

        async def pieces(body: bytes = body + spoilt) -> AsyncIterator[bytes]:
            for start in range(0, len(body), 20):
                yield body[start : start + 20]
                await asyncio.sleep(0)

        response = await signer.world.partner.post("/v1/customers", content=pieces(), headers=headers)
        assert response.status_code == status, response.text


async def test_a_signed_write_counts_once(signer: Signer) -> None:
    request = signer.request("POST", "/v1/customers", body := registration())
    headers = dict(request.headers) | signer.signing.headers(request)

    first = await signer.world.partner.post("/v1/customers", content=body, headers=headers)
    again = await signer.world.partner.post("/v1/customers", content=body, headers=headers)

    assert first.status_code == 201
    assert_refused(again, "replayed")


async def test_another_signature_of_the_same_is_the_same(world: World) -> None:
    """Of one text there are many valid ECDSA signatures, and whoever has one can make another of it."""
    signer = await new_signer(world, "ecdsa-p384-sha384")
    request = signer.request("POST", "/v1/customers", body := registration())
    now = {"created": moment(0)}
    both = [replace(signer.signing, parameters=now).headers(request) for _ in range(2)]
    assert both[0]["Signature"] != both[1]["Signature"]

    answers = [
        await world.partner.post("/v1/customers", content=body, headers=dict(request.headers) | signed)
        for signed in both
    ]

    assert answers[0].status_code == 201
    assert_refused(answers[1], "replayed")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_read_counts_as_often_as_it_is_sent_unless_it_has_a_nonce(signer: Signer, method: str) -> None:
    now = moment(0)
    for nonce, statuses in ((None, [200, 200]), ("abc", [200, 401]), ("abd", [200, 401])):
        parameters = {"created": now, "nonce": nonce}
        answers = [await signer.send(method, "/v1/customers", parameters=parameters) for _ in range(2)]
        assert [answer.status_code for answer in answers] == statuses


async def test_a_removed_key_is_asked_for_no_more(world: World) -> None:
    signer = await new_signer(world)
    plain = {"Authorization": f"Bearer {signer.key}"}
    assert (await world.partner.get("/v1/customers", headers=plain)).status_code == 401

    for _ in range(2):
        assert (await world.admin.delete(f"/v1/keys/{signer.signing.key_id}/public-key")).status_code == 204

    assert (await world.partner.get("/v1/customers", headers=plain)).status_code == 200


async def test_a_new_public_key_takes_the_place_of_the_old(world: World) -> None:
    signer, pair = await new_signer(world), new_pair("ecdsa-p384-sha384")
    path = f"/v1/keys/{signer.signing.key_id}/public-key"
    before = await head_of(world)

    for _ in range(2):
        assert (await world.admin.put(path, json={"publicKey": pem_of(pair)})).status_code == 200

    assert await head_of(world) == before + 1
    assert_refused(await signer.send("GET", "/v1/customers"), "not_verified")
    assert (await signer.send("GET", "/v1/customers", pair=pair)).status_code == 200


async def test_no_key_can_be_registered_for_nobody(world: World) -> None:
    issued = await issue_key(world.services, role="partner", name="gone")
    await world.services.execute(lambda: append(issued.key_id, revoke), actor="admin:console")
    body = {"publicKey": pem_of(new_pair("ed25519"))}
    customer = (await customers_at(world, "initiating"))[0].customer["id"]

    for key_id in (MISSING, issued.key_id, customer):
        assert_problem(await world.admin.put(f"/v1/keys/{key_id}/public-key", json=body), 404, "key_not_found")
        assert_problem(await world.admin.delete(f"/v1/keys/{key_id}/public-key"), 404, "key_not_found")
    assert_problem(await world.admin.delete(f"/v1/keys/{CANARY}/public-key"), 422, "malformed_id")
