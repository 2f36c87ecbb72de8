"""One attempt to deliver: a POST to an address that was checked, over TLS with the host's name, in bounded time.

Connections come about through `PinnedBackend`, which asks the guard for addresses and connects to those alone: nothing
else resolves the name. Redirects are not followed, proxies of the environment are not used, answers are hardly read.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import httpcore2
import httpx2

from infrastructure.retry_after import seconds_asked
from infrastructure.version import VERSION
from infrastructure.webhooks.callback_url import CallbackUrl
from infrastructure.webhooks.connections import Connections
from infrastructure.webhooks.public_addresses import AddressRefused, Guard

DEADLINE: Final = 10.0
"""Seconds that an attempt may take, resolving the name included."""
READING: Final = 1.0
"""Those of them that an answer's body may take; its head says it all."""
LARGEST: Final = 4096
"""Bytes of an answer's body that are read, so that the connection can be used again; it is closed if there are more."""
GONE: Final = 410
BROKEN: Final = (httpcore2.NetworkError, httpcore2.ProtocolError, OSError)
"""What a connection breaks with; TLS that does not come about is an `OSError`."""

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


class Sender:
    """Sends to whoever is public, over connections that are kept per host."""

    def __init__(self, guard: Guard, tls: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._connections = Connections(guard, tls or httpx2.create_ssl_context(trust_env=False))

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        await self._connections.aclose()

    async def check(self, url: CallbackUrl) -> None:
        """Raise `AddressRefused` unless the host may be called now."""
        await self._guard.addresses(url.host)

    async def send(self, url: CallbackUrl, headers: dict[str, str], body: bytes) -> Outcome:
        """POST a body of JSON, and say what came of it. Raises nothing that the other side can bring about."""
        try:
            async with asyncio.timeout(DEADLINE):
                await self.check(url)  # a connection that is kept is no reason to go on where the name leads elsewhere
                return await self._post(url, headers, body)
        except AddressRefused:
            return Outcome("address_refused")
        except (TimeoutError, httpcore2.TimeoutException):
            return Outcome("timed_out")
        except BROKEN:
            return Outcome("unreachable")

    async def _post(self, url: CallbackUrl, headers: dict[str, str], body: bytes) -> Outcome:
        where = httpcore2.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
        fields: list[tuple[bytes | str, bytes | str]] = [
            ("host", url.authority),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("user-agent", f"Gatehouse/{VERSION}"),
            *headers.items(),
        ]
        request = httpcore2.Request("POST", where, headers=fields, content=body)
        async with self._connections.to(where.origin) as connection:
            response = await connection.handle_async_request(request)
            try:
                with suppress(TimeoutError, *BROKEN):  # it has said what counts
                    async with asyncio.timeout(READING):
                        await _read(response)
            finally:
                await response.aclose()
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
    return Outcome("gone" if status == GONE else "refused", status, seconds_asked(asked.decode("latin-1")))
