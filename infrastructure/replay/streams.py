"""Customers' streams, one after the other in the order of their ids: a page of events is in memory at a time."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from domain.events import EVENTS
from infrastructure.arrays import TextArray
from projections.projection import CUSTOMER_EVENTS

PAGE: Final = 4000
"""Events that are read at once."""
LOWEST, HIGHEST = 0, 2**128 - 1

OTHERS: Final = TextArray(name for name, event in EVENTS.items() if event not in CUSTOMER_EVENTS)
"""Events of streams that are no customers'. What is unknown is not among them: it must not be passed over."""

_EVENTS: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at
    FROM gatehouse.stored_events
    WHERE (originator_id, originator_version) > (%b, %b) AND originator_id <= %b
        AND notification_id <= %b AND topic <> ALL (%b)
    ORDER BY originator_id, originator_version LIMIT %b
"""

Row = tuple[Any, ...]


class IllegibleEvent(Exception):
    """An event cannot be read or folded by this version."""

    def __init__(self, position: int, fault: Exception) -> None:
        super().__init__(f"the event at position {position} cannot be read: {type(fault).__name__}")


def customers_rows(
    connection: Connection[Any], lowest: int, highest: int, *, upto: int, page: int = PAGE
) -> Iterator[Row]:
    """The stored events of customers' streams with ids from `lowest` to `highest`, up to a position of the log."""
    stream, version, last = UUID(int=lowest), -1, UUID(int=highest)
    while True:
        asked = (stream, version, last, upto, OTHERS, page)
        found = connection.execute(_EVENTS, asked, prepare=True, binary=True).fetchall()
        for row in found:
            yield row
            stream, version = row[:2]
        if len(found) < page:
            return
