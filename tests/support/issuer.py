"""An OIDC issuer of the test's own: a real server with real keys, which rotates them, breaks, and comes back."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from warnings import catch_warnings, simplefilter

from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from infrastructure.access.issuer_keys import DISCOVERY
from tests.support.raw_server import RawServer, Reply, Request, as_json, raw_server

AUDIENCE: Final = "gatehouse"
ROLES: Final = {"kyc-officers": "officer", "internal-audit": "auditor", "platform": "admin"}
NOT_FOUND: Final = Reply(404)
MOVED: Final = Reply(302, headers={"location": "/keys"})
_KEYS: Final[dict[str, Key]] = {
    "RS256": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "EdDSA": OKPKey.generate_key("Ed25519"),
}


def key_of(algorithm: str) -> Key:
    """A key for this algorithm: the same for all tests, for they take long to make."""
    return _KEYS[algorithm]


@dataclass
class Issuer:
    """What the server says, and tokens of its keys."""

    url: str = ""
    server: RawServer | None = None
    keys: dict[str, tuple[Key, str]] = field(default_factory=dict)
    """By id, with the algorithm that tokens are signed by."""
    configuration: dict[str, Any] = field(default_factory=dict)
    """Said beside what is honest, or in its place."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with the keys."""
    broken: Reply | None = None
    """Said to whatever is asked."""
    jwks: object = None
    """Said in place of the keys."""

    def respond(self, request: Request) -> Reply:
        if self.broken is not None:
            return self.broken
        if request.path == DISCOVERY:
            return as_json({"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.configuration)
        if request.path == "/keys":
            said = as_json(self.jwks if self.jwks is not None else {"keys": self.published()})
            return Reply(200, said.body, self.headers)
        return MOVED if request.path == "/moved" else NOT_FOUND

    def published(self) -> list[dict[str, Any]]:
        """The keys as the set shows them."""
        return [dict(key.as_dict(private=False)) | {"kid": kid} for kid, (key, _) in self.keys.items()]

    def asked(self) -> int:
        """How often it was asked for its keys."""
        return sum(request.path == "/keys" for request in self.server.requests) if self.server else 0

    def token(self, kid: str = "one", **others: object) -> str:
        """A token of an officer, but for what a test says instead; None leaves a claim out."""
        return self.claiming(others, kid)

    def claiming(self, others: dict[str, Any], kid: str = "one") -> str:
        """The same for claims of any name."""
        key, algorithm = self.keys[kid]
        return self.signed(key, {"alg": algorithm, "kid": kid}, others)

    def signed(self, key: Key, header: dict[str, Any], others: dict[str, Any] | None = None) -> str:
        """The same by any key, with any header."""
        now = int(time.time())
        honest = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "jo@example.com",
            "iat": now,
            "exp": now + 300,
            "roles": ["kyc-officers", "everybody"],
        }
        claims = {name: value for name, value in (honest | (others or {})).items() if value is not None}
        with catch_warnings():
            simplefilter("ignore", SecurityWarning)  # of EdDSA, whose name says no curve
            return jwt.encode(header, claims, key, [header["alg"]])


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """An issuer with one key, `one`, until the context is left."""
    issuer = Issuer(keys={"one": (key_of("ES256"), "ES256")})
    async with raw_server(issuer.respond) as server:
        issuer.server, issuer.url = server, server.url
        yield issuer
