"""What a route is, and the gate that every request goes through: who calls, may they, and what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from application.executor import Outcome
from application.idempotency import Once, RefusedBefore
from application.mapper import UnknownEventType
from application.ports import ProviderUnavailable, Unavailable
from domain.refusals import CustomerExists, Refused
from infrastructure.api_keys import Caller, Role
from infrastructure.audit_trail import AuditTrail
from infrastructure.http.authentication import Authentication
from infrastructure.http.idempotency_key import Seal
from infrastructure.http.problems import Problem, problem_response
from infrastructure.http.rates import Rates
from infrastructure.http.refusal_timing import wait_to_refuse
from infrastructure.http.request_signatures import RequestSignatures
from infrastructure.http.requests import has_body, keep_bytes
from infrastructure.http.waiting import Waiting, preferred_wait, take_wait
from infrastructure.metrics import LATENCY, REQUESTS
from infrastructure.postgres import AWAY

JSON: Final = "application/json"
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
SECURITY_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
]
_OF_PUBLIC: Final = [header for header in SECURITY_HEADERS if header[0] != b"cache-control"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and who makes it."""

    request: Request
    caller: Caller
    admitted: Callable[[], Awaitable[bool]]
    """Whether the same request would be let in now: whoever is answered for long asks again."""
    once: Once | None = None
    """What makes repeats of it known, where the caller says what they are known by."""
    seal: Callable[[], Seal] | None = None
    """What seals for repeats alone; there is one where there is `once`."""


Render = Callable[[Call, Outcome], Awaitable[Response]]
"""Makes an answer from what a command came to, and from nothing else: a repeat gets the same one."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API. `roles` may call it."""

    method: str
    path: str
    handler: Callable[[Call], Awaitable[Response]]
    roles: frozenset[Role]
    summary: str
    answer: type[BaseModel] | None = None
    status: int = 200
    media_type: str = JSON
    example: str | None = None
    """Of an answer that is no JSON."""
    body: type[BaseModel] | None = None
    raw: str | None = None
    """The media type of a body that is not JSON, and is read as it comes."""
    body_required: bool = True
    query: type[BaseModel] | None = None
    headers: tuple[str, ...] = ()
    """Of a good answer, those that mean something: each is always there."""
    problems: tuple[str, ...] = ()
    tag: str = field(default="customers")
    authenticate: Callable[[Request], Awaitable[Caller]] | None = None
    """How it is found out who calls, where that is not by a bearer credential."""
    shows: str | None = None
    """The projection that a read shows as it is, and that it can wait for. Other reads are never stale."""
    resumes: bool = False
    """Whether `Last-Event-ID` says where to go on."""
    render: Render | None = None
    """How a write answers that is one command, which its handler executes `once`."""
    safe: bool = False
    """Whether it changes nothing (RFC 9110, 9.2.1) although it is no GET: a repeat is done again."""

    @property
    def writes(self) -> bool:
        """Whether it takes an idempotency key."""
        return self.method != "GET" and not self.safe

    @property
    def takes_wait(self) -> bool:
        """Whether `wait` in its query stands for the preference; where it has such a parameter itself, that counts."""
        return self.method == "GET" and not (self.query and "wait" in self.query.model_fields)


