"""Work that takes long and is asked for over HTTP: one at a time, and a line of JSON at a time of how it goes.

It is done by processes beside the service, which keeps the other cores. Who stops reading ends it at its next step.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, TypeVar

import psycopg
import structlog
from starlette.responses import Response, StreamingResponse

from infrastructure.faults import CannotStart
from infrastructure.http import models
from infrastructure.http.problems import PROBLEMS, TYPES, Problem

NDJSON: Final = "application/x-ndjson"
L = TypeVar("L", bound=models.WorkLine)

log = structlog.get_logger()


class Abandoned(Exception):
    """Nobody listens any more."""


class Lines(Generic[L]):
    """Lines from the work's thread to the caller."""

    def __init__(self, line: type[L]) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[L | None] = asyncio.Queue()
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
        self._put(self._line(events=self._done, of=max(self._of, self._done)))

    def end(self, line: L) -> None:
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

    def _put(self, line: L | None) -> None:
        put: Callable[[L | None], None] = self._queue.put_nowait
        self._loop.call_soon_threadsafe(put, line)


class LongWork(Generic[L]):
    """Work of one kind. `under_way` is the problem of whoever asks while some is being done."""

    def __init__(self, name: str, line: type[L], *, under_way: str) -> None:
        self._name = name
        self._line = line
        self._code = under_way
        self._under_way = threading.Lock()

    def begin(self, work: Callable[[Lines[L]], L]) -> Response:
        """Answer with the lines of `work`, which hands back the last of them."""
        if not self._under_way.acquire(blocking=False):
            raise Problem(self._code)
        lines = Lines(self._line)
        threading.Thread(target=self._run, args=(work, lines), daemon=True).start()
        return StreamingResponse(lines.read(), media_type=NDJSON)

    def _run(self, work: Callable[[Lines[L]], L], lines: Lines[L]) -> None:
        """Do it in this thread, which waits for the process that does the work."""
        try:
            line = self._last(work, lines)
        finally:
            self._under_way.release()
        lines.end(line)

    def _last(self, work: Callable[[Lines[L]], L], lines: Lines[L]) -> L:
        try:
            return work(lines)
        except Abandoned:
            return self._line()
        except (CannotStart, psycopg.Error) as fault:
            log.warning("long_work_ended", work=self._name, fault=type(fault).__name__)
            return self._line(problem=_problem("unavailable"))
        except Exception as fault:  # the edge of this thread: whoever waits is told
            log.exception("long_work_failed", work=self._name, fault=type(fault).__name__)
            return self._line(problem=_problem("internal_error"))


def _problem(code: str) -> models.ProblemDetails:
    kind = PROBLEMS[code]
    return models.ProblemDetails(type=TYPES + code, title=kind.title, status=kind.status, code=code)
