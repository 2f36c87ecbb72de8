"""Writes with an `Idempotency-Key`: each is executed once, and repeats are answered as the first was, for a day.

What is one command goes on record with its events, and its answer is made again from them. Anything else is begun on
record first, and its answer sealed. What is not decided leaves no record: faults, and requests that are malformed.
"""

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from application.executor import Outcome, outcome_of
from application.idempotency import KeyReused, Once
from application.ports import Unavailable
from domain.refusals import Refused
from infrastructure.http.idempotency_key import KeyHashes, Seal, read_key
from infrastructure.http.problems import PROBLEMS, Problem
from infrastructure.http.requests import has_body, keep_bytes
from infrastructure.http.routing import Call, Render, Route
from infrastructure.idempotency import IdempotencyKeys
from infrastructure.services import Services

PATIENCE: Final = 10.0
"""Seconds that a repeat waits for the first one in its process."""
UNKNOWN: Final = b""
"""The fingerprint of a request whose body is hashed as it is read, until it is."""
REMEMBERED: Final = 10_000
"""Keys that a process remembers; others it finds on record."""
DECIDED: Final = frozenset({403, 404, 409, 410, 412})
"""The statuses of refusals that are kept."""
PASSING: Final = frozenset({"export_under_way", "replay_under_way", "test_under_way", "trial_under_way", "in_progress"})
"""Refusals that ask to be tried again."""


