"""Tokens: who logs in gets one for an hour, what others make lets nobody in, and none outlives its secret."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import OctKey
from pydantic import SecretStr

from infrastructure import ids
from infrastructure.access import jwts
from infrastructure.access.jwts import LONGEST, Remembered
from infrastructure.access.tokens import HEADER, LIFETIME, Tokens, token_key
from infrastructure.api_keys import Caller
from infrastructure.key_changes import IssuedKey, issue_key, revoke_key, rotate_key
from infrastructure.keys.deployment import load_keys
from infrastructure.keys.sources import KeySource
from infrastructure.settings import Settings
from tests.support.http import assert_problem
from tests.support.tokens import EVIL, call, claims_of, forged, log_in, our_key, token_of, unsigned
from tests.support.world import World

pytestmark = pytest.mark.anyio

CALLER: Final = Caller(uuid4(), "officer", None, "Jo Name", "officer:x")
TOKENS: Final = Tokens([b"k" * 32], ids.now)
TOLD: Final = 'Bearer realm="gatehouse", error="invalid_token"'


@pytest.fixture
async def auditor(world: World) -> IssuedKey:
    return await issue_key(world.services, role="auditor", name="Jo Name")


def claims_in(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def test_a_key_and_its_secret_give_a_token_for_an_hour(world: World, auditor: IssuedKey) -> None:
    before = world.clock()
    answer = await log_in(world, auditor)

    assert answer.status_code == 200
    assert list(answer.json()) == ["token", "expiresAt", "tokenType"]
    assert answer.json()["tokenType"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
    left = datetime.fromisoformat(answer.json()["expiresAt"]) - before
    assert LIFETIME - timedelta(seconds=1) <= left <= LIFETIME + timedelta(seconds=5)
    assert (await call(world, answer.json()["token"])).status_code == 200


async def test_a_token_has_the_role_of_its_key_and_no_other(world: World, auditor: IssuedKey) -> None:
    token = await token_of(world, auditor)

    assert (await call(world, token, "/v1/audit/keys")).status_code == 200
    assert_problem(await call(world, token, "/v1/keys"), 403, "forbidden")


async def test_a_token_says_nothing_of_anybody(world: World, auditor: IssuedKey) -> None:
    token = await token_of(world, auditor)

    assert set(claims_in(token)) == {"iss", "aud", "sub", "gen", "iat", "exp"}
    assert claims_in(token)["sub"] == str(auditor.key_id)
    assert auditor.key not in token


async def test_a_text_that_no_credential_is_as_long_as_lets_nobody_in(world: World) -> None:
    for text in ("x" * 30_000, "x" * 15_000 + "." + "x" * 15_000 + ".x"):
        assert_problem(await call(world, text), 401, "unauthenticated")


async def test_a_token_ends_after_its_hour(world: World, auditor: IssuedKey) -> None:
    token = await token_of(world, auditor)

    with world.clock.moved(LIFETIME - timedelta(seconds=30)):
        assert (await call(world, token)).status_code == 200
    with world.clock.moved(LIFETIME):
        refused = await call(world, token)
    assert_problem(refused, 401, "unauthenticated")
    assert refused.headers["www-authenticate"] == TOLD


async def test_a_secret_is_a_bearer_credential_as_before(world: World, auditor: IssuedKey) -> None:
    assert (await call(world, auditor.key)).status_code == 200


async def test_who_has_the_wrong_secret_hears_what_who_names_no_key_hears(world: World, auditor: IssuedKey) -> None:
    other = await issue_key(world.services, role="auditor", name="other")
    nobody = IssuedKey(uuid4(), "auditor", "nobody", None, auditor.key)

    answers = [await log_in(world, auditor, secret) for secret in ("wrong", other.key)]
    answers.append(await log_in(world, nobody))

    for answer in answers:
        assert_problem(answer, 401, "invalid_credentials")
        assert answer.headers["www-authenticate"] == 'Bearer realm="gatehouse"'
    assert len({answer.content for answer in answers}) == 1


async def test_a_revoked_key_gives_no_token_and_ends_those_that_it_gave(world: World, auditor: IssuedKey) -> None:
    token = await token_of(world, auditor)
    assert (await call(world, token)).status_code == 200

    await revoke_key(world.services, auditor.key_id)

    for bearer in (token, auditor.key):
        refused = await call(world, bearer)
        assert_problem(refused, 401, "unauthenticated")
        assert refused.headers["www-authenticate"] == TOLD
    assert_problem(await log_in(world, auditor), 401, "invalid_credentials")


async def test_another_secret_ends_the_one_before_and_its_tokens(world: World, auditor: IssuedKey) -> None:
    token = await token_of(world, auditor)
    assert (await call(world, token)).status_code == 200

    rotated = await rotate_key(world.services, auditor.key_id)

    assert (rotated.key_id, rotated.role, rotated.name) == (auditor.key_id, "auditor", "Jo Name")
    for bearer in (token, auditor.key):
        assert_problem(await call(world, bearer), 401, "unauthenticated")
    assert_problem(await log_in(world, auditor), 401, "invalid_credentials")
    for bearer in (rotated.key, await token_of(world, rotated)):
        assert (await call(world, bearer)).status_code == 200


Forge = Callable[[World, IssuedKey], str]


def honestly_signed(**others: object) -> Forge:
    """A token that only its claims speak against."""
    return lambda world, issued: forged(claims_of(issued, **others), our_key(world))


HOSTILE: Final[dict[str, Forge]] = {
    "another key": lambda _, issued: forged(claims_of(issued)),
    "the undivided secret": lambda world, issued: forged(
        claims_of(issued), OctKey.import_key(world.services.keys.cursor)
    ),
    "no algorithm": lambda _, issued: unsigned({"alg": "none", "typ": "at+jwt"}, claims_of(issued)),
    "no signature": lambda _, issued: unsigned(HEADER, claims_of(issued)),
    "another algorithm": lambda world, issued: forged(
        claims_of(issued), our_key(world), header=HEADER | {"alg": "HS512"}
    ),
    "another type": lambda world, issued: forged(claims_of(issued), our_key(world), header=HEADER | {"typ": "JWT"}),
    "a key of its own": lambda _, issued: forged(
        claims_of(issued), header=HEADER | {"jwk": {"kty": "oct", "k": EVIL.as_dict()["k"]}}
    ),
    "another issuer": honestly_signed(iss="https://issuer.example"),
    "another audience": honestly_signed(aud="gatehouse"),
    "no issuer": honestly_signed(iss=None),
    "no audience": honestly_signed(aud=None),
    "no subject": honestly_signed(sub=None),
    "no secret's number": honestly_signed(gen=None),
    "no end": honestly_signed(exp=None),
    "no beginning": honestly_signed(iat=None),
    "an end that is no number": honestly_signed(exp="never"),
    "a subject that is no key": honestly_signed(sub="x"),
    "a key that nobody has": honestly_signed(sub=str(uuid4())),
    "a secret that is yet to come": honestly_signed(gen=2),
    "expired": honestly_signed(exp=1_700_000_000),
    "of the future": honestly_signed(iat=4_000_000_000, exp=4_000_003_600),
    "huge": honestly_signed(filler="x" * LONGEST),
    "deep": lambda *_: unsigned(HEADER, json.loads("[" * 400 + "]" * 400)),
    "odd header": lambda _, issued: unsigned({"alg": [], "crit": 5}, claims_of(issued), "AAAA"),
    "dots": lambda *_: "...",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_others_make_lets_nobody_in(world: World, auditor: IssuedKey, name: str) -> None:
    assert (await call(world, forged(claims_of(auditor), our_key(world)))).status_code == 200

    refused = await call(world, HOSTILE[name](world, auditor))

    assert_problem(refused, 401, "unauthenticated")
    assert refused.headers["www-authenticate"] == TOLD


async def test_a_token_of_a_clock_that_is_a_little_ahead_is_taken(world: World, auditor: IssuedKey) -> None:
    ahead = int(ids.now().timestamp()) + 5

    assert (await call(world, forged(claims_of(auditor, iat=ahead), our_key(world)))).status_code == 200


def test_a_token_that_was_edited_anywhere_is_none() -> None:
    token, _ = TOKENS.issue(CALLER)
    assert TOKENS.read(token)

    for place in range(len(token) - 1):  # the last digit has bits that say nothing
        edited = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert TOKENS.read(edited) is None


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))))
def test_no_text_is_a_token_or_a_fault(text: str) -> None:
    head = TOKENS.issue(CALLER)[0].partition(".")[0]

    for token in (text, f"{head}.{text}", f"{head}.{text}.{text}"):
        assert TOKENS.read(token) is None


def test_while_a_key_is_replaced_tokens_of_the_one_before_are_good() -> None:
    before = Tokens([b"1" * 32], ids.now)
    after = Tokens([b"2" * 32, b"1" * 32], ids.now)
    later = Tokens([b"2" * 32], ids.now)
    old, new = before.issue(CALLER)[0], after.issue(CALLER)[0]

    assert [bool(after.read(token)) for token in (old, new)] == [True, True]
    assert [bool(later.read(token)) for token in (old, new)] == [False, True]
    assert before.read(new) is None


def test_the_key_before_is_read_where_keys_come_from(tmp_path: Path) -> None:
    first, source = load_keys(tmp_path, generate=True), KeySource(tmp_path)
    assert first.token_secrets == (first.cursor,)
    source.succeed("cursor")

    assert load_keys(source, generate=False).token_secrets == (source.read("cursor"), first.cursor)
    given = Settings(data=tmp_path, cursor_previous_key=SecretStr("ab" * 32)).key_source
    assert load_keys(given, generate=True).token_secrets[1] == bytes.fromhex("ab" * 32)


def test_the_key_of_tokens_is_not_the_one_that_it_comes_from() -> None:
    assert token_key(b"k" * 32).raw_value not in {b"k" * 32, token_key(b"l" * 32).raw_value}


def test_what_is_remembered_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwts, "REMEMBERED", 2)
    remembered: Remembered[int] = Remembered()

    for number, token in enumerate(("a", "b", "c")):
        remembered.put(token, number)

    assert [remembered.get(token) for token in ("a", "b", "c")] == [None, 1, 2]
