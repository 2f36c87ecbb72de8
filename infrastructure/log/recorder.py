"""The library's PostgreSQL recorder, with our append: one statement, plain arrays, an advisory lock.

Reading is the library's own. Events are inserted by `gatehouse.append`, at once or, for the executor, as part of a
transaction that is committed from the event loop.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.sql import SQL

from infrastructure.arrays import BigintArray, ByteaArray, TextArray, UuidArray, understand_arrays

SCHEMA: Final = "gatehouse"
TABLE: Final = "stored_events"
APPEND: Final = SQL("SELECT * FROM gatehouse.append(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)")
"""Events, receipts, streams that were seen, and what requests with an idempotency key came to."""
_APPEND_EVENTS: Final = SQL("SELECT * FROM gatehouse.append(%b, %b, %b, %b, %b, %b, %b, %b, %b)")


class Staged:
    """Rows that wait for their transaction to be committed."""

    def __init__(self) -> None:
        self.events: list[StoredEvent] = []

    def arrays(self) -> tuple[UuidArray, BigintArray, TextArray, ByteaArray]:
        """The rows as `gatehouse.append` takes them: streams, versions, topics, states."""
        streams = (event.originator_id for event in self.events)
        return (
            UuidArray(stream for stream in streams if isinstance(stream, UUID)),
            BigintArray(event.originator_version for event in self.events),
            TextArray(event.topic for event in self.events),
            ByteaArray(event.state for event in self.events),
        )


class LogDatastore(PostgresDatastore):
    """The library's pool, without the composite types that plain arrays do not need."""

    def register_type_adapters(self) -> None:
        """Do nothing: there is no composite type."""


class LogRecorder(PostgresApplicationRecorder):
    """Appends under the advisory lock, and leaves retrying to whoever knows what a retry means."""

    def __init__(self, datastore: LogDatastore) -> None:
        super().__init__(datastore, events_table_name=TABLE)

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, into: Staged | None = None, **_: object
    ) -> Sequence[int] | None:
        """Append `stored_events` and answer their positions, or only stage them `into` a transaction."""
        if into is not None:
            into.events.extend(stored_events)
            return None
        staged = Staged()
        staged.events.extend(stored_events)
        nothing = (UuidArray(()), UuidArray(()), BigintArray(()), UuidArray(()), BigintArray(()))
        with self.datastore.get_connection() as connection:
            understand_arrays(connection)
            row = connection.execute(_APPEND_EVENTS, (*staged.arrays(), *nothing)).fetchone()
        first = row["first_position"] if row else 0
        return range(first, first + len(stored_events))
