"""A line between a client and PostgreSQL that cuts, delays, stands still, closes one half and loses answers.

TCP on the client's side, the server's socket on the other. While it stands still it goes on accepting connections and
answering keepalives, as a middlebox would: only who waits no longer than a bound gets away.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHUNK: Final = 1 << 16
DELAY: Final = 0.05
APPENDED: Final = b'{"eventId":'
"""What only an append sends to the server: events, as the log keeps them."""
READY: Final = b"Z\x00\x00\x00\x05I"
"""ReadyForQuery outside of a transaction: what was asked is committed."""


class Way(Enum):
    """The two directions."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


class FaultyLine:
    """All connections through one port. What is wrong with them now, each attribute says."""

    def __init__(self, conninfo: str) -> None:
        self._direct = conninfo
        given = conninfo_to_dict(conninfo)
        self._socket = f"{given['host']}/.s.PGSQL.{given['port']}"
        self._server: asyncio.Server | None = None
        self._writers: dict[asyncio.StreamWriter, Way] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self._moves = {way: asyncio.Event() for way in Way}
        for moves in self._moves.values():
            moves.set()
        self.delayed: frozenset[Way] = frozenset()
        self.losing_answers = False
        """The next commit on each connection is carried out, and its answer is lost with the connection."""
        self.lost_answers = 0

    @property
    def conninfo(self) -> str:
        """How a client gets onto the line."""
        port = self._server.sockets[0].getsockname()[1] if self._server else 0
        return make_conninfo(self._direct, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")

    def stall(self, *ways: Way) -> None:
        """Hold back whatever goes these ways, new connections' too."""
        for way in ways:
            self._moves[way].clear()

    def heal(self) -> None:
        """Be a good line from now on. What was held back arrives."""
        self.delayed, self.losing_answers = frozenset(), False
        for moves in self._moves.values():
            moves.set()

    def cut(self) -> None:
        """Lose every connection; the server goes on with what it was asked."""
        for writer in list(self._writers):
            writer.transport.abort()

    def close_half(self, way: Way) -> None:
        """Say on every connection that nothing more comes this way; the other way stays open."""
        for writer, its_way in self._writers.items():
            if its_way is way:
                with suppress(OSError, RuntimeError):  # it was lost just now
                    writer.write_eof()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def close(self) -> None:
        """Lose every connection, and take no more."""
        if self._server:
            self._server.close()
        self.heal()
        self.cut()
        lives = [*self._lives]
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_unix_connection(self._socket)
        except OSError:
            to_client.transport.abort()
            return
        committing = asyncio.Event()
        both = (to_client, to_server)
        self._live(self._pass_on(Way.TO_SERVER, client, both, committing))
        self._live(self._pass_on(Way.TO_CLIENT, server, both[::-1], committing))

    def _live(self, life: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(life)
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)

    async def _pass_on(
        self,
        way: Way,
        reader: asyncio.StreamReader,
        both: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        committing: asyncio.Event,
    ) -> None:
        """Carry one way what comes, until there is no more; the other way goes on as long as its own end lasts."""
        source, writer = both
        self._writers[writer] = way
        try:
            while data := await reader.read(CHUNK):
                if self._loses(way, data, committing):
                    source.transport.abort()
                    break
                if way in self.delayed:
                    await asyncio.sleep(DELAY)
                await self._moves[way].wait()
                writer.write(data)
                await writer.drain()
            await self._moves[way].wait()
            writer.write_eof()
        except (OSError, RuntimeError):  # it was cut, or one half of it closed
            source.transport.abort()
            writer.transport.abort()
        finally:
            self._writers.pop(writer)
            if source not in self._writers:
                source.transport.abort()
                writer.transport.abort()

    def _loses(self, way: Way, data: bytes, committing: asyncio.Event) -> bool:
        """Whether this is the answer to a commit, and answers are being lost."""
        if way is Way.TO_SERVER:
            if self.losing_answers and APPENDED in data:
                committing.set()
            return False
        if committing.is_set() and READY in data:
            committing.clear()
            self.lost_answers += 1
            return True
        return False


@asynccontextmanager
async def faulty_line(conninfo: str) -> AsyncIterator[FaultyLine]:
    """A line to the server of `conninfo`, good until told otherwise."""
    line = FaultyLine(conninfo)
    await line.open()
    try:
        yield line
    finally:
        await line.close()
