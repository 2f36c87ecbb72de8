"""A partner's receiver, in a process of its own: takes webhooks, and now and then fails in one of the ways there are.

It remembers what came until it is asked for it, a line of JSON for each line on its standard input; whoever asks checks
the signatures, so that this process takes as little of the machine as it can.
"""

import asyncio
import json
import sys
from random import Random
from typing import Any, Final

import httptools
import uvloop

from bench.traffic import SEED

FAILING: Final = 0.05
"""Of all requests, so many are not taken."""
TAKES: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSES: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
WAYS: Final = {"refused": 60, "reset": 20, "taken_and_reset": 18, "silent": 2}
"""How it fails, and how often of a hundred: also after having taken an event, and by never answering at all."""
SIGNED: Final = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")

Record = dict[str, Any]


class Receiver:
    """What came to either server, and when."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._chance = Random(SEED)  # noqa: S311 -- which requests fail, no secret

    def way(self) -> str:
        """What becomes of the next request."""
        if self._chance.random() >= FAILING:
            return "taken"
        return self._chance.choices([*WAYS], [*WAYS.values()])[0]


class Healthy(asyncio.Protocol):
    """A connection that answers, mostly."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[str, str] = {}
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = transport  # type: ignore[assignment] # of a stream

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._headers, self._body = {}, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the headers that matter."""
        if name.lower() in SIGNED:
            self._headers[name.lower().decode()] = value.decode()

    def on_body(self, body: bytes) -> None:
        """Keep the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer, or fail."""
        way = self._receiver.way()
        self._receiver.records.append({"headers": self._headers, "body": self._body.decode(), "way": way})
        if self._transport is None:
            return
        match way:
            case "taken":
                self._transport.write(TAKES)
            case "refused":
                self._transport.write(REFUSES)
            case "reset" | "taken_and_reset":
                self._transport.abort()


class Dead(asyncio.Protocol):
    """A connection that is taken, and nothing ever comes of it."""


async def _main() -> None:
    receiver, loop = Receiver(), asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: Healthy(receiver), "127.0.0.1", 0),
        await loop.create_server(Dead, "127.0.0.1", 0),
    ]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    _say({"healthy": ports[0], "dead": ports[1]})
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        records, receiver.records = receiver.records, []
        await asyncio.to_thread(_say, records)


def _say(said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_main())
