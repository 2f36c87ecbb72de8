"""uvicorn's HTTP protocol, with what belongs together sent together, and bounded before anybody has shown a key.

uvicorn writes an answer's head and its body apart, which is two system calls and, for the caller, often two packets.
What is written within one turn of the event loop is sent at its end instead. Its parser keeps whatever head it is sent.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from infrastructure.http.problems import Problem, problem_response
from infrastructure.http.routing import finish

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request that are not its body: request line, headers, the framing of chunks, trailers."""
FRAMING: Final = 32
"""Bytes of a body that make up for one of its framing, so that a long body may come in many chunks."""


class JoiningTransport:
    """A transport that holds what is written until the loop's next turn. All else is the transport's own."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the transport has
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data` with what else is written in this turn."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        written, self._written = self._written, []
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))


class HeadTooLarge(Exception):
    """A request's head is larger than `LARGEST_HEAD`."""


class JoiningProtocol(HttpToolsProtocol):
    """The protocol over such a transport."""

    _overhead = 0
    """Bytes of the request under way that are not its body."""
    _begun = False
    """Whether its head is complete."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 -- uvicorn's own signature says no more
        """Begin a connection."""
        super().connection_made(JoiningTransport(transport, self.loop))  # type: ignore[arg-type] # quacks like one

    def data_received(self, data: bytes) -> None:
        """Parse what came. A request that is all head is refused before it has an end."""
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        """Begin the request, unless its head came whole and too large."""
        head = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head > LARGEST_HEAD:
            raise HeadTooLarge
        super().on_headers_complete()
        self._begun = True

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, which has a bound of its own."""
        self._overhead = max(0, self._overhead - len(body) - len(body) // FRAMING)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._overhead, self._begun = 0, False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, or too much of it, and close. Where it would be a second answer, only close."""
        cycle = self.cycle
        if cycle is None or (not cycle.response_started if self._begun else cycle.response_complete):
            code = "head_too_large" if self._overhead > LARGEST_HEAD else "malformed_http"
            refusal = finish(problem_response(Problem(code, headers={"Connection": "close"})))
            head = b"".join(b"%b: %b\r\n" % header for header in refusal.raw_headers)
            self.transport.write(STATUS_LINE[refusal.status_code] + head + b"\r\n" + bytes(refusal.body))
        self.transport.close()
