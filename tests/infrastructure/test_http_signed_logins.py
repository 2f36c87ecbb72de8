"""Logins with a key that has a public key: a token is given to whoever signs for it, and for the very body."""

import json
from dataclasses import dataclass
from typing import Final

import httpx2
import pytest

from infrastructure.http import refusal_timing
from infrastructure.key_changes import issue_key
from tests.support.http import assert_problem
from tests.support.signing import Signing, assert_refused, digest_of, new_pair, pem_of
from tests.support.tokens import call, log_in
from tests.support.world import World

pytestmark = pytest.mark.anyio

LOGIN: Final = "/v1/auth/token"
COVERED: Final = ("@method", "@target-uri")


@dataclass
class Login:
    """Who has a key with its secret, and the pair that goes with it."""

    world: World
    signing: Signing
    body: bytes

    async def send(self, digest: str, *, signed: bool = True) -> httpx2.Response:
        """Send the body with a digest, which may be left out of what is signed, and be missing."""
        async with httpx2.AsyncClient(base_url=self.world.url, timeout=30) as client:
            headers = {"content-type": "application/json", "content-digest": digest if signed else ""}
            request = client.build_request("POST", LOGIN, content=self.body, headers=headers)
            if not signed:
                del request.headers["content-digest"]
            request.headers.update(self.signing.headers(request))
            if digest:
                request.headers["content-digest"] = digest
            return await client.send(request)


@pytest.fixture(autouse=True)
def _not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_timing, "HELD_BACK", (0.0, 0.0))


@pytest.fixture
async def login(world: World) -> Login:
    issued = await issue_key(world.services, role="partner", name="signs")
    pair = new_pair("ed25519")
    answer = await world.admin.put(f"/v1/keys/{issued.key_id}/public-key", json={"publicKey": pem_of(pair)})
    assert answer.status_code == 200, answer.text
    assert_problem(await log_in(world, issued), 401, "request_signature_required")
    body = json.dumps({"apiKey": str(issued.key_id), "apiSecret": issued.key}).encode()
    return Login(world, Signing(str(issued.key_id), pair, covered=COVERED), body)


async def test_a_signed_login_gets_a_token_that_calls_nothing_unsigned(login: Login) -> None:
    answer = await login.send(digest_of(login.body))

    assert answer.status_code == 200, answer.text
    assert_problem(await call(login.world, answer.json()["token"]), 401, "request_signature_required")


async def test_a_login_is_held_against_its_digest(login: Login) -> None:
    for other in (b"", b"another body", login.body + b" "):
        assert_refused(await login.send(digest_of(other)), "wrong_digest")


async def test_a_login_whose_digest_is_not_signed_is_refused(login: Login) -> None:
    for digest in ("", digest_of(login.body)):
        assert_refused(await login.send(digest, signed=False), "not_covered")
