"""Streams of public events (`text/event-stream`), as many as a process has connections for.

Nothing is queued for a reader: it is read for at its own pace, a chunk at a time, once it has taken the one before.
Readers at one place share what is read and written for it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from application.ports import Unavailable
from infrastructure.coalescing import Coalesced
from infrastructure.feed import Feed, Place, Subscription
from infrastructure.http.feed_models import body_of
from infrastructure.http.problems import Problem
from infrastructure.http.routing import Call
from infrastructure.postgres import AWAY
from projections.feed import FeedRow

MEDIA_TYPE: Final = "text/event-stream"
CHUNK: Final = 100
"""Events that are read and sent at once."""
READING: Final = 50
"""Streams that are read for at once; the rest come next."""
WAITING: Final = 20
"""Streams, and long polls, that one key may have open in a process."""
CHECK: Final = 1.0
"""Seconds from one look whether a stream's key may still call to the next."""
SILENCE: Final = 15.0
"""Seconds after which a comment is sent, so that whoever is between keeps the line."""
STALLED: Final = 30.0
"""Seconds in which a reader must take something of what it is sent."""

_RETRY: Final = b"retry: 2000\n\n"
_COMMENT: Final = b":\n\n"

log = structlog.get_logger()


class Chunk(NamedTuple):
    """Events as they are sent."""

    upto: int
    full: bool
    """Whether there may be more."""
    data: bytes


class Places:
    """How many wait for events under each key: a bound."""

    def __init__(self) -> None:
        self._taken: Counter[UUID] = Counter()

    def take(self, key_id: UUID) -> None:
        """Take one. Raises the problem `too_many_streams`."""
        if self._taken[key_id] >= WAITING:
            raise Problem("too_many_streams", headers={"Retry-After": "1"})
        self._taken[key_id] += 1

    def leave(self, key_id: UUID) -> None:
        """Give it back."""
        self._taken[key_id] -= 1
        if not self._taken[key_id]:
            del self._taken[key_id]


class EventStream(Response):
    """One stream: everything after a sequence, and whatever comes, until its key may not call any more."""

    # What a response makes of its body is left out: there is none but what is sent.
    def __init__(self, streams: "Streams", call: Call, place: Place) -> None:
        self.status_code, self.body, self.background = 200, b"", None
        self.raw_headers = [(b"content-type", MEDIA_TYPE.encode()), (b"x-accel-buffering", b"no")]
        self.admitted: Callable[[], Awaitable[bool]] = call.admitted
        self.key_id = call.caller.key_id
        self._streams = streams
        self._partner, self._after = place
        self._subscription: Subscription | None = None
        self._over = False
        self._silent_since = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until it is over."""
        watch = asyncio.create_task(until_gone(receive))
        watch.add_done_callback(lambda _: self.end())
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._put(send, _RETRY)
            with self._streams.feed.subscribed(self._partner) as subscription:
                self._subscription = subscription
                await self._follow(send, subscription)
            await self._put(send, b"", more=False)
        except TimeoutError:
            log.info("stream_stalled")
        finally:
            watch.cancel()
            self._streams.left(self)

    def end(self) -> None:
        """End it soon."""
        self._over = True
        self.wake()

    def wake(self) -> None:
        """Have it see to itself."""
        if self._subscription:
            self._subscription.wake()

    def is_silent(self, now: float) -> bool:
        """Whether nothing was sent for long."""
        return now - self._silent_since >= SILENCE

    async def _follow(self, send: Send, subscription: Subscription) -> None:
        while not self._over and not self._streams.feed.ended:
            if subscription.moved:
                await self._send_news(send, subscription)
            if self.is_silent(asyncio.get_running_loop().time()):
                await self._put(send, _COMMENT)
            if not subscription.moved:
                await subscription.woken()

    async def _send_news(self, send: Send, subscription: Subscription) -> None:
        """Send the next chunk, if there is one."""
        subscription.moved = False
        try:
            chunk = await self._streams.after(self._partner, self._after)
        except AWAY:  # the reader need not know: nothing is lost, and nobody else could tell it more
            subscription.moved = True
            await asyncio.sleep(CHECK)
            return
        if chunk is not None:
            await self._put(send, chunk.data)
            self._after = chunk.upto
            subscription.moved = subscription.moved or chunk.full

    async def _put(self, send: Send, data: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(STALLED):
            await send({"type": "http.response.body", "body": data, "more_body": more})
        self._silent_since = asyncio.get_running_loop().time()


class Streams:
    """The open streams of this process."""

    def __init__(self, feed: Feed, places: Places) -> None:
        self.feed = feed
        self._places = places
        self._open: set[EventStream] = set()
        self._chunks = Coalesced(self._read)
        self._room = asyncio.Semaphore(READING)

    def open(self, call: Call, place: Place) -> EventStream:
        """A stream after a place. Raises the problem `too_many_streams`."""
        self._places.take(call.caller.key_id)
        stream = EventStream(self, call, place)
        self._open.add(stream)
        return stream

    def left(self, stream: EventStream) -> None:
        """It is over."""
        self._open.discard(stream)
        self._places.leave(stream.key_id)

    async def after(self, partner: UUID, sequence: int) -> Chunk | None:
        """What comes next, if there is anything."""
        async with self._room:
            return await self._chunks.get((partner, sequence))

    async def run(self) -> None:
        """End streams whose key may not call any more, and have silent ones say something, for good."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK)
            for stream in [*self._open]:
                await self._check(stream)
                if stream.is_silent(loop.time()):
                    stream.wake()
                await asyncio.sleep(0)  # others come in between, however many there are

    async def _check(self, stream: EventStream) -> None:
        try:
            admitted = await stream.admitted()
        except (*AWAY, Unavailable):
            return  # while nobody can be asked, there is nothing to send either
        except Exception as fault:  # the edge of this stream: whoever cannot be admitted is not
            log.exception("stream_unchecked", fault=type(fault).__name__)
            admitted = False
        if not admitted:
            stream.end()

    async def _read(self, places: Collection[Place]) -> dict[Place, Chunk]:
        """Chunks for places, written once for all who are there."""
        chunks: dict[Place, Chunk] = {}
        for place, rows in (await self.feed.pages(places, CHUNK)).items():
            chunks[place] = Chunk(rows[-1].sequence, len(rows) == CHUNK, b"".join(map(sent, rows)))
            await asyncio.sleep(0)
        return chunks


async def until_gone(receive: Receive) -> None:
    """Return once the caller has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def sent(row: FeedRow) -> bytes:
    """An event as a stream sends it."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (row.sequence, row.webhook_type.encode(), body_of(row))
