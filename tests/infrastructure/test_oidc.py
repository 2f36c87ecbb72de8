"""Persons of an OIDC issuer: whom its tokens let in, and what becomes of them while it rotates keys or is away."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import httpx2
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from infrastructure import ids
from infrastructure.access import issuer_keys
from infrastructure.access.issuer_keys import AGAIN, KEPT, LARGEST, LONGEST, MOST_KEYS, SHORTEST, UNSAID, IssuerKeys
from infrastructure.access.persons import LEEWAY, NoRole, Persons, Trust
from infrastructure.api_keys import Caller
from tests.infrastructure.test_http_keys import Stopwatch
from tests.support.issuer import AUDIENCE, ROLES, Issuer, issuing, key_of
from tests.support.raw_server import Reply, as_json

pytestmark = pytest.mark.anyio

RSA: Final = RSAKey.import_key(key_of("RS256").as_dict(private=True))


def now() -> float:
    return ids.now().timestamp()


@dataclass
class Desk:
    """A process of ours that trusts an issuer, and the hands of its clock."""

    issuer: Issuer
    persons: Persons
    watch: Stopwatch

    async def find(self, token: str, *, at: float | None = None) -> Caller | None:
        """Whom a token lets in."""
        return await self.persons.find(token, now() if at is None else at, newest=True)


def fingerprint(text: str) -> str:
    return sha256(b"key" + text.encode()).hexdigest()


def persons(issuer: Issuer, client: httpx2.AsyncClient, *, https_only: bool = False, claim: str = "roles") -> Persons:
    trust = Trust(issuer.url, AUDIENCE, claim, ROLES)  # type: ignore[arg-type] # roles that are
    return Persons(trust, IssuerKeys(issuer.url, client, https_only=https_only), fingerprint)


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
async def desk(client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    watch = Stopwatch()
    monkeypatch.setattr(issuer_keys, "monotonic", watch)
    async with issuing() as issuer:
        yield Desk(issuer, persons(issuer, client), watch)


async def asked_in_passing(desk: Desk, times: int) -> None:
    """Wait until the issuer's answer was taken, which nobody waited for."""
    asking = desk.persons._keys._asking  # noqa: SLF001 -- the task that goes on by itself
    assert asking
    await asking
    assert desk.issuer.asked() == times


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_person_is_let_in_by_each_algorithm(desk: Desk, algorithm: str) -> None:
    desk.issuer.keys = {"one": (key_of(algorithm), algorithm)}

    caller = await desk.find(desk.issuer.token())

    assert caller is not None
    assert (caller.role, caller.partner) == ("officer", None)


async def test_a_person_is_the_same_at_every_login_and_nobodys_name(desk: Desk) -> None:
    first = await desk.find(desk.issuer.token())
    again = await desk.find(desk.issuer.token(iat=int(now()) - 5, roles="internal-audit"))
    other = await desk.find(desk.issuer.token(sub="bo@example.com"))

    assert first
    assert again
    assert other
    assert (first.actor, first.key_id) == (again.actor, again.key_id)
    assert first.actor == f"oidc:{first.key_id}"
    assert other.actor != first.actor
    assert again.role == "auditor"
    assert "jo" not in str(first)


async def test_an_audience_may_be_one_of_several(desk: Desk) -> None:
    assert await desk.find(desk.issuer.token(aud=["another", AUDIENCE]))


async def test_a_role_may_lie_further_inside(desk: Desk, client: httpx2.AsyncClient) -> None:
    inside = persons(desk.issuer, client, claim="realm_access.roles")
    named = persons(desk.issuer, client, claim="https://x.example/roles")
    nested = desk.issuer.token(roles=None, realm_access={"roles": ["platform"]})
    flat = desk.issuer.claiming({"roles": None, "https://x.example/roles": ["platform"]})

    callers = [await inside.find(nested, now(), newest=True), await named.find(flat, now(), newest=True)]

    assert [caller.role for caller in callers if caller] == ["admin", "admin"]