class PublicResponse(Response):
    """What anybody may see and keep; it says itself for how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Turns a route's handler into an endpoint: authenticates, authorises, counts, and answers errors."""

    authentication: Authentication
    rates: Rates
    signatures: RequestSignatures
    once: Callable[[Route, Call], Awaitable[Response]]
    """Stands around the handlers of writes."""
    waiting: Waiting
    trail: AuditTrail

    def guard(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a route that needs a caller."""
        authenticate = route.authenticate or self.authentication.of_bearer

        async def endpoint(request: Request) -> Response:
            begun = perf_counter()
            try:
                return await self._admitted(route, request, await authenticate(request))
            except (Refused, Problem) as refusal:
                await wait_to_refuse(refusal.code, begun)
                raise

        return answered(f"{route.method} {route.path}", endpoint)

    async def _admitted(self, route: Route, request: Request, caller: Caller) -> Response:
        """The answer to a caller who is known, if it may call, and calls as it must."""
        self.rates.spend(caller.key_id, route.method)
        request = self.signatures.check(request, caller)
        if caller.role not in route.roles:
            raise Problem("forbidden")
        wait = take_wait(request) if route.takes_wait else None
        if route.query is None and request.scope["query_string"]:
            raise Problem("invalid_request", errors=[{"code": "unknown_field"}])
        return await self._answer(route, Call(request, caller, partial(self._admits, request, caller)), wait)

    async def _answer(self, route: Route, call: Call, wait: int | None) -> Response:
        """What the handler answers to a write, once, or to a read, which may wait and may be on record."""
        if route.writes:
            if route.body is None and route.raw is None and has_body(call.request):
                await keep_bytes(call.request)  # nothing is done for a request that does not arrive whole
            return await self.once(route, call)
        if wait is None and route.method == "GET":
            wait = preferred_wait(call.request)
        response = await route.handler(call) if wait is None else await self._waited(route, call, wait)
        if "customer_id" in call.request.path_params:
            await self._note(route, call)
        return response

    async def _waited(self, route: Route, call: Call, seconds: int) -> Response:
        """The answer to a read that would wait for what was written before it."""
        if route.shows is not None:
            await self.waiting.until_followed(route.shows, seconds)
        response = await route.handler(call)
        response.raw_headers.append((b"preference-applied", b"wait=%d" % seconds))
        return response

    async def _note(self, route: Route, call: Call) -> None:
        """Put on record that somebody was shown a customer, before the answer is given."""
        _, _, what = route.path.partition("}/")
        given = call.request.path_params
        customer_id = UUID(given["customer_id"])
        await self.trail.note(call.caller, customer_id, what.partition("/")[0] or "customer", given.get("digest"))

    async def _admits(self, request: Request, caller: Caller) -> bool:
        try:
            return await self.authentication.of_bearer(request) == caller
        except Problem:
            return False


def answered(name: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """`endpoint`, with refusals and faults as problem details, security headers and metrics."""
    counters: dict[int, Counter] = {}

    async def answering(request: Request) -> Response:
        begun = perf_counter()
        try:
            response = await endpoint(request)
        except Exception as fault:  # noqa: BLE001 -- the edge: every fault becomes an answer
            response = _failure(name, fault)
        finish(response)
        counter = counters.get(response.status_code)
        if counter is None:
            counter = counters[response.status_code] = REQUESTS.labels(name, response.status_code)
        counter.inc()
        LATENCY.observe(perf_counter() - begun)
        return response

    return answering


def finish(response: Response) -> Response:
    """Add the security headers. A page brings a content policy of its own."""
    response.raw_headers += _OF_PUBLIC if isinstance(response, PublicResponse) else SECURITY_HEADERS
    if not isinstance(response, HTMLResponse):
        response.raw_headers.append(_POLICY)
    return response


def _failure(name: str, fault: Exception) -> Response:
    """What the caller hears of an exception."""
    if isinstance(fault, Problem):
        return problem_response(fault)
    if isinstance(fault, CustomerExists | RefusedBefore) and fault.customer:
        return problem_response(Problem(fault.code, id=fault.customer))
    if isinstance(fault, Refused):
        return problem_response(Problem(fault.code))
    if isinstance(fault, Unavailable):
        return problem_response(Problem("unavailable"))
    if isinstance(fault, UnknownEventType):  # written by a newer version, which knows how to go on
        log.error("unknown_event", route=name, type=str(fault))
        return problem_response(Problem("unavailable"))
    if isinstance(fault, ProviderUnavailable):
        return problem_response(Problem("unavailable", headers={"Retry-After": str(fault.retry_after or 60)}))
    if isinstance(fault, AWAY):
        log.warning("database_unavailable", route=name, fault=type(fault).__name__)
        return problem_response(Problem("unavailable"))
    log.error("request_failed", route=name, fault=type(fault).__name__, exc_info=fault)
    return problem_response(Problem("internal_error"))
