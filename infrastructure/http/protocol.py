"""uvicorn's HTTP protocol, bounded before anybody has shown a key.

Its parser keeps whatever head it is sent, and parses at once whatever was read, however many requests that is. Here it
is fed in portions, and what is dear, or comes behind requests that are still to be answered, waits.
"""

from collections.abc import Callable
from functools import cache, partial
from math import inf
from typing import Any, Final

from uvicorn._types import ASGISendCallable, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from infrastructure.http.connections import Connections
from infrastructure.http.joining import JoiningTransport
from infrastructure.http.problems import Problem, problem_response
from infrastructure.http.routing import finish

LARGEST_HEAD: Final = 32 * 1024
"""Bytes of a request line and headers."""
LARGEST_FRAMING: Final = 64 * 1024
"""Bytes of what is neither head nor body: sizes of chunks, trailers."""
MOST_FIELDS: Final = 100
"""Fields of a head."""
FRAMING: Final = 32
"""Bytes of a body that make up for one of its framing, so that a long body may come in many chunks."""
PORTION: Final = 4 * 1024
"""Bytes that are parsed before it is asked whether they are too many; a read may be of 256 KiB."""
MANY: Final = PORTION // FRAMING
"""Chunks within a portion, from which on it is dear to parse."""
HEAD: Final = 15.0
"""Seconds within which a head is here whole, from the connection's beginning or the last answer."""
BODY: Final = 15.0
"""Seconds within which a body is here whole, and one more for each `PACE` bytes that are."""
PACE: Final = 2048
UNWANTED: Final = 5.0
"""Seconds for the rest of a body after it was answered: to cut it off at once would often cut off the answer."""
WASTE: Final = 128 * 1024
"""Bytes that are read at all of a body that was answered already, or of what comes after a refusal."""
LINGER: Final = 1.0
"""Seconds from a refusal to the connection's end, for the same reason; and whoever floods us is not back before."""
LONGEST_LENGTH: Final = 20
"""Digits of a body's length."""
UNREAD: Final = 30.0
"""Seconds for which an answer may lie unread."""
_BLANK: Final = b" \t"
_OF_BODIES: Final = frozenset({b"content-length", b"transfer-encoding"})


class HeadTooLarge(Exception):
    """A request's head is larger than `LARGEST_HEAD`, or has more than `MOST_FIELDS`."""


class NoBodyOfOurs(Exception):
    """A request with a body asks for another protocol: to the parser, what follows its head is of that."""


class LengthTooLong(Exception):
    """A body's length has more digits than `LONGEST_LENGTH`, as only one that begins with zeros can have."""


class NotOneHost(Exception):
    """A request does not say for which host it is, or says it twice (RFC 9112, 3.2)."""


