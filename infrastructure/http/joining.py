"""A transport that sends together what belongs together.

uvicorn writes an answer's head and its body apart, which is two system calls and, for the caller, often two packets.
What is written within one turn of the event loop is sent at its end instead.
"""

import asyncio
from typing import Any


class JoiningTransport:
    """A transport that holds what is written until the loop's next turn, and reads nothing while it is `full`."""

    full = False
    """Whether what was read has to wait to be parsed."""

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

    def resume_reading(self) -> None:
        """Read on, as soon as there is room."""
        if not self.full:
            self._transport.resume_reading()

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        written, self._written = self._written, []
        if written and not self._transport.is_closing():
            self._transport.write(b"".join(written))
