"""Tokens: honest ones by logging in, and others as whoever has some key, or none, would make them."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any, Final

import httpx2
from joserfc import jwt
from joserfc.jwk import OctKey

from infrastructure.access.tokens import ALGORITHM, AUDIENCE, HEADER, ISSUER, token_key
from infrastructure.key_changes import IssuedKey
from tests.support.world import World

EVIL: Final = OctKey.import_key(b"e" * 32)


async def log_in(world: World, issued: IssuedKey, secret: str | None = None) -> httpx2.Response:
    """What a login with a key is answered."""
    body = {"apiKey": str(issued.key_id), "apiSecret": secret or issued.key}
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as client:
        return await client.post("/v1/auth/token", json=body)


async def token_of(world: World, issued: IssuedKey) -> str:
    """A token for a key."""
    answer = await log_in(world, issued)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


async def call(world: World, bearer: str, path: str = "/v1/schemas") -> httpx2.Response:
    """What whoever shows this is answered where every role may look."""
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as client:
        return await client.get(path, headers={"Authorization": f"Bearer {bearer}"})


def claims_of(issued: IssuedKey, **others: object) -> dict[str, Any]:
    """What an honest token for a key says, and whatever a test says instead; None leaves a claim out."""
    now = int(time.time())
    honest = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(issued.key_id), "gen": 1, "iat": now, "exp": now + 3600}
    return {name: value for name, value in (honest | others).items() if value is not None}


def our_key(world: World) -> OctKey:
    """What this deployment signs tokens with."""
    return token_key(world.services.keys.cursor)


def forged(claims: dict[str, Any], key: OctKey = EVIL, *, header: dict[str, Any] | None = None) -> str:
    """A token with these claims."""
    head = HEADER if header is None else header
    return jwt.encode(head, claims, key, [str(head.get("alg", ALGORITHM))], default_type=None)


def unsigned(header: object, claims: object, signature: str = "") -> str:
    """A token of any header and claims, and of no key."""
    parts = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
    return ".".join((*parts, signature))
