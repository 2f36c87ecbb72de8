"""Public events as they travel: one body for the feed, the stream and webhooks."""

from datetime import datetime
from uuid import UUID

from domain.events import WebhookType
from domain.vocabulary import Status
from infrastructure.http.models import Resource
from projections.feed import FeedRow


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
    sequence: int
    previous_sequence: int | None


def public_event(row: FeedRow) -> PublicEvent:
    """The event that a row of the feed holds: of its columns, those that the model names."""
    return PublicEvent(id=row.customer_id, **row._asdict())


def body_of(row: FeedRow) -> bytes:
    """The event's JSON, on one line. Whoever sends or shows it sends these bytes."""
    return PublicEvent.__pydantic_serializer__.to_json(public_event(row))
