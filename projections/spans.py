"""`spans`: which status each customer had, on two clocks. An in-order history costs about two spans a change.

A span holds where both clocks stand within it: the log had come to `recorded_from` and not yet to `recorded_until`
(positions: what did we know then?), and the time asked about is in [`occurred_from`, `occurred_until`) (what was true
then?). The spans of a customer never overlap: they are the fold of those events alone that had been recorded and had
occurred, in the log's order, whatever came late.
"""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.customer import LEADS_TO
from domain.events import CustomerRegistered
from domain.vocabulary import Status
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
    spans: list[Span] = []
    for span in row.spans:
        spans += _changed(span, status, recorded) if _concerns(span, status, recorded) else [span]
    return row._replace(spans=tuple(sorted(_joined(spans, recorded.position), key=lambda span: span[:3])))


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


def _changed(span: Span, status: Status, recorded: Envelope) -> list[Span]:
    """The span as it was known until now, what is left of it, and what takes the rest of its time."""
    position, occurred_at = recorded.position, recorded.context.occurred_at
    spans = [span._replace(recorded_until=position)]
    if span.occurred_from < occurred_at:
        spans.append(span._replace(recorded_from=position, occurred_until=occurred_at))
    spans.append(
        span._replace(
            recorded_from=position,
            occurred_from=max(span.occurred_from, occurred_at),
            status=status.value,
            updated_at=recorded.recorded_at,
        )
    )
    return spans


def _joined(spans: list[Span], position: int) -> list[Span]:
    """The spans, with those that `position` made alike and next to each other made one."""
    made = sorted(span for span in spans if span.recorded_from == position)
    joined: list[Span] = []
    for span in made:
        if joined and joined[-1] == span._replace(
            occurred_from=joined[-1].occurred_from, occurred_until=span.occurred_from
        ):
            joined[-1] = joined[-1]._replace(occurred_until=span.occurred_until)
        else:
            joined.append(span)
    return [span for span in spans if span.recorded_from != position] + joined


SPANS: Final = Projection(name="spans", row=Spans, keys=1, key=by_customer, evolve=spans_row, part=Span, part_keys=3)
