"""One attempt to deliver: a POST to an address that was checked, over TLS with the host's name, in bounded time.

The pool connects through `PinnedBackend`, which asks the guard for addresses and connects to those alone: nothing else
resolves the name. Redirects are not followed, proxies of the environment are not used, answers are hardly read.
"""

import asyncio
import math
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import httpcore2
import httpx2

from infrastructure.version import VERSION
from infrastructure.webhooks.callback_url import CallbackUrl
from infrastructure.webhooks.public_addresses import AddressRefused, Guard

DEADLINE: Final = 10.0
"""Seconds that an attempt may take, resolving the name included."""
LARGEST: Final = 4096
"""Bytes of an answer's body that are read, so that the connection can be used again; it is closed if there are more."""
IDLE: Final = 30.0
"""Seconds for which a connection is kept for the next delivery."""
KEPT: Final = 256
TRIED: Final = 3
"""Addresses of a host that are tried in a row."""
LONGEST_WAIT: Final = 3600
"""Seconds that a receiver may ask us to wait; who asks for more is sent to again after these."""
GONE: Final = 410

OutcomeName = Literal["delivered", "refused", "gone", "timed_out", "unreachable", "address_refused"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: in a word of ours, and the HTTP status if there was one."""

    name: OutcomeName
    status: int | None = None
    retry_after: int = 0

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.name == "delivered"


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
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore2.ConnectError:
                continue
        return await super().connect_tcp(last, port, timeout, local_address, socket_options)


class Sender:
    """Sends to whoever is public, over connections that are kept per host."""

    def __init__(self, guard: Guard, tls: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls or httpx2.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=KEPT,
            keepalive_expiry=IDLE,
            network_backend=PinnedBackend(guard),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def check(self, url: CallbackUrl) -> None:
        """Raise `AddressRefused` unless the host may be called now."""
        await self._guard.addresses(url.host)

    async def send(self, url: CallbackUrl, headers: Mapping[str, str], body: bytes) -> Outcome:
        """POST a body of JSON, and say what came of it. Raises nothing that the other side can bring about."""
        try:
            async with asyncio.timeout(DEADLINE):
                await self.check(url)  # a connection that is kept is no reason to go on where the name leads elsewhere
                return await self._post(url, headers, body)
        except AddressRefused:
            return Outcome("address_refused")
        except (TimeoutError, httpcore2.TimeoutException):
            return Outcome("timed_out")
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError, ssl.SSLError):
            return Outcome("unreachable")

    async def _post(self, url: CallbackUrl, headers: Mapping[str, str], body: bytes) -> Outcome:
        request = {
            "host": url.authority,
            "content-type": "application/json",
            "content-length": str(len(body)),
            "user-agent": f"Gatehouse/{VERSION}",
            **headers,
        }
        where = httpcore2.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
        async with self._pool.stream("POST", where, headers=request, content=body) as response:
            await _read(response)
            return _outcome(response)


async def _read(response: httpcore2.Response) -> None:
    """Read what is short; leaving the rest unread closes the connection."""
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > LARGEST:
            return


def _outcome(response: httpcore2.Response) -> Outcome:
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004 -- RFC 9110, 15.3: successful
        return Outcome("delivered", status)
    asked = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
    return Outcome("gone" if status == GONE else "refused", status, _seconds(asked.decode("latin-1")))


def _seconds(retry_after: str) -> int:
    """`Retry-After` (RFC 9110, 10.2.3) in seconds; 0 where it is not given or cannot be read."""
    if retry_after.isascii() and retry_after.isdigit():
        return min(int(retry_after[:9]), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(math.ceil(until.timestamp() - time.time()), 0), LONGEST_WAIT)
