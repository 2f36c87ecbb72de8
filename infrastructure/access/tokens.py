"""Our own access tokens: JWTs for an hour, which say what key was shown and nothing of anybody.

A token names the key and how many secrets it has had. Whether that still holds is asked of the directory at each call,
so that a token ends with its secret.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry

from application.ports import Clock
from infrastructure.access.jwts import BadToken, Remembered, opened
from infrastructure.api_keys import Caller

LIFETIME: Final = timedelta(hours=1)
SKEW: Final = 10
"""Seconds by which another process' clock may be ahead. No token lives longer for it."""
ALGORITHM: Final = "HS256"
HEADER: Final = {"alg": ALGORITHM, "typ": "at+jwt"}
ISSUER: Final = "gatehouse"
AUDIENCE: Final = "gatehouse-api"
_LABEL: Final = b"gatehouse access tokens"


class Grant(NamedTuple):
    """What a token says: which key was shown, which of its secrets, and when the token ends."""

    key_id: UUID
    generation: int
    expires_at: float


class Tokens:
    """Issues tokens and reads them."""

    def __init__(self, secrets: Sequence[bytes], clock: Clock) -> None:
        """`secrets` are the deployment's: one to issue with, and any before it, whose tokens still hold."""
        self._keys = [token_key(secret) for secret in secrets]
        self._clock = clock
        self._head = jwt.encode(HEADER, {}, self._keys[0], [ALGORITHM], default_type=None).partition(".")[0] + "."
        self._remembered: Remembered[Grant] = Remembered()

    def issue(self, caller: Caller) -> tuple[str, datetime]:
        """A token for whoever has shown the key's secret, and when it ends."""
        now = self._clock().replace(microsecond=0)
        expires_at = now + LIFETIME
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(caller.key_id),
            "gen": caller.generation,
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        return jwt.encode(HEADER, claims, self._keys[0], [ALGORITHM], default_type=None), expires_at

    def read(self, token: str) -> Grant | None:
        """What a token of ours says; None where it is none, or has ended."""
        if not token.startswith(self._head):
            return None
        now = self._clock().timestamp()
        grant = self._remembered.get(token)
        if grant is None:
            grant = self._verified(token, now)
            if grant is not None:
                self._remembered.put(token, grant)
        return grant if grant is not None and now < grant.expires_at else None

    def _verified(self, token: str, now: float) -> Grant | None:
        asked = JWTClaimsRegistry(
            int(now),
            SKEW,
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            gen={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
        )
        for key in self._keys:
            try:
                claims = opened(token, key, ALGORITHM, asked)
                return Grant(UUID(claims["sub"]), int(claims["gen"]), claims["exp"])
            except (BadToken, ValueError):
                continue
        return None


def token_key(secret: bytes) -> OctKey:
    """A key for tokens alone (RFC 5869), so that what else the secret is for tells nothing of it."""
    return OctKey.import_key(HKDF(SHA256(), 32, salt=None, info=_LABEL).derive(secret))
