"""Connections to receivers, kept for a while after an answer, each for its own host and port.

httpcore2's pool looks at every connection it has at every request, with a system call for each that is idle. This looks
at those that it takes. And a request is one write: its head waits for its body.
"""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final

import anyio
import httpcore2

from infrastructure.webhooks.public_addresses import Guard

IDLE: Final = 30.0
"""Seconds for which a connection is kept for the next delivery."""
KEPT: Final = 256
TRIED: Final = 3
"""Addresses of a host that are tried in a row."""


class OneWrite(httpcore2.AsyncNetworkStream):
    """A stream whose writes leave together, as soon as something is to be read."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._written = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- the library's
        """What comes, after what was written has left."""
        if self._written:
            written, self._written = self._written, b""
            await self._stream.write(written, timeout)
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- the same
        """Keep it for the next read."""
        self._written += buffer

    async def aclose(self) -> None:
        """Close it; what was not read for is not sent."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 -- the library's signature
    ) -> httpcore2.AsyncNetworkStream:
        """The same over TLS."""
        return OneWrite(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 -- the library's
        """What the stream knows."""
        return self._stream.get_extra_info(info)


class PinnedBackend(httpcore2.AnyIOBackend):
    """Connects to what the guard lets through, and never to a name."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first of the host's addresses that answers. Raises `AddressRefused`."""
        *others, last = (await self._guard.addresses(host))[:TRIED]
        for address in others:
            try:
                return OneWrite(await super().connect_tcp(address, port, timeout, local_address, socket_options))
            except httpcore2.ConnectError:
                continue
        return OneWrite(await super().connect_tcp(last, port, timeout, local_address, socket_options))


class Connections:
    """Lends each connection to one request at a time."""

    def __init__(self, guard: Guard, tls: ssl.SSLContext) -> None:
        self._backend = PinnedBackend(guard)
        self._tls = tls
        self._idle: dict[tuple[bytes, bytes, int], list[httpcore2.AsyncHTTPConnection]] = {}
        self._kept = 0
        self._swept_at = monotonic()

    @asynccontextmanager
    async def to(self, origin: httpcore2.Origin) -> AsyncIterator[httpcore2.AsyncHTTPConnection]:
        """A connection, perhaps one that is kept; it is kept afterwards if it can be used again."""
        await self._sweep()
        whose = origin.scheme, origin.host, origin.port
        connection = await self._kept_for(whose) or httpcore2.AsyncHTTPConnection(
            origin, ssl_context=self._tls, keepalive_expiry=IDLE, network_backend=self._backend
        )
        try:
            yield connection
        finally:
            usable = connection.is_idle() and not connection.is_closed()  # what did not come about is both
            if usable and self._kept < KEPT:
                self._idle.setdefault(whose, []).append(connection)
                self._kept += 1
            else:
                await _close(connection)

    async def aclose(self) -> None:
        """Close all that are idle."""
        idle, self._idle, self._kept = self._idle, {}, 0
        for connections in idle.values():
            for connection in connections:
                await _close(connection)

    async def _kept_for(self, whose: tuple[bytes, bytes, int]) -> httpcore2.AsyncHTTPConnection | None:
        """The connection that was used last, if the other side has not closed it."""
        while kept := self._idle.get(whose):
            connection = kept.pop()
            self._kept -= 1
            if not connection.has_expired():
                return connection
            await _close(connection)
        return None

    async def _sweep(self) -> None:
        """Close what nobody has taken for too long, now and then."""
        if monotonic() - self._swept_at < IDLE:
            return
        self._swept_at = monotonic()
        expired = {each for kept in self._idle.values() for each in kept if each.has_expired()}
        fresh = {whose: [each for each in kept if each not in expired] for whose, kept in self._idle.items()}
        self._idle = {whose: kept for whose, kept in fresh.items() if kept}
        self._kept -= len(expired)
        for connection in expired:
            await _close(connection)


async def _close(connection: httpcore2.AsyncHTTPConnection) -> None:
    """Also where whoever wanted it has been cancelled."""
    with anyio.CancelScope(shield=True):
        await connection.aclose()
