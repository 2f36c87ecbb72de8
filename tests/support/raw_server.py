"""A provider's server of the test's own, down to the bytes: it answers in good order, or breaks in every way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(frozen=True)
class Reply:
    """What goes back: a response, bytes that are none, or nothing."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """The length that is promised, where it is not the body's."""
    raw: bytes | None = None
    """Written in place of a response."""
    silent: bool = False
    """Nothing is written, and the connection stays open."""
    drip: bool = False
    """After the body's beginning, one byte comes now and then, for ever."""

    def pieces(self) -> Iterator[bytes]:
        if self.raw is not None:
            yield self.raw
            return
        length = len(self.body) if self.length is None else self.length
        given = {"content-type": "application/json", "content-length": str(length), "connection": "close"}
        lines = [f"{name}: {value}" for name, value in (given | self.headers).items()]
        yield "\r\n".join([f"HTTP/1.1 {self.status} {self.status}", *lines, "", ""]).encode()
        yield self.body


def as_json(value: Any, status: int = 200) -> Reply:  # noqa: ANN401 -- whatever JSON has
    return Reply(status, json.dumps(value).encode())


Respond = Callable[[Request], Reply]


@dataclass
class RawServer:
    """Remembers what it was asked. `respond` may be replaced at any time."""

    respond: Respond
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first request has come."""
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        task = asyncio.ensure_future(self._answer(reader, writer))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                request = await _read(reader)
                self.requests.append(request)
                self.asked.set()
                await _write(self.respond(request), reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    async def end(self) -> None:
        """Break off what is under way."""
        for task in list(self.under_way):
            task.cancel()
        for fault in await asyncio.gather(*self.under_way, return_exceptions=True):
            if isinstance(fault, Exception):
                raise fault


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    method, target, _ = first.split(" ")
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def _write(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if reply.silent:
        await reader.read()  # until the caller has had enough
        return
    for piece in reply.pieces():
        writer.write(piece)
        await writer.drain()
    gone = asyncio.ensure_future(reader.read())
    while reply.drip and not gone.done():
        writer.write(b" ")
        await writer.drain()
        await asyncio.wait([gone], timeout=0.01)
    gone.cancel()


@asynccontextmanager
async def raw_server(respond: Respond) -> AsyncIterator[RawServer]:
    """A server on a port of its own, until the context is left."""
    answering = RawServer(respond)
    server = await asyncio.start_server(answering.begin, "127.0.0.1", 0)
    answering.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield answering
    finally:
        server.close()
        await answering.end()
        await server.wait_closed()
