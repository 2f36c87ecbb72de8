"""Histories as the log hands them to projections: at positions, with times and causes, all made from the version."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Final
from uuid import UUID

from application.envelope import Context, Envelope
from domain.vocabulary import Event
from projections.projection import Projection
from tests.domain.samples import CUSTOMER, NOW

ACTOR: Final = "policy:some-policy"
CORRELATION: Final = UUID(int=0xC0)


def moment(version: int) -> datetime:
    """When the log recorded the event of a version."""
    return NOW + timedelta(hours=version)


def event_id(version: int) -> UUID:
    """The id of the event of a version."""
    return UUID(int=0xE0000 + version)


def recorded(*history: Event, stream: UUID = CUSTOMER, after: int = 0, first_position: int = 101) -> list[Envelope]:
    """A stream's events from a version on."""
    return [
        Envelope(
            stream=stream,
            version=after + version,
            event_id=event_id(after + version),
            context=Context(
                ACTOR, UUID(int=0xA0 + version), CORRELATION, moment(after + version) - timedelta(minutes=1)
            ),
            event=event,
            position=first_position + version - 1,
            recorded_at=moment(after + version),
        )
        for version, event in enumerate(history, 1)
    ]


def row_of(projection: Projection[Any], *history: Event) -> Any:  # noqa: ANN401 -- the projection's row
    """The row that a history leads to."""
    return reduce(projection.evolve, recorded(*history), None)


def tables(projection: Projection[Any], batches: Iterable[Iterable[Envelope]]) -> dict[tuple[Any, ...], Any]:
    """The table after batches, as a projector keeps it: rows are stored, and read again for the next batch."""
    stored: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for batch in batches:
        changed: dict[tuple[Any, ...], Any] = {key: projection.row(*row) for key, row in stored.items()}
        for envelope in batch:
            key = projection.key(envelope)
            changed[key] = projection.evolve(changed.get(key), envelope)
        stored = {key: tuple(row) for key, row in changed.items() if row is not None}
    return stored
