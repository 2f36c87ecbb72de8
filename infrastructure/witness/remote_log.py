"""A log as its open routes show it (C2SP tlog-tiles): checkpoints, tiles and keys, none of which is trusted.

What is read is bounded in time and size whatever the server does, and no redirect is followed: a witness speaks to the
log that it was told of.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from application.transparency.notes import LONGEST
from application.transparency.tiles import BYTES, Place, hashes_of, needed, path_of, width_at
from application.transparency.tree import HashAt
from infrastructure.faults import CannotStart

PATIENCE: Final = 20.0
"""Seconds that one answer may take, its last byte included."""
AT_ONCE: Final = 4
MOST_KEYS: Final = 1 << 20
"""Bytes of the list of keys."""
_LOCAL: Final = {"localhost", "127.0.0.1", "::1"}
_URL: Final = re.compile(r"https?://[!-~]+", re.ASCII)


class Unanswered(Exception):
    """The log cannot be read, or what it answers is none of what was asked for. It may be, later."""


class NextKey(BaseModel):
    """A key that the log announced, and the word of the one before."""

    model_config = ConfigDict(frozen=True)

    key: str
    previous: str | None = None
    handover: str | None = None


class _Keys(BaseModel):
    model_config = ConfigDict(frozen=True)

    keys: list[NextKey]


class RemoteLog:
    """One log. `url` is the service's, or that of its `/tlog`."""

    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self._prefix = url.rstrip("/").removesuffix("/tlog") + "/tlog"
        self._client = client

    async def checkpoint(self) -> str:
        """The newest checkpoint, as it is written."""
        return _text(await self._get("/checkpoint", LONGEST))

    async def keys(self) -> list[NextKey]:
        """The keys that were announced, in order."""
        try:
            return _Keys.model_validate_json(await self._get("/keys", MOST_KEYS)).keys
        except ValidationError:
            raise Unanswered("the list of keys is none") from None

    async def hashes(self, read: Callable[[HashAt], object], size: int) -> HashAt:
        """The hashes that a computation on the tree of `size` entries needs: of tiles, which nobody vouched for."""
        room = asyncio.Semaphore(AT_ONCE)
        places = sorted(needed(read))

        async def tile(place: Place) -> bytes:
            async with room:
                return await self._tile(place, width_at(place, size))

        return hashes_of(dict(zip(places, await asyncio.gather(*map(tile, places)), strict=True)))

    async def _tile(self, place: Place, width: int) -> bytes:
        path = path_of(place, width)
        found = await self._get(f"/{path}", width * BYTES)
        if len(found) != width * BYTES:
            raise Unanswered(f"{path} has {len(found)} bytes")
        return found

    async def _get(self, path: str, at_most: int) -> bytes:
        """What lies at a path of the log. Raises `Unanswered`."""
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._client.stream("GET", self._prefix + path) as response,
            ):
                if response.status_code != httpx2.codes.OK:
                    raise Unanswered(f"{path} is answered with {response.status_code}")
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise Unanswered(f"{path} is answered encoded, which was not asked for")
                found = bytearray()
                async for piece in response.aiter_raw():
                    found += piece
                    if len(found) > at_most:
                        raise Unanswered(f"{path} is answered with too much")
                return bytes(found)
        except TimeoutError:
            raise Unanswered(f"{path} is not answered in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as fault:
            raise Unanswered(f"{path} is not answered: {type(fault).__name__}") from None


def client_for(url: str) -> httpx2.AsyncClient:
    """A client for the log at a URL; through the machine's proxy, unless the log is the machine's own."""
    try:
        host = httpx2.URL(url).host if _URL.fullmatch(url) else ""
    except httpx2.InvalidURL:
        host = ""
    if not host:
        raise CannotStart("a log is followed at an http or https URL")
    headers = {"Accept-Encoding": "identity", "Cache-Control": "no-cache"}
    return httpx2.AsyncClient(trust_env=host not in _LOCAL, follow_redirects=False, timeout=PATIENCE, headers=headers)


def _text(found: bytes) -> str:
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise Unanswered("the checkpoint is no text") from None