async def test_what_a_role_lies_in_may_have_dots_in_its_name(desk: Desk, client: httpx2.AsyncClient) -> None:
    of_a_client = persons(desk.issuer, client, claim="resource_access.example.gatehouse.roles")
    given = {"example.gatehouse": {"roles": ["platform"]}, "example": {"roles": ["internal-audit"]}}

    caller = await of_a_client.find(desk.issuer.token(roles=None, resource_access=given), now(), newest=True)

    assert caller is not None
    assert caller.role == "admin"


@pytest.mark.parametrize("claim", ["scope", "scp"])
async def test_a_scope_has_its_values_with_spaces_between_them(
    desk: Desk, client: httpx2.AsyncClient, claim: str
) -> None:
    scoped = persons(desk.issuer, client, claim=claim)

    caller = await scoped.find(desk.issuer.token(roles=None, **{claim: "openid platform"}), now(), newest=True)

    assert caller is not None
    assert caller.role == "admin"
    with pytest.raises(NoRole):
        await desk.find(desk.issuer.token(roles="openid platform"))


@pytest.mark.parametrize(
    "roles",
    [None, [], "everybody", ["everybody"], ["kyc-officers", "platform"], {"kyc-officers": 1}, 5, [["platform"]]],
)
async def test_who_has_no_role_here_or_several_is_let_in_with_none(desk: Desk, roles: object) -> None:
    token = desk.issuer.token(roles=roles)

    for _ in range(2):
        with pytest.raises(NoRole):
            await desk.find(token)


CLAIMS: Final[dict[str, dict[str, object]]] = {
    "another issuer": {"iss": "https://issuer.example"},
    "another audience": {"aud": "another"},
    "other audiences": {"aud": ["another", "one more"]},
    "no issuer": {"iss": None},
    "no audience": {"aud": None},
    "no subject": {"sub": None},
    "a subject that is no text": {"sub": 5},
    "an empty subject": {"sub": ""},
    "a long subject": {"sub": "x" * 256},
    "no end": {"exp": None},
    "no beginning": {"iat": None},
    "expired": {"exp": int(now()) - LEEWAY - 5},
    "not yet": {"nbf": int(now()) + LEEWAY + 3600},
    "of the future": {"iat": int(now()) + LEEWAY + 3600},
    "an end that is no number": {"exp": "never"},
    "huge": {"filler": "x" * 8192},
}


@pytest.mark.parametrize("name", CLAIMS)
async def test_a_token_whose_claims_do_not_hold_lets_nobody_in(desk: Desk, name: str) -> None:
    assert await desk.find(desk.issuer.token())

    assert await desk.find(desk.issuer.claiming(CLAIMS[name])) is None


async def test_a_subject_that_cannot_be_written_lets_nobody_in(desk: Desk) -> None:
    """JSON can escape half of a character, of which UTF-8 has none."""
    key, algorithm = desk.issuer.keys["one"]
    honest = urlsafe_b64decode(desk.issuer.token().split(".")[1] + "==")
    odd = honest.replace(b"jo@example.com", rb"\ud800")

    token = jws.serialize_compact({"alg": algorithm, "kid": "one"}, odd, key)

    assert await desk.find(token) is None


async def test_clocks_may_differ_a_little(desk: Desk) -> None:
    second = int(now())

    assert await desk.find(desk.issuer.token(exp=second - LEEWAY + 10))
    assert await desk.find(desk.issuer.token(iat=second + LEEWAY - 10, nbf=second + LEEWAY - 10))


async def test_a_token_that_was_let_in_ends_when_it_says(desk: Desk) -> None:
    token = desk.issuer.token()
    assert await desk.find(token)

    assert await desk.find(token, at=now() + 290)
    assert await desk.find(token, at=now() + 300 + LEEWAY) is None


