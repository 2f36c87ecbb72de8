"""Persons whom an OIDC issuer vouches for: officers, auditors and administrators, who need no API key.

In the log a person is a keyed hash of issuer and subject: the same at every login, and nobody's name. A token is
verified once, with the algorithm of the issuer's key, and again when the issuer's keys have changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID, uuid5

from joserfc.jwt import JWTClaimsRegistry

from application.ports import Fingerprint
from infrastructure.access.issuer_keys import IssuerKeys
from infrastructure.access.jwts import BadToken, Remembered, key_named, opened
from infrastructure.api_keys import Caller

LEEWAY: Final = 30
"""Seconds by which the issuer's clock and ours may differ."""
LONGEST_SUBJECT: Final = 255
"""OpenID Connect Core 1.0, 2."""
SCOPES: Final = frozenset({"scope", "scp"})
"""RFC 8693, 4.2, and Entra's name for it."""
PersonsRole = Literal["officer", "auditor", "admin"]
_PERSONS: Final = UUID("7d9f0e0c-1f4b-5a0e-9b7c-52f1f3f6c1a8")


class NoRole(Exception):
    """The issuer vouches for the person, who has no role here, or more than one."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom we trust for what: the issuer, ourselves as it knows us, and which values of which claim are which role."""

    issuer: str
    audience: str
    role_claim: str
    roles: Mapping[str, PersonsRole]


class _Meaning(NamedTuple):
    caller: Caller | None
    """None for a person without a role."""
    ends_at: float
    changes: int


class Persons:
    """Finds the person whom a token is about."""

    def __init__(self, trust: Trust, keys: IssuerKeys, fingerprint: Fingerprint) -> None:
        self._trust = trust
        self._keys = keys
        self._fingerprint = fingerprint
        self._remembered: Remembered[_Meaning] = Remembered()

    async def find(self, token: str, now: float, *, newest: bool) -> Caller | None:
        """Whom the token is about; None where it proves nothing. Raises `NoRole`.

        `newest`: the key that it names may be a new one, so ask the issuer.
        """
        await self._keys.look()
        meaning = self._remembered.get(token)
        if meaning is None or meaning.changes != self._keys.changes:
            meaning = await self._verified(token, now, newest=newest)
        if meaning is None or now >= meaning.ends_at:
            return None
        if meaning.caller is None:
            raise NoRole
        return meaning.caller

    async def _verified(self, token: str, now: float, *, newest: bool) -> _Meaning | None:
        kid = key_named(token)
        found = await self._keys.find(kid, newest=newest) if kid is not None else None
        if found is None:
            return None
        key, algorithm = found
        changes = self._keys.changes
        asked = JWTClaimsRegistry(
            int(now),
            LEEWAY,
            iss={"essential": True, "value": self._trust.issuer},
            aud={"essential": True, "value": self._trust.audience},
            sub={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
        )
        try:
            claims = opened(token, key, algorithm, asked)
        except BadToken:
            return None
        if len(claims["sub"]) > LONGEST_SUBJECT or not claims["sub"].isprintable():  # JSON has texts that UTF-8 has not
            return None
        meaning = _Meaning(self._person(claims), claims["exp"] + LEEWAY, changes)
        self._remembered.put(token, meaning)
        return meaning

    def _person(self, claims: dict[str, Any]) -> Caller | None:
        """The person in the one role that the issuer gives them."""
        values = _claimed(claims, self._trust.role_claim)
        roles = {self._trust.roles[value] for value in values if value in self._trust.roles}
        if len(roles) != 1:
            return None
        person = uuid5(_PERSONS, self._fingerprint(f"{self._trust.issuer}\n{claims['sub']}"))
        return Caller(person, roles.pop(), partner=None, name="", actor=f"oidc:{person}")


def _claimed(claims: dict[str, Any], name: str) -> list[str]:
    """The values of a claim: a list of texts, or a text, which is several with spaces between them if it is a scope."""
    value = _inside(claims, name)
    if isinstance(value, str):
        return value.split(" ") if name in SCOPES else [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _inside(claims: object, name: str) -> object:
    """What stands under a name or, with dots in it, further inside; what it lies in may have dots in its name, too."""
    if not isinstance(claims, dict):
        return None
    found = claims.get(name)
    ends = [at for at, character in enumerate(name) if character == "."]
    while found is None and ends:
        end = ends.pop(0)
        found = _inside(claims.get(name[:end]), name[end + 1 :])
    return found
