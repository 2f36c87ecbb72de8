"""Read your writes: `?wait=N`, or `Prefer: wait=N` (RFC 7240), on a read: it shows what was written before it.

Single customers and their stories are never stale and answer at once. A list waits for its projection.
"""

import asyncio
import re
from collections.abc import Collection
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from infrastructure.coalescing import Coalesced
from infrastructure.http.problems import Problem
from infrastructure.reading import Pool

LONGEST: Final = 10
"""Seconds that anybody is let wait, and what is answered to who would wait longer."""
PAUSE: Final = 0.01
LONGEST_PAUSE: Final = 0.1
"""Seconds from one look to the next, which double up to here."""
MENDING: Final = 30
"""Seconds after which to ask again where a projection has stopped: somebody must see to it first."""

_LARGEST_HEADER: Final = 1000
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_PARAMETER: Final = b"wait="
_PREFERENCE: Final = re.compile(r'(?:[^,"]|"(?:\\.|[^"\\])*")+')
_STATE: Final = """
    SELECT projection, position, stopped_at IS NOT NULL,
        coalesce((SELECT max(notification_id) FROM gatehouse.stored_events), 0)
    FROM unnest(%b::text[]) AS asked (projection) LEFT JOIN gatehouse.tracking USING (projection)
"""


class State(NamedTuple):
    """How far a projection has come, and the log."""

    position: int
    stopped: bool
    head: int


class Waiting:
    """Waits for projections; whoever waits at the same time shares each look."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._states = Coalesced(self._look)

    async def until_followed(self, projection: str, seconds: int) -> None:
        """Return once the projection is where the log is now. Raises `projection_behind` where it will not be."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + seconds, PAUSE
        state = await self._state(projection)
        head = state.head
        while state.position < head:
            if state.stopped:
                raise Problem("projection_behind", headers={"Retry-After": str(MENDING)})
            left = deadline - loop.time()
            if left <= 0:
                raise Problem("projection_behind")
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
            state = await self._state(projection)

    async def _state(self, projection: str) -> State:
        return await self._states.get(projection) or State(position=0, stopped=False, head=0)

    async def _look(self, projections: Collection[str]) -> dict[str, State]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_STATE, (list(projections),), prepare=True, binary=True)
            rows: list[tuple[Any, ...]] = await cursor.fetchall()
        return {name: State(position or 0, bool(stopped), head) for name, position, stopped, head in rows}


def preferred_wait(request: Request) -> int | None:
    """The seconds that a request would wait, up to `LONGEST`; None where it says nothing that we understand.

    The first `wait` counts (RFC 7240, 2). Whatever else is preferred, or is no preference, is passed over.
    """
    given = b",".join(value for name, value in request.scope["headers"] if name == b"prefer")
    if not given or len(given) > _LARGEST_HEADER:
        return None
    for preference in _PREFERENCE.findall(given.decode("latin-1")):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            seconds = value.strip().strip('"')
            return min(int(seconds), LONGEST) if _SECONDS.fullmatch(seconds) else None
    return None


def take_wait(request: Request) -> int | None:
    """The seconds of `?wait=N`, up to `LONGEST`, taken out of the query, whose other parameters are the handler's.

    None where it asks for nothing: no seconds are no look either, as where events are waited for.
    """
    query: bytes = request.scope["query_string"]
    if _PARAMETER not in query:
        return None
    parameters = query.split(b"&")
    asked = [parameter for parameter in parameters if parameter.startswith(_PARAMETER)]
    if len(asked) > 1:
        raise Problem("invalid_request", errors=[{"code": "repeated_parameter"}])
    if not asked:
        return None
    seconds = str(asked[0].removeprefix(_PARAMETER), "latin-1")
    if not _SECONDS.fullmatch(seconds):
        raise Problem("invalid_request", errors=[{"pointer": "/wait", "code": "int_parsing"}])
    parameters.remove(asked[0])
    request.scope["query_string"] = b"&".join(parameters)
    return min(int(seconds), LONGEST) or None
