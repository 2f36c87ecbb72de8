"""How far each projection is: for readiness, metrics and whoever asks on the command line."""

from dataclasses import dataclass
from typing import Any, Final

from psycopg import AsyncConnection

from infrastructure.swap import successor_of
from projections import PROJECTIONS

# One statement, one snapshot: a position is never past the head.
_PROGRESS: Final = """
    SELECT head, projection, position, stopped_at, fault
    FROM (SELECT coalesce(max(notification_id), 0) AS head FROM gatehouse.stored_events) log
    LEFT JOIN gatehouse.tracking ON true
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """One projection on its way. `rebuilding` is where a table that is to take its place stands, if there is one."""

    name: str
    position: int
    head: int
    stopped_at: int | None = None
    fault: str | None = None
    rebuilding: int | None = None

    @property
    def lag(self) -> int:
        """Events that it has not taken yet."""
        return self.head - self.position

    @property
    def state(self) -> str:
        """What it does, in words."""
        if self.stopped_at is not None:
            return f"stopped at {self.stopped_at}: {self.fault}"
        if self.rebuilding is not None:
            return f"rebuilding at {self.rebuilding}"
        return "following"


async def progress(connection: AsyncConnection[Any]) -> list[Progress]:
    """Where each projection is; one that never ran is at the log's beginning."""
    rows = await (await connection.execute(_PROGRESS)).fetchall()
    tracked = {name: state for _, name, *state in rows}
    found = []
    for name in (projection.name for projection in PROJECTIONS):
        position, stopped_at, fault = tracked.get(name, (0, None, None))
        rebuilding = tracked.get(successor_of(name), (None,))[0]
        found.append(Progress(name, position, rows[0][0], stopped_at, fault, rebuilding))
    return found
