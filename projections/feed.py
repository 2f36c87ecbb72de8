"""`feed`: what each partner hears of its customers, for good: every change of what it sees of one, numbered.

An event of the log is public where the customer looks different to its partner afterwards. Why it does, and whatever
goes on inside a status, is never here. Erasure is such a change, and takes the customer's names out of all before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.customer import LEADS_TO
from domain.events import CustomerRegistered, SubjectErased, WebhookType
from domain.vocabulary import Event, Status
from projections.customers import changed_at
from projections.projection import Numbering, Projection, by_customer

CREATED: Final[WebhookType] = "customer.created"
UPDATED: Final[WebhookType] = "customer.updated"


class FeedRow(NamedTuple):
    """One public event: the customer as its partner sees it from then on."""

    customer_id: UUID
    position: int
    partner: UUID
    event_id: UUID
    """The log's own."""
    webhook_type: str
    external_id: str
    chain_id: str
    status: str
    created_at: datetime
    updated_at: datetime
    sequence: int = 0
    """1, 2, 3 and so on for each partner; 0 until it is numbered."""
    previous_sequence: int | None = None
    """That of the same customer's public event before; None at its first."""


class CustomerFeed(NamedTuple):
    """All public events of one customer, in the log's order."""

    customer_id: UUID
    events: tuple[FeedRow, ...]


def feed_row(row: CustomerFeed | None, recorded: Envelope) -> CustomerFeed | None:
    """The customer's public events after `recorded`; one that is new has no number yet.

    Numbers are given once: what was taken before changes nothing, should the log be taken again.
    """
    event = recorded.event
    if row is None:
        return _begun(recorded, event) if isinstance(event, CustomerRegistered) else None
    last = row.events[-1]
    if recorded.position <= last.position:
        return row
    if isinstance(event, SubjectErased):
        events = tuple(past._replace(external_id="", chain_id="") for past in row.events)
        return CustomerFeed(row.customer_id, (*events, _next(events[-1], recorded, last.status, last.updated_at)))
    status = LEADS_TO.get(type(event))
    if status is None or status == last.status:
        return row
    changed = _next(last, recorded, status.value, changed_at(recorded, last.updated_at))
    return CustomerFeed(row.customer_id, (*row.events, changed))


def numbered(feeds: Sequence[CustomerFeed], last: Mapping[UUID, int]) -> list[CustomerFeed]:
    """The same, with numbers for what is new: in the log's order, from each partner's `last` one on."""
    new = sorted((event.position, event.partner) for feed in feeds for event in feed.events if not event.sequence)
    counts, numbers = dict(last), dict[int, int]()
    for position, partner in new:
        numbers[position] = counts[partner] = counts.get(partner, 0) + 1
    return [CustomerFeed(feed.customer_id, tuple(_chained(feed.events, numbers))) for feed in feeds]


def _chained(events: Sequence[FeedRow], numbers: Mapping[int, int]) -> Iterator[FeedRow]:
    """The events with their numbers, each with that of the one before."""
    previous: int | None = None
    for event in events:
        sequence = event.sequence or numbers[event.position]
        yield event if event.sequence else FeedRow._make((*event[:-2], sequence, previous))
        previous = sequence


def _begun(recorded: Envelope, event: CustomerRegistered) -> CustomerFeed:
    first = FeedRow(
        customer_id=recorded.stream,
        position=recorded.position,
        partner=event.partner,
        event_id=recorded.event_id,
        webhook_type=CREATED,
        external_id=event.external_id,
        chain_id=event.wallet,
        status=Status.INITIATING.value,
        created_at=recorded.recorded_at,
        updated_at=recorded.recorded_at,
    )
    return CustomerFeed(recorded.stream, (first,))


def _next(last: FeedRow, recorded: Envelope, status: str, at: datetime) -> FeedRow:
    return FeedRow(
        customer_id=last.customer_id,
        position=recorded.position,
        partner=last.partner,
        event_id=recorded.event_id,
        webhook_type=UPDATED,
        external_id=last.external_id,
        chain_id=last.chain_id,
        status=status,
        created_at=last.created_at,
        updated_at=at,
    )


_PUBLIC: Final[frozenset[type[Event]]] = frozenset((*LEADS_TO, SubjectErased))

FEED: Final = Projection(
    name="feed",
    row=CustomerFeed,
    keys=1,
    key=by_customer,
    evolve=feed_row,
    takes=_PUBLIC,
    reads=_PUBLIC,
    part=FeedRow,
    part_keys=2,
    numbering=Numbering(number="sequence", per="partner", columns=2, give=numbered),
)
