"""Public events as they travel: one body for the feed, the stream and webhooks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.events import WebhookType
from domain.vocabulary import Status
from infrastructure.http.models import Resource
from projections.feed import FeedRow

LARGEST: Final = 10**18 - 1
LONGEST: Final = 30
"""Seconds that a page waits for an event."""

After = Annotated[int, Field(ge=0, le=LARGEST)]


class PublicEvent(Resource):
    """A change of what a partner sees of a customer, and the customer as it looks from then on.

    `sequence` counts a partner's events without a gap; `previousSequence` is that of the customer's event before, and
    null at its first: whoever has seen all of one customer need not wait for others.
    """

    webhook_type: WebhookType
    event_id: UUID
    id: UUID
    external_id: str
    chain_id: str
    status: Status
    created_at: datetime
    updated_at: datetime
    sequence: Annotated[int, Field(examples=[42])]
    previous_sequence: Annotated[int | None, Field(examples=[17])]


class EventPage(Resource):
    """Events in order. `next` is the sequence of the last, or the one that was asked after where there are none."""

    events: list[PublicEvent]
    next: Annotated[int, Field(examples=[42])]


class EventQuery(BaseModel):
    """`GET /v1/events`: after which sequence, how many at most, and how many seconds to wait for one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: After = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    wait: Annotated[int, Field(ge=0, le=LONGEST)] = 0


class StreamQuery(BaseModel):
    """`GET /v1/events/stream`: after which sequence, for whoever cannot send `Last-Event-ID`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: After = 0


def public_event(row: FeedRow) -> PublicEvent:
    """The event that a row of the feed holds: of its columns, those that the model names."""
    return PublicEvent(id=row.customer_id, **row._asdict())


def body_of(row: FeedRow) -> bytes:
    """The event's JSON, on one line. Whoever sends or shows it sends these bytes."""
    return PublicEvent.__pydantic_serializer__.to_json(public_event(row))


def page_of(rows: Sequence[FeedRow], after: int) -> bytes:
    """An `EventPage` of what came after a sequence."""
    return b'{"events":[%b],"next":%d}' % (b",".join(map(body_of, rows)), rows[-1].sequence if rows else after)
