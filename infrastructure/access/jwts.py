"""JSON Web Tokens, opened strictly: one algorithm for a key, bounded before anything is read, one refusal for all."""

from collections import OrderedDict
from hashlib import sha256
from typing import Final, Generic, TypeVar
from warnings import catch_warnings, simplefilter

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeyFlexible
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

LONGEST: Final = 8192
"""Characters of a token. Those of large identity providers have two or three thousand."""
REMEMBERED: Final = 10_000
"""Tokens whose meaning is remembered."""
T = TypeVar("T")


class BadToken(Exception):
    """The token proves nothing: whatever is wrong with it, whoever sent it is told no more."""


def opened(
    text: str,
    key: KeyFlexible,
    algorithms: list[str],
    claims: JWTClaimsRegistry,
    *,
    registry: JWSRegistry | None = None,
) -> jwt.Token:
    """The token with its claims, which are as `claims` asks. Raises `BadToken`."""
    if len(text) > LONGEST:
        raise BadToken
    try:
        with catch_warnings():
            simplefilter("ignore", SecurityWarning)  # EdDSA names no curve (RFC 9864), but its key does
            token = jwt.decode(text, key, algorithms, registry)
        claims.validate(token.claims)
    except (JoseError, TypeError, ValueError, RecursionError):  # the library's own, and what odd JSON does to it
        raise BadToken from None
    return token


class Remembered(Generic[T]):
    """What tokens were found to mean, by their SHA-256, so that each is verified once. The oldest gives way."""

    def __init__(self) -> None:
        self._meanings: OrderedDict[bytes, T] = OrderedDict()

    def get(self, token: str) -> T | None:
        """What the token means, where that is known."""
        return self._meanings.get(_digest(token))

    def put(self, token: str, meaning: T) -> None:
        """Remember what was verified."""
        self._meanings[_digest(token)] = meaning
        if len(self._meanings) > REMEMBERED:
            self._meanings.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._meanings.clear()


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
