"""A cheap reader of a stream of public events: nothing is kept but what was wrong and how late it was."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import time
from typing import Final

from bench.report import BenchError

_SEQUENCE: Final = b'"sequence":'
_UPDATED: Final = b'"updatedAt":"'


@dataclass(slots=True)
class Heard:
    """What came of all streams."""

    events: int = 0
    out_of_order: int = 0
    seconds: list[float] = field(default_factory=list)
    """From when the log recorded an event, which is before it was committed, until a reader had it."""


class StreamReader:
    """One open stream, read until it is closed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        self._reader, self._writer, self._heard = reader, writer, heard
        self.last = 0

    async def run(self) -> None:
        """Read for good."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                chunk = await self._reader.readexactly(size + 2)
                at = time()
                for block in chunk.split(b"\n\n"):
                    if b"data: " in block:
                        self._take(block, at)

    def _take(self, block: bytes, at: float) -> None:
        sequence = int(block.partition(_SEQUENCE)[2].partition(b",")[0])
        self._heard.out_of_order += sequence != self.last + 1
        self.last = sequence
        self._heard.events += 1
        changed = block.partition(_UPDATED)[2].partition(b'"')[0].decode()
        self._heard.seconds.append(at - datetime.fromisoformat(changed).timestamp())

    def close(self) -> None:
        """Leave."""
        self._writer.close()


async def follow(port: int, key: str, heard: Heard) -> StreamReader:
    """Open a stream from the beginning."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise BenchError(f"a stream was not opened: {answer[:40].decode()}")
    return StreamReader(reader, writer, heard)