class JoiningProtocol(HttpToolsProtocol):
    """The protocol over a transport that joins what is written."""

    _overhead = 0
    """Bytes of the request under way that are not its body."""
    _begun = False
    """Whether its head is complete."""
    _dear = False
    """Whether its body comes in so small chunks that each costs more than its bytes."""
    _answering: RequestResponseCycle | None = None
    """The request that is being answered, or was last; uvicorn knows the one that came last."""
    _body = 0
    """Bytes of the body under way."""
    _unanswered = 0
    """Requests that are here whole and not answered; -1 where one was answered before it was here whole."""
    _since = 0.0
    """When the caller's turn began: to send a head, a body, or what we do not want any more."""
    _unread_since: float | None = None
    """Since when the caller has not read what is sent."""
    _refused: str | None = None
    """What is wrong with what came behind requests that are still to be answered."""
    _lingers = False
    """Whether it was refused, and all that is left is to end the connection."""
    _thrown_away = 0
    """Bytes that came since."""
    _unparsed = b""
    """What has to wait to be parsed; no more is read meanwhile."""

    def __init__(self, connections: Connections, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- uvicorn's own
        self._pieces: list[bytes] = []
        """Of a body, as they were parsed."""
        self.on_body = self._pieces.append  # type: ignore[assignment] # a chunk may be of a byte: not worth a call
        super().__init__(*args, **kwargs)
        self._crowd = connections

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 -- uvicorn's own signature says no more
        """Begin a connection."""
        self._joining = JoiningTransport(transport, self.loop)
        super().connection_made(self._joining)  # type: ignore[arg-type] # quacks like one
        self._since = self.loop.time()
        self._crowd.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End it, and tell whoever answers: a stream may have another request behind it, and no end of its own."""
        self._crowd.leave(self)
        self._tell_of_the_end()
        super().connection_lost(exc)

    def _tell_of_the_end(self) -> None:
        """Have whoever answers know that nobody is there any more."""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.waiting_for_100_continue = False
            self._answering.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Parse what came, as far as its turn has come."""
        if self._lingers:
            self._throw_away(len(data))
            return
        for begin in range(0, len(data), PORTION):
            if self._dear or self.pipeline:
                self._hold(data[begin:])
                return
            self._parse(data[begin : begin + PORTION])
            if self._ends:
                return

    def _hold(self, data: bytes) -> None:
        """Have it wait: for its turn where it is dear to parse, and for an answer where there are requests enough."""
        self._unparsed, self._joining.full = data, True
        self.transport.pause_reading()
        if not self.pipeline:
            self._crowd.queue(self)

    def go_on(self) -> bool:
        """Parse the next portion of what has to wait; True while there is more, and nothing to be answered first."""
        portion, self._unparsed = self._unparsed[:PORTION], self._unparsed[PORTION:]
        self._parse(portion)
        if self._ends:
            return False
        if self._unparsed:
            return not self.pipeline
        self._joining.full = False
        if not self.flow.read_paused:
            self.transport.resume_reading()
        return False

    def _parse(self, portion: bytes) -> None:
        """Parse a portion. A request that is all head is refused before it has an end."""
        if self._ends:
            return
        self._overhead += len(portion)
        super().data_received(portion)
        if self._ends:
            self._pieces.clear()
            return
        self._take_pieces()
        if self._too_much:
            self.send_400_response("")

    @property
    def _too_much(self) -> bool:
        """Whether there is more to the request than a body may need."""
        return self._overhead > (LARGEST_FRAMING if self._begun else LARGEST_HEAD)

    @property
    def _ends(self) -> bool:
        """Whether nothing more is taken."""
        return self._lingers or self._refused is not None or self.transport.is_closing()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field, unless there are too many: each costs more than its bytes.

        One behind the body is none of the head's (RFC 9110, 6.5.1), which by then was acted on. Blanks behind a value
        are no part of it (5.5), which the parser leaves to us.
        """
        if self._begun:
            return
        if len(self.headers) >= MOST_FIELDS:
            raise HeadTooLarge
        super().on_header(name, value.rstrip(_BLANK))

    def on_headers_complete(self) -> None:
        """Begin the request, unless it is for no host, its head is too large, or its body would pass for a request."""
        names = [name for name, _ in self.headers]
        hosts, bodiless = names.count(b"host"), _OF_BODIES.isdisjoint(names)
        old = self.parser.get_http_version() == "1.0"
        if hosts > 1 or not (hosts or old):
            raise NotOneHost
        head = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head > LARGEST_HEAD:
            raise HeadTooLarge
        upgrade = self.parser.should_upgrade()
        if upgrade and not bodiless:
            raise NoBodyOfOurs
        if not bodiless and len(dict(self.headers).get(b"content-length", b"")) > LONGEST_LENGTH:
            raise LengthTooLong
        if old:
            self.expect_100_continue = False  # there was no such answer (RFC 9110, 10.1.1)
        super().on_headers_complete()
        if upgrade:  # what comes next is not for the parser to know: it may be of the other protocol
            self.cycle.keep_alive = False
        if not bodiless and not self.cycle.keep_alive:
            self._send_through(self._send_before_the_end)
        if old:
            self._send_through(_send_unchunked)
        elif not bodiless and self._may_be_left():
            self._send_through(_send_last)
        self._overhead -= min(head, self._overhead)
        self._begun, self._body, self._since = True, 0, self.loop.time()

    def _send_through(self, way: Callable[[RequestResponseCycle, ASGISendCallable, ASGISendEvent], Any]) -> None:
        """Have the answer sent so."""
        self.cycle.send = partial(way, self.cycle, self.cycle.send)  # type: ignore[method-assign]

    def _may_be_left(self) -> bool:
        """Whether the body may be longer than what is read of one that was answered."""
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and int(value) > WASTE)
            for name, value in self.headers
        )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 -- uvicorn's own
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        """End the request."""
        self._take_pieces()
        self._overhead, self._begun, self._dear = 0, False, False
        self._unanswered += 1
        if self._unanswered == 0:  # it was answered, and may have been too long to be read on
            self.flow.resume_reading()
        super().on_message_complete()

    def _take_pieces(self) -> None:
        """Take what was parsed of a body, which has a bound of its own. What nobody waits for is not read for long."""
        if not self._pieces:
            return
        self._dear = self._dear or len(self._pieces) > MANY
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._overhead = max(0, self._overhead - len(body) - len(body) // FRAMING)
        self._body += len(body)
        super().on_body(body)
        if self._unanswered < 0 and self._body > WASTE:
            self.flow.pause_reading()

    def on_response_complete(self) -> None:
        """It is the caller's turn again, or that of what came meanwhile."""
        self._unanswered -= 1
        self._since = self.loop.time()
        queued = bool(self.pipeline)
        super().on_response_complete()
        if queued and not self.pipeline and self._unparsed:
            self._crowd.queue(self)
        if self._refused and self._unanswered == 0:
            self._refuse(self._refused)

    def pause_writing(self) -> None:
        """The caller does not read."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does."""
        self._unread_since = None
        super().resume_writing()

    @property
    def waits_since(self) -> float | None:
        """Since when the caller lets us wait for a request: for ever who was refused, and None while we have one."""
        if self._lingers:
            return -inf
        return self._since if self._unanswered <= 0 else None

    def hurry(self, now: float) -> None:
        """End the connection where its caller is too slow."""
        if self._lingers and not self.transport.is_closing():
            return
        if self.transport.is_closing() or self._unread_since is not None:  # closed once what is written was read
            self._unread_since = self._unread_since or now
            if now - self._unread_since > UNREAD:
                self.abort()
        elif self._unanswered == 0 and (self._unparsed or self.flow.read_paused):  # it is we who do not read
            self._since = now
        elif self._unanswered <= 0 and now - self._since > self._patience():
            self._refuse("request_timeout")

    def abort(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def _patience(self) -> float:
        """Seconds for what the caller has to send."""
        if self._unanswered < 0:
            return UNWANTED
        return BODY + self._body / PACE if self._begun else HEAD

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, or too much of it."""
        large = self._too_much or (not self._begun and len(self.headers or ()) >= MOST_FIELDS)
        self._refuse("head_too_large" if large else "malformed_http")

    def _refuse(self, code: str) -> None:
        """Say what is wrong, and close. Where it would be a second answer, or one to nothing, only close."""
        if self._unanswered > 0:
            self._refuse_later(code)
            return
        late = code == "request_timeout"
        again = self._begun and self.cycle is self._answering and self.cycle.response_started
        if not again and (self._overhead or self._begun or not late):
            self.transport.write(_refusal(code))
        if late or self.transport.is_closing():
            self.transport.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Close a little later. What comes is read: a connection that is closed over it would cut off the answer."""
        self._lingers, self._unparsed, self._joining.full = True, b"", False
        self.transport.resume_reading()
        self._tell_of_the_end()
        self.loop.call_later(LINGER, self.transport.close)

    async def _send_before_the_end(
        self, cycle: RequestResponseCycle, send: ASGISendCallable, message: ASGISendEvent
    ) -> None:
        """Send the connection's last answer: where the body is not here whole, what is left of it is read a little."""
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last and cycle.more_body and not self._ends:
            cycle.keep_alive = True
            await send(message)
            self._linger()
        else:
            await send(message)

    def _throw_away(self, size: int) -> None:
        """Read no more where it was too much."""
        self._thrown_away += size
        if self._thrown_away > WASTE:
            self._joining.full = True
            self.transport.pause_reading()

    def _refuse_later(self, code: str) -> None:
        """Read no more, and refuse once what came before is answered: answers come in the order of their requests."""
        if self._begun:
            self.pipeline.popleft()  # the newest, which is the refused one
        self._refused, self._joining.full = code, True
        self.transport.pause_reading()


@cache
def _refusal(code: str) -> bytes:
    """The whole answer to what never became a request."""
    refusal = finish(problem_response(Problem(code, headers={"Connection": "close"})))
    head = b"".join(b"%b: %b\r\n" % header for header in refusal.raw_headers)
    return STATUS_LINE[refusal.status_code] + head + b"\r\n" + bytes(refusal.body)


async def _send_unchunked(cycle: RequestResponseCycle, send: ASGISendCallable, message: ASGISendEvent) -> None:
    """Send to a caller that knows no chunks (RFC 9112, 6.1): what says no length of itself ends with its connection."""
    if message["type"] == "http.response.start":
        if not any(name.lower() == b"content-length" for name, _ in message.get("headers", ())):
            cycle.chunked_encoding = False
    elif (
        message["type"] == "http.response.body"
        and cycle.chunked_encoding is False
        and cycle.expected_content_length == 0
    ):
        cycle.expected_content_length = len(message.get("body", b""))
    await send(message)


async def _send_last(cycle: RequestResponseCycle, send: ASGISendCallable, message: ASGISendEvent) -> None:
    """Send, and say that nothing comes after it where the body is not here whole: what follows would not be read."""
    if message["type"] != "http.response.start" or not cycle.more_body:
        await send(message)
        return
    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
    keep_alive = cycle.keep_alive
    await send(message)
    cycle.keep_alive = keep_alive  # the caller ends it, or our patience does: to cut it off could cut off the answer
