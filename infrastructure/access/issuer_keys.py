"""The keys of an OIDC issuer: discovered, kept for as long as it says, and asked for again when a new one is used.

While the issuer is away, what is kept goes on for a day, and nothing else. Whatever it sends is bounded, and a key that
we would not use is left out.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final
from warnings import catch_warnings, simplefilter

import httpx2
import structlog
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

DISCOVERY: Final = "/.well-known/openid-configuration"
TIMEOUT: Final = httpx2.Timeout(5.0, connect=3.0)
DEADLINE: Final = 10.0
"""Seconds that a document may take to come."""
LARGEST: Final = 256 * 1024
"""Bytes of a document."""
MOST_KEYS: Final = 100
AGAIN: Final = 10.0
"""Seconds between two looks, however many unknown keys are named meanwhile."""
KEPT: Final = 24 * 3600.0
"""Seconds for which keys go on while the issuer is away."""
UNSAID: Final = 600
SHORTEST: Final = 60
LONGEST: Final = 3600
"""Seconds for which keys are fresh: if the issuer does not say, and the bounds of what it may say."""
SHORTEST_RSA: Final = 2048
"""Bits (RFC 7518, 3.3)."""
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})", re.ASCII | re.IGNORECASE)
_NOT_KEPT: Final = re.compile(r"(?:^|[,\s])no-(?:store|cache)\b", re.ASCII | re.IGNORECASE)

log = structlog.get_logger()


class BadDocument(Exception):
    """What the issuer sent is not what it should be."""


class IssuerKeys:
    """What this process knows of an issuer's keys, by their ids."""

    def __init__(self, issuer: str, client: httpx2.AsyncClient, *, https_only: bool) -> None:
        self._issuer = issuer
        self._client = client
        self._schemes = {"https"} if https_only else {"https", "http"}
        self._keys: dict[str, tuple[Key, str]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._asked_at = self._stale_at = self._ended_at = float("-inf")
        self.changes = 0
        """How often the keys were others than before."""

    async def find(self, kid: str, *, newest: bool) -> tuple[Key, str] | None:
        """The key of this id with its algorithm. `newest`: one that is not known may be new, so ask.

        An issuer with one key need not name it: "" is its id then (OpenID Connect Core 1.0, 10.1), of a new one too.
        """
        await self.look()
        if newest and (kid == "" or self._named(kid) is None):
            await self._ask()
        return self._named(kid)

    def _named(self, kid: str) -> tuple[Key, str] | None:
        if kid == "" and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def look(self) -> None:
        """Have keys that are good now: others go on while stale ones are asked for, and wait where there are none."""
        now = monotonic()
        if now >= self._ended_at:
            await self._ask()
            if monotonic() >= self._ended_at:
                self._take({})
        elif now >= self._stale_at:
            self._begin()

    async def _ask(self) -> None:
        """Ask the issuer, together with whoever else needs it now."""
        if asking := self._begin():
            await asyncio.shield(asking)

    def _begin(self) -> "asyncio.Task[None] | None":
        if self._asking is not None and not self._asking.done():
            return self._asking
        if monotonic() - self._asked_at < AGAIN:
            return None
        self._asked_at = monotonic()
        self._asking = asyncio.create_task(self._read())
        return self._asking

    async def _read(self) -> None:
        """Take the issuer's keys as they are now. Where it cannot be asked, nothing changes."""
        begun = monotonic()
        try:
            document, headers = await self._get(await self._place())
            keys = _usable(document)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, BadDocument) as fault:
            log.warning("issuer_unavailable", fault=type(fault).__name__)
            return
        self._take(keys)
        self._stale_at, self._ended_at = begun + _freshness(headers), begun + KEPT

    async def _place(self) -> object:
        """Where the issuer says that its keys are (OpenID Connect Discovery 1.0, 4.3)."""
        configuration, _ = await self._get(self._issuer.rstrip("/") + DISCOVERY)
        if configuration.get("issuer") != self._issuer:
            raise BadDocument("another issuer's")
        return configuration.get("jwks_uri")

    def _take(self, keys: dict[str, tuple[Key, str]]) -> None:
        if {kid: key.thumbprint() for kid, (key, _) in keys.items()} != {
            kid: key.thumbprint() for kid, (key, _) in self._keys.items()
        }:
            self._keys, self.changes = keys, self.changes + 1

    async def _get(self, url: object) -> tuple[dict[str, Any], Mapping[str, str]]:
        """A document of the issuer's with its headers. Raises `BadDocument` or an error of the client's."""
        if not isinstance(url, str) or url.partition("://")[0] not in self._schemes:
            raise BadDocument("no address that we would ask")
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        async with (
            asyncio.timeout(DEADLINE),
            self._client.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=False) as response,
        ):
            if response.status_code != httpx2.codes.OK or "content-encoding" in response.headers:
                raise BadDocument("not an answer")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST:
                    raise BadDocument("too large")
        return _object(bytes(body)), response.headers


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise BadDocument("not JSON") from None
    if not isinstance(document, dict):
        raise BadDocument("not an object")
    return document


def _usable(document: dict[str, Any]) -> dict[str, tuple[Key, str]]:
    """The keys of a JWK set that we would use, by their ids, each with the one algorithm that goes with it."""
    given = document.get("keys")
    if not isinstance(given, list) or len(given) > MOST_KEYS:
        raise BadDocument("not a set of keys")
    keys: dict[str, tuple[Key, str]] = {}
    for jwk in given:
        if isinstance(jwk, dict) and isinstance(kid := jwk.get("kid", ""), str) and (usable := _imported(jwk)):
            keys[kid or usable[0].thumbprint()] = usable
    return keys


def _imported(jwk: dict[str, Any]) -> tuple[Key, str] | None:
    """The key with its algorithm, if it is to verify by that. One with the same id, for another use, is none of ours.

    What else it may say of its use, the library holds every token to.
    """
    if "d" in jwk or "k" in jwk or jwk.get("use", "sig") != "sig":
        return None
    try:
        with catch_warnings():
            simplefilter("ignore", SecurityWarning)  # of what is too short, which is left out below
            key = JWKRegistry.import_key(jwk)
    except (JoseError, KeyError, TypeError, ValueError):  # the library's own, and what odd values do to it
        return None
    algorithm = _algorithm(key)
    return (key, algorithm) if algorithm and jwk.get("alg", algorithm) == algorithm else None


def _algorithm(key: Key) -> str | None:
    """What the key may sign by: its type says, and no token does."""
    match key:
        case RSAKey() if key.public_key.key_size >= SHORTEST_RSA:
            return "RS256"
        case ECKey() if key.curve_name == "P-256":
            return "ES256"
        case OKPKey() if key.curve_name == "Ed25519":
            return "EdDSA"
    return None


def _freshness(headers: Mapping[str, str]) -> int:
    """For how many seconds the answer is fresh (RFC 9111, 5.2.2), within our bounds."""
    said = headers.get("cache-control", "")
    if _NOT_KEPT.search(said):
        return SHORTEST
    max_age = _MAX_AGE.search(said)
    return min(max(int(max_age[1]), SHORTEST), LONGEST) if max_age else UNSAID
