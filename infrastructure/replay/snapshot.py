"""One moment of the database, seen by as many connections as there are processes, whatever is written meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.sql import SQL

from infrastructure.arrays import understand_arrays
from infrastructure.replay.streams import HIGHEST, LOWEST, OTHERS

SMALL: Final = 50_000
"""Events that are not worth a second process."""

_PATIENCE: Final = (
    "SET statement_timeout = 0",  # a page may take long where the disk is slow
    "SET idle_in_transaction_session_timeout = 0",  # who keeps the snapshot waits for those who read in it
    "SET enable_seqscan = off",  # pages and rows are found by their keys, whatever the planner thinks of a table
)
_POSITIONS: Final = "SELECT projection, position FROM gatehouse.tracking"
_HEAD: Final = "SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events"
_SAMPLE: Final = """
    SELECT avg((topic <> ALL (%b))::int)::float8,
        percentile_disc(%b::float8[]) WITHIN GROUP (ORDER BY originator_id) FILTER (WHERE topic <> ALL (%b))
    FROM gatehouse.stored_events TABLESAMPLE SYSTEM (1)
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The moment: its name for other connections, and how far each projection had come."""

    connection: Connection[Any]
    name: str
    positions: dict[str, int]

    @property
    def reached(self) -> int:
        """The position of the foremost projection."""
        return max(self.positions.values(), default=0)

    @property
    def head(self) -> int:
        """The last position of the log."""
        row = self.connection.execute(_HEAD).fetchone()
        return int(row[0]) if row else 0

    def ranges(self, at_most: int, upto: int | None = None) -> tuple[int, list[tuple[int, int]]]:
        """About how many events there are up to a position, and ranges of stream ids with about as many events each."""
        upto = self.reached if upto is None else upto
        if upto < SMALL:
            return upto, [(LOWEST, HIGHEST)]
        parts = [part / at_most for part in range(1, at_most)]
        row = self.connection.execute(_SAMPLE, (OTHERS, parts, OTHERS)).fetchone()
        share, bounds = row or (None, None)
        firsts = sorted({bound.int for bound in bounds or () if isinstance(bound, UUID)} - {LOWEST})
        lasts = [*(first - 1 for first in firsts), HIGHEST]
        return round(upto * (share or 1)), list(zip([LOWEST, *firsts], lasts, strict=True))


@contextmanager
def taken(conninfo: str) -> Iterator[Snapshot]:
    """Take a snapshot, and keep it until the context is left."""
    with reading(conninfo) as connection:
        name = connection.execute("SELECT pg_export_snapshot()").fetchone()
        positions = dict(connection.execute(_POSITIONS).fetchall())
        yield Snapshot(connection, name[0] if name else "", positions)


@contextmanager
def reading(conninfo: str, snapshot: str | None = None) -> Iterator[Connection[Any]]:
    """A connection in one read-only transaction, in a snapshot that another one keeps if it is named."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        understand_arrays(connection)
        for setting in _PATIENCE:
            connection.execute(setting)
        connection.autocommit = False
        connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
        if snapshot is not None:
            connection.execute(SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
        yield connection
