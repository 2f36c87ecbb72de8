"""JSON Web Tokens, opened strictly: one algorithm for a key, bounded before anything is read, one refusal for all.

Issuers put into headers what they like, so an unknown one is no reason to refuse; what is `crit` must be understood.
"""

from collections import OrderedDict
from typing import Final, Generic, TypeVar
from warnings import catch_warnings, simplefilter

from joserfc import jws, jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeyFlexible
from joserfc.jws import JWSRegistry
from joserfc.jwt import Claims, JWTClaimsRegistry

LONGEST: Final = 8192
"""Characters of a token. Those of large identity providers have two or three thousand."""
ODD: Final = (JoseError, TypeError, ValueError, RecursionError)
"""What the library raises for bad tokens, and what odd JSON does to it."""
REMEMBERED: Final = 10_000
"""Tokens whose meaning is remembered."""
T = TypeVar("T")


class BadToken(Exception):
    """The token proves nothing: whatever is wrong with it, whoever sent it is told no more."""


def opened(text: str, key: KeyFlexible, algorithm: str, asked: JWTClaimsRegistry) -> Claims:
    """The token's claims, which are as they were asked to be. Raises `BadToken`."""
    if len(text) > LONGEST:
        raise BadToken
    registry = JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    try:
        with catch_warnings():
            simplefilter("ignore", SecurityWarning)  # EdDSA names no curve (RFC 9864), but its key does
            token = jwt.decode(text, key, registry=registry)
        asked.validate(token.claims)
    except ODD:
        raise BadToken from None
    return token.claims


def key_named(text: str) -> str | None:
    """The id of the key that a token says it is signed with, "" if it names none; nothing of it is verified yet."""
    if len(text) > LONGEST:
        return None
    registry = JWSRegistry(strict_check_header=False)
    try:
        kid = jws.extract_compact(text.encode("ascii"), registry=registry).headers().get("kid", "")
    except ODD:
        return None
    return kid if isinstance(kid, str) else None


class Remembered(Generic[T]):
    """What tokens were found to mean, so that each is verified once. The oldest gives way."""

    def __init__(self) -> None:
        self._meanings: OrderedDict[str, T] = OrderedDict()

    def get(self, token: str) -> T | None:
        """What the token means, where that is known."""
        return self._meanings.get(token)

    def put(self, token: str, meaning: T) -> None:
        """Remember what was verified."""
        self._meanings[token] = meaning
        if len(self._meanings) > REMEMBERED:
            self._meanings.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._meanings.clear()
