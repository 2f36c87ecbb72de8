"""`spans`: which status each customer had, on two clocks. An in-order history costs about two spans a change.

A span holds where both clocks stand within it: the log had come to `recorded_from` and not yet to `recorded_until`
(positions: what did we know then?), and the time asked about is in [`occurred_from`, `occurred_until`) (what was true
then?). The spans of a customer never overlap: they are the fold of those events alone that had been recorded and had
occurred, in the log's order, whatever came late.
"""

from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.customer import LEADS_TO
from domain.events import CustomerRegistered
from domain.vocabulary import Status
from projections.customers import changed_at
from projections.projection import Projection, by_customer


class Span(NamedTuple):
    """A status as the customer's partner sees it. `until` is open where it is None."""

    customer: UUID
    recorded_from: int
    occurred_from: datetime
    recorded_until: int | None
    occurred_until: datetime | None
    partner: UUID
    registered_position: int
    status: str
    updated_at: datetime


class Spans(NamedTuple):
    """All spans of one customer, in the order of their keys."""

    customer: UUID
    spans: tuple[Span, ...]


def spans_row(row: Spans | None, recorded: Envelope) -> Spans | None:
    """The customer's spans after `recorded`: what was known before stays, closed where `recorded` says otherwise."""
    status = LEADS_TO.get(type(recorded.event))
    if row is None:
        return _first(recorded, recorded.event) if isinstance(recorded.event, CustomerRegistered) else None
    if status is None:
        return row
    kept: list[Span] = []
    made: list[Span] = []
    for span in row.spans:
        if _concerns(span, status, recorded):
            kept.append(_known_until(span, recorded.position))
            made += _made(span, status, recorded)
        else:
            kept.append(span)
    return Spans(row.customer, (*kept, *_joined(made)))


def _first(recorded: Envelope, event: CustomerRegistered) -> Spans:
    first = Span(
        customer=recorded.stream,
        recorded_from=recorded.position,
        occurred_from=recorded.context.occurred_at,
        recorded_until=None,
        occurred_until=None,
        partner=event.partner,
        registered_position=recorded.position,
        status=Status.INITIATING.value,
        updated_at=recorded.recorded_at,
    )
    return Spans(recorded.stream, (first,))


def _concerns(span: Span, status: Status, recorded: Envelope) -> bool:
    """Whether an event changes what is known of a span, or of its end."""
    ends_later = span.occurred_until is None or span.occurred_until > recorded.context.occurred_at
    return span.recorded_until is None and ends_later and span.status != status.value


def _known_until(span: Span, position: int) -> Span:
    """The span as it was known until now. `_replace` would cost four times as much, and every change comes here."""
    return Span._make((*span[:3], position, *span[4:]))


def _made(span: Span, status: Status, recorded: Envelope) -> Iterator[Span]:
    """What is left of the span, and what takes the rest of its time."""
    position, occurred_at = recorded.position, recorded.context.occurred_at
    customer, _, occurred_from, _, occurred_until, partner, registered, before, updated_at = span
    if occurred_from < occurred_at:
        yield Span(customer, position, occurred_from, None, occurred_at, partner, registered, before, updated_at)
        occurred_from = occurred_at
    yield Span(
        customer,
        position,
        occurred_from,
        None,
        occurred_until,
        partner,
        registered,
        status.value,
        changed_at(recorded, updated_at),
    )


def _joined(made: list[Span]) -> list[Span]:
    """Spans of one position in order of time, those that are alike and next to each other made one."""
    joined: list[Span] = []
    for span in sorted(made, key=_OCCURRED_FROM):
        before = joined[-1] if joined else None
        if before and before.occurred_until == span.occurred_from and before[5:] == span[5:]:
            joined[-1] = Span._make((*before[:4], span.occurred_until, *before[5:]))
        else:
            joined.append(span)
    return joined


_OCCURRED_FROM: Final = attrgetter("occurred_from")

SPANS: Final = Projection(
    name="spans",
    row=Spans,
    keys=1,
    key=by_customer,
    evolve=spans_row,
    takes=frozenset(LEADS_TO),
    reads=frozenset(LEADS_TO),
    part=Span,
    part_keys=3,
)
