"""Policies on trial, for admins: counts alone, no customer. The list is whose who may see customers: `./run trial`."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Final

import psycopg
import structlog
from starlette.responses import Response, StreamingResponse

from domain.policies.registry import STEPS
from infrastructure.api_keys import Role
from infrastructure.faults import CannotStart
from infrastructure.http import admin_models, models
from infrastructure.http.problems import PROBLEMS, TYPES, Problem
from infrastructure.http.routing import Call, Route
from infrastructure.replay.lives import Access
from infrastructure.replay.trial import summary, tried_policy
from infrastructure.services import Services

NDJSON: Final = "application/x-ndjson"
ADMIN: Final[frozenset[Role]] = frozenset({"admin"})

log = structlog.get_logger()


class Abandoned(Exception):
    """Nobody listens any more."""


class PolicyRoutes:
    """One trial at a time, in a process of its own beside the service, which keeps the other cores."""

    def __init__(self, services: Services) -> None:
        self._access = Access(services.conninfo, services.keys, source=services.key_source)
        self._under_way = threading.Lock()

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "POST",
                "/policies/{name}/trial",
                self.trial,
                ADMIN,
                "Try a policy version on every recorded decision",
                answer=admin_models.TrialLine,
                media_type=NDJSON,
                problems=("policy_not_found", "trial_under_way"),
                tag="policies",
                safe=True,
            )
        ]

    async def trial(self, call: Call) -> Response:
        """Whom would it have treated otherwise, by reason? Changes nothing. The answer is a line of JSON at a time.

        First how many events are read of about how many, again and again, then the `result` or the `problem`. Each
        decision is judged on its recorded evidence, in the state that was recorded up to it.
        """
        policy = call.request.path_params["name"]
        if policy not in STEPS:
            raise Problem("policy_not_found")
        if not self._under_way.acquire(blocking=False):
            raise Problem("trial_under_way")
        lines = _Lines()
        threading.Thread(target=self._try, args=(policy, lines), daemon=True).start()
        return StreamingResponse(lines.read(), media_type=NDJSON)

    def _try(self, policy: str, lines: "_Lines") -> None:
        """Run the trial in this thread, which waits for the process that does the work."""
        try:
            line = self._tried(policy, lines)
        finally:
            self._under_way.release()
        lines.end(line)

    def _tried(self, policy: str, lines: "_Lines") -> admin_models.TrialLine:
        """The last line."""
        try:
            with tried_policy(self._access, policy, processes=1, begun=lines.begin, progress=lines.advance) as run:
                return admin_models.TrialLine(result=admin_models.PolicyTrial.model_validate(summary(run, policy)))
        except Abandoned:
            return admin_models.TrialLine()
        except (CannotStart, psycopg.Error) as fault:
            log.warning("trial_ended", policy=policy, fault=type(fault).__name__)
            return _problem("unavailable")
        except Exception as fault:  # the edge of this thread: whoever waits is told
            log.exception("trial_failed", policy=policy, fault=type(fault).__name__)
            return _problem("internal_error")


class _Lines:
    """Lines from the trial's thread to the caller. Who stops reading ends the trial at its next step."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[admin_models.TrialLine | None] = asyncio.Queue()
        self._abandoned = False
        self._done = 0
        self._of = 0

    def begin(self, events: int) -> None:
        """There are about so many events."""
        self._of = events
        self.advance(0)

    def advance(self, events: int) -> None:
        """So many more are read. Raises `Abandoned`."""
        if self._abandoned:
            raise Abandoned
        self._done += events
        self._put(admin_models.TrialLine(events=self._done, of=max(self._of, self._done)))

    def end(self, line: admin_models.TrialLine) -> None:
        """The last line."""
        self._put(line)
        self._put(None)

    async def read(self) -> AsyncIterator[bytes]:
        """The lines, as they come."""
        try:
            while (line := await self._queue.get()) is not None:
                yield line.model_dump_json(exclude_none=True).encode() + b"\n"
        finally:
            self._abandoned = True

    def _put(self, line: admin_models.TrialLine | None) -> None:
        put: Callable[[admin_models.TrialLine | None], None] = self._queue.put_nowait
        self._loop.call_soon_threadsafe(put, line)


def _problem(code: str) -> admin_models.TrialLine:
    kind = PROBLEMS[code]
    told = models.ProblemDetails(type=TYPES + code, title=kind.title, status=kind.status, code=code)
    return admin_models.TrialLine(problem=told)