Forge = Callable[[Issuer], str]
FORGED: Final[dict[str, Forge]] = {
    "another key": lambda issuer: issuer.signed(ECKey.generate_key("P-256"), {"alg": "ES256", "kid": "one"}),
    "the public key as a secret": lambda issuer: issuer.signed(
        OctKey.import_key(str(RSA.as_dict(private=False)["n"])), {"alg": "HS256", "kid": "rsa"}
    ),
    "a longer hash": lambda issuer: issuer.signed(key_of("RS256"), {"alg": "RS512", "kid": "rsa"}),
    "another algorithm of the key": lambda issuer: issuer.signed(key_of("RS256"), {"alg": "PS256", "kid": "rsa"}),
    "a key of its own": lambda issuer: issuer.signed(
        ECKey.generate_key("P-256"), {"alg": "ES256", "kid": "one", "jwk": key_of("ES256").as_dict(private=False)}
    ),
    "no key's id": lambda issuer: issuer.signed(key_of("ES256"), {"alg": "ES256"}),
    "an id that nobody has": lambda issuer: issuer.signed(key_of("ES256"), {"alg": "ES256", "kid": "none"}),
    "another key's id": lambda issuer: issuer.signed(key_of("ES256"), {"alg": "ES256", "kid": "rsa"}),
    "no token": lambda _: "a.b.c",
    "not ASCII": lambda _: "é.é.é",
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_token_that_the_issuer_did_not_sign_lets_nobody_in(desk: Desk, name: str) -> None:
    desk.issuer.keys["rsa"] = (key_of("RS256"), "RS256")
    assert await desk.find(desk.issuer.token())
    assert await desk.find(desk.issuer.token("rsa"))

    assert await desk.find(FORGED[name](desk.issuer)) is None


@pytest.mark.parametrize("published", [{"kid": "one"}, {}], ids=["named", "nameless"])
async def test_an_issuer_with_one_key_need_not_name_it(desk: Desk, published: dict[str, str]) -> None:
    key = key_of("ES256")
    desk.issuer.jwks = {"keys": [{**key.as_dict(private=False), **published}]}
    assert "kid" not in key.as_dict(private=False)

    assert await desk.find(desk.issuer.signed(key, {"alg": "ES256"}))
    assert await desk.find(desk.issuer.signed(ECKey.generate_key("P-256"), {"alg": "ES256"})) is None


async def test_a_key_that_nobody_names_may_be_a_new_one(desk: Desk) -> None:
    old, new = key_of("ES256"), ECKey.generate_key("P-256")
    desk.issuer.jwks = {"keys": [old.as_dict(private=False)]}
    tokens = [desk.issuer.signed(key, {"alg": "ES256"}) for key in (old, new)]
    assert [bool(await desk.find(token)) for token in tokens] == [True, False]

    desk.issuer.jwks = {"keys": [new.as_dict(private=False)]}
    desk.watch.now += AGAIN

    assert [bool(await desk.find(token)) for token in reversed(tokens)] == [True, False]
    assert desk.issuer.asked() == 2


UNFIT: Final[dict[str, dict[str, Any]]] = {
    "for encryption": {"use": "enc"},
    "for another algorithm": {"alg": "ES384"},
    "private": dict(key_of("ES256").as_dict(private=True)),
    "of another curve": dict(ECKey.generate_key("P-384").as_dict(private=False)),
    "of another curve of Edwards'": dict(OKPKey.generate_key("Ed448").as_dict(private=False)),
    "short": {"kty": "RSA", "e": "AQAB", "n": urlsafe_b64encode(b"\xff" * 128).decode().rstrip("=")},
    "symmetric": {"kty": "oct", "k": "c2VjcmV0"},
    "of no curve": {"crv": "P-999"},
    "off the curve": {"x": "AQAB"},
    "of no type": {"kty": []},
    "without a name": {"kid": 5},
}


@pytest.mark.parametrize("use", [{"use": "enc"}, {"alg": "RS512"}, {"alg": "RSA-OAEP"}], ids=str)
async def test_a_key_for_another_use_does_not_take_the_place_of_one_with_its_id(
    desk: Desk, use: dict[str, str]
) -> None:
    desk.issuer.keys = {"one": (key_of("RS256"), "RS256")}
    (ours,) = desk.issuer.published()
    desk.issuer.jwks = {"keys": [ours | {"use": "sig", "alg": "RS256"}, ours | use]}

    assert await desk.find(desk.issuer.token())


@pytest.mark.parametrize("name", UNFIT)
async def test_a_key_that_is_unfit_is_left_out_and_others_are_not(desk: Desk, name: str) -> None:
    desk.issuer.keys["two"] = (key_of("EdDSA"), "EdDSA")
    first, second = desk.issuer.published()
    desk.issuer.jwks = {
        "keys": [{"kid": "one"} | (UNFIT[name] if "kty" in UNFIT[name] else first | UNFIT[name]), second]
    }

    assert await desk.find(desk.issuer.token("two"))
    assert await desk.find(desk.issuer.token("one")) is None


async def test_keys_are_asked_for_once_for_all_who_wait(desk: Desk) -> None:
    tokens = [desk.issuer.token(sub=f"person {number}") for number in range(20)]

    callers = await asyncio.gather(*(desk.find(token) for token in tokens))

    assert None not in callers
    assert desk.issuer.asked() == 1


async def test_a_new_key_is_found_when_it_is_first_used(desk: Desk) -> None:
    assert await desk.find(desk.issuer.token())
    desk.issuer.keys["two"] = (key_of("RS256"), "RS256")
    desk.watch.now += AGAIN

    assert await desk.find(desk.issuer.token("two"))
    assert desk.issuer.asked() == 2


async def test_unknown_keys_in_masses_are_asked_for_once_in_a_while(desk: Desk) -> None:
    assert await desk.find(desk.issuer.token())
    unknown = [desk.issuer.signed(key_of("ES256"), {"alg": "ES256", "kid": f"k{number}"}) for number in range(50)]

    await asyncio.gather(*(desk.find(token) for token in unknown))
    assert desk.issuer.asked() == 1
    desk.watch.now += AGAIN
    await asyncio.gather(*(desk.find(token) for token in unknown))

    assert desk.issuer.asked() == 2


async def test_who_must_wait_anyway_does_not_have_the_issuer_asked(desk: Desk) -> None:
    assert await desk.find(desk.issuer.token())
    desk.issuer.keys["two"] = (key_of("RS256"), "RS256")
    desk.watch.now += AGAIN

    assert await desk.persons.find(desk.issuer.token("two"), now(), newest=False) is None
    assert desk.issuer.asked() == 1


async def test_a_key_that_the_issuer_withdrew_ends_with_what_it_signed(desk: Desk) -> None:
    desk.issuer.keys["two"] = (key_of("EdDSA"), "EdDSA")
    tokens = [desk.issuer.token("one"), desk.issuer.token("two")]
    assert all([await desk.find(token) for token in tokens])
    del desk.issuer.keys["one"]

    desk.watch.now += UNSAID
    await desk.find(tokens[1])
    await asked_in_passing(desk, 2)

    assert [bool(await desk.find(token)) for token in tokens] == [False, True]


@pytest.mark.parametrize(
    ("said", "fresh"),
    [
        ("", UNSAID),
        ("public, max-age=900", 900),
        ("max-age=1", SHORTEST),
        ("max-age=999999999", LONGEST),
        ("no-store", SHORTEST),
        ("s-maxage=5", UNSAID),
    ],
)
async def test_keys_are_fresh_for_as_long_as_the_issuer_says_within_bounds(desk: Desk, said: str, fresh: int) -> None:
    desk.issuer.headers = {"cache-control": said} if said else {}
    token = desk.issuer.token()
    assert await desk.find(token)

    desk.watch.now += fresh - 1
    assert await desk.find(token)
    assert desk.issuer.asked() == 1
    desk.watch.now += 1
    assert await desk.find(token)
    await asked_in_passing(desk, 2)

    assert desk.issuer.asked() == 2


BROKEN: Final[dict[str, Reply]] = {
    "away": Reply(raw=b""),
    "failing": Reply(503, b"{}"),
    "elsewhere": Reply(302, b"", {"location": "/elsewhere"}),
    "not JSON": Reply(200, b"<html>"),
    "no object": as_json([]),
    "deep": Reply(200, b"[" * 100_000),
    "huge": Reply(200, b" " * (LARGEST + 1)),
    "packed": Reply(200, b"{}", {"content-encoding": "gzip"}),
    "cut short": Reply(200, b"{", length=1000),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_while_the_issuer_is_away_what_is_kept_goes_on_and_nothing_else(desk: Desk, name: str) -> None:
    known = desk.issuer.token()
    assert await desk.find(known)
    desk.issuer.broken = BROKEN[name]
    desk.issuer.keys["two"] = (key_of("RS256"), "RS256")

    desk.watch.now += LONGEST
    assert await desk.find(known)
    assert await desk.find(desk.issuer.token(sub="somebody new"))
    assert await desk.find(desk.issuer.token("two")) is None

    desk.issuer.broken = None
    desk.watch.now += AGAIN
    assert await desk.find(desk.issuer.token("two"))


async def test_after_a_day_without_the_issuer_nobody_is_let_in(desk: Desk) -> None:
    token = desk.issuer.token()
    assert await desk.find(token)
    desk.issuer.broken = BROKEN["away"]

    desk.watch.now += KEPT

    assert await desk.find(token) is None


DISHONEST: Final[dict[str, dict[str, Any]]] = {
    "another issuer's": {"issuer": "https://issuer.example"},
    "no address": {"jwks_uri": None},
    "a file": {"jwks_uri": "file:///etc/passwd"},
    "nonsense": {"jwks_uri": "http://[::"},
    "huge": {"filler": "x" * LARGEST},
}


@pytest.mark.parametrize("name", DISHONEST)
async def test_a_configuration_that_is_not_the_issuers_own_is_none(desk: Desk, name: str) -> None:
    desk.issuer.configuration = DISHONEST[name]

    assert await desk.find(desk.issuer.token()) is None


async def test_keys_that_have_moved_are_not_followed(desk: Desk) -> None:
    desk.issuer.configuration = {"jwks_uri": f"{desk.issuer.url}/moved"}

    assert await desk.find(desk.issuer.token()) is None
    assert desk.issuer.asked() == 0


@pytest.mark.parametrize("jwks", [{}, {"keys": {}}, {"keys": [{}] * (MOST_KEYS + 1)}, {"keys": [5, None, []]}])
async def test_a_set_of_keys_that_is_none_lets_nobody_in(desk: Desk, jwks: object) -> None:
    desk.issuer.jwks = jwks

    assert await desk.find(desk.issuer.token()) is None


async def test_only_https_is_asked_where_nothing_else_will_do(desk: Desk, client: httpx2.AsyncClient) -> None:
    strict = persons(desk.issuer, client, https_only=True)

    assert await strict.find(desk.issuer.token(), now(), newest=True) is None
    assert desk.issuer.server
    assert desk.issuer.server.requests == []


async def test_an_issuer_that_is_silent_is_waited_for_in_bounds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "DEADLINE", 0.05)
    for broken in (Reply(silent=True), Reply(200, b"{", drip=True, length=1000)):
        desk.issuer.broken = broken
        desk.watch.now += AGAIN

        assert await desk.find(desk.issuer.token()) is None


async def test_two_issuers_persons_are_not_the_same(desk: Desk, client: httpx2.AsyncClient) -> None:
    async with issuing() as another:
        first = await desk.find(desk.issuer.token())
        other = await persons(another, client).find(another.token(), now(), newest=True)

    assert first
    assert other
    assert replace(first, key_id=other.key_id, actor=other.actor) == other
    assert first.actor != other.actor