class Answer(NamedTuple):
    """A whole answer, before what every answer is given on its way out."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def of(cls, response: Response) -> "Answer":
        """What a handler answered."""
        return cls(response.status_code, [*response.raw_headers], bytes(response.body))

    def response(self) -> Response:
        """The same answer again."""
        response = Response(self.body, self.status)
        response.raw_headers = [*self.headers]
        return response

    def written(self) -> bytes:
        """The answer as bytes."""
        headers = [[text.decode("latin-1") for text in header] for header in self.headers]
        return json.dumps([self.status, headers]).encode() + b"\n" + self.body

    @classmethod
    def read(cls, written: bytes) -> "Answer":
        """What was `written`."""
        head, _, body = written.partition(b"\n")
        status, headers = json.loads(head)
        return cls(status, [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers], body)


@dataclass(slots=True, eq=False)
class _First:
    """The first request under a key while it is under way in this process, and whoever waits for its answer."""

    once: Once
    waiting: "list[asyncio.Future[Response]]" = field(default_factory=list)

    async def follow(self, fingerprint: bytes) -> Response:
        """Its answer, for a repeat. Raises its refusal or fault."""
        if UNKNOWN in {fingerprint, self.once.fingerprint}:
            raise in_progress()
        if fingerprint != self.once.fingerprint:
            raise KeyReused
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.waiting.append(answer)
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            raise in_progress() from None

    def answered(self, response: Response) -> None:
        """Answer whoever waits."""
        for answer in self.waiting:
            if not answer.done():
                answer.set_result(Answer.of(response).response())

    def failed(self, fault: BaseException) -> None:
        """Tell whoever waits. An end of the process is none of theirs."""
        for answer in self.waiting:
            if not answer.done():
                answer.set_exception(fault if isinstance(fault, Exception) else Unavailable())


class Repeats:
    """Stands around the handlers of writes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._hashes = KeyHashes(services.keys)
        self._entries = IdempotencyKeys(services.pool)
        self._under_way: dict[bytes, _First] = {}
        self._settled: OrderedDict[bytes, None] = OrderedDict()

    async def answer(self, route: Route, call: Call) -> Response:
        """Execute the request, unless it is a repeat."""
        given = read_key(call.request)
        if given is None:
            return await route.handler(call)
        key = self._hashes.key_of(call.caller.actor, given)
        once = Once(key, UNKNOWN, self._services.new_id())
        request = await self._read(route, call.request, once)
        first = self._under_way.get(key)
        if first is not None:
            return await first.follow(once.fingerprint)
        seal = partial(self._hashes.seal, call.caller.actor, given)
        call = Call(request, call.caller, call.admitted, once, seal)
        first = self._under_way[key] = _First(once)
        try:
            if route.render is not None:
                response = await self._command(route, route.render, call, once)
            else:
                response = await self._begun(route, call, once, seal())
        except BaseException as fault:
            first.failed(fault)
            raise
        finally:
            del self._under_way[key]
            if once.settled:
                self._remember(key)
        first.answered(response)
        return response

    async def _read(self, route: Route, request: Request, once: Once) -> Request:
        """The request to go on with; its fingerprint is known as soon as its body is read."""
        if route.raw is not None:
            return _hashed(request, self._hashes.payload(request), once)
        body = await keep_bytes(request) if has_body(request) else b""
        once.fingerprint = self._hashes.payload_of(request, body)
        return request

    async def _command(self, route: Route, render: Render, call: Call, once: Once) -> Response:
        """Carry out what is one command: the executor finds out whether it is a repeat, unless we remember the key.

        What is refused before it gets there, as what was done once may be, is looked up here.
        """
        remembered = once.key in self._settled and once.fingerprint != UNKNOWN
        found = await self._entries.find(once.key) if remembered else None
        if found is None:
            try:
                return await route.handler(call)
            except (Refused, Problem) as refusal:
                if once.settled or (_kept(refusal) and await self._entries.settle(once, refusal.code)):
                    raise
                found = await self._entries.find(once.key)
                if found is None or (not _kept(refusal) and found.entry.fingerprint != once.fingerprint):
                    raise
        history = (await self._services.reader.streams([found.entry.stream])).get(found.entry.stream, [])
        if refusal_before := found.entry.refused(once.fingerprint, history):
            raise refusal_before
        return await render(call, outcome_of(found.entry, history))

    def _remember(self, key: bytes) -> None:
        """Know a key that is on record, for a while: its repeats make no batch of the executor's start again."""
        self._settled[key] = None
        if len(self._settled) > REMEMBERED:
            self._settled.popitem(last=False)

    async def _begun(self, route: Route, call: Call, once: Once, seal: Seal) -> Response:
        """Carry out anything else, if nobody has or does."""
        if not await self._entries.begin(once):
            return await self._found(once, seal)
        try:
            response = await route.handler(call)
        except (Refused, Problem) as refusal:
            if not _kept(refusal):
                await self._entries.abandon(once)
            elif not await self._entries.end(once, refusal=refusal.code):
                return await self._found(once, seal)
            raise
        except Exception:
            await self._entries.abandon(once)
            raise
        if not await self._entries.end(once, sealed=seal.seal(Answer.of(response).written(), once.key)):
            return await self._found(once, seal)
        return response

    async def _found(self, once: Once, seal: Seal) -> Response:
        """What is on record, as far as it has come."""
        found = await self._entries.find(once.key)
        if found is None:  # it was abandoned just now
            raise in_progress()
        if refusal := found.entry.refused(once.fingerprint, []):
            raise refusal
        if found.under_way or found.entry.sealed is None:
            raise in_progress()
        return Answer.read(seal.open(found.entry.sealed, once.key)).response()


def keep(call: Call, secret: str) -> None:
    """Let a repeat be told the secret that a command is about to be executed with."""
    if call.once and call.seal:
        call.once.sealed = call.seal().seal(secret.encode(), call.once.key)


def kept(call: Call, outcome: Outcome, secret: str = "") -> str:
    """The secret that a command was executed with: the first request's, where there may be repeats; else this one."""
    if call.once is None or call.seal is None or outcome.sealed is None:
        return secret
    return call.seal().open(outcome.sealed, call.once.key).decode()


def in_progress() -> Problem:
    """The first request has no answer yet."""
    return Problem("in_progress", headers={"Retry-After": "1"})


def _kept(refusal: Refused | Problem) -> bool:
    """Whether a refusal goes on record."""
    return PROBLEMS[refusal.code].status in DECIDED and refusal.code not in PASSING


def _hashed(request: Request, payload: blake2b, once: Once) -> Request:
    """The request with a body that is hashed as it is read."""

    async def receive() -> Any:  # noqa: ANN401 -- ASGI's own
        message = await request.receive()
        payload.update(message.get("body", b""))
        if not message.get("more_body", False):
            once.fingerprint = payload.digest()
        return message

    return Request(request.scope, receive)
