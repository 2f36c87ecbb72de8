"""The feed: every change that a partner sees of its customers, in order, without a gap and without a word of why."""

from collections import defaultdict
from functools import reduce
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.envelope import Envelope
from domain.events import (
    CustomerDeactivated,
    CustomerReactivated,
    CustomerRegistered,
    SubjectErased,
)
from domain.vocabulary import Ground
from projections.customers import CustomerRow, customer_row
from projections.feed import CustomerFeed, FeedRow, feed_row, numbered
from tests.domain.histories import (
    ACTIVE,
    DEACTIVATED_BY_PARTNER,
    HISTORIES,
    REJECTED_IN_SCREENING,
    UNDER_LEGAL_HOLD,
)
from tests.domain.samples import BY_PARTNER, CUSTOMER
from tests.projections.recorded import event_id, moment, recorded

PARTNERS: Final = [UUID(int=0xAA), UUID(int=0xBB)]
LIVES: Final = st.lists(
    st.tuples(st.sampled_from(sorted(HISTORIES)), st.sampled_from(PARTNERS)), min_size=1, max_size=6
)


def events_of(history: list[Envelope]) -> tuple[FeedRow, ...]:
    """The public events of one customer's history."""
    nothing: CustomerFeed | None = None
    feed = reduce(feed_row, history, nothing)
    return feed.events if feed else ()


def seen(row: CustomerRow | FeedRow) -> tuple[Any, ...]:
    """What a partner sees of a customer."""
    return row.external_id, row.chain_id, row.status, row.created_at, row.updated_at


def log_of(lives: list[tuple[str, UUID]], data: st.DataObject) -> list[Envelope]:
    """The events of several customers of two partners, interleaved."""
    streams = []
    for number, (name, partner) in enumerate(lives):
        stream = recorded(*HISTORIES[name], stream=UUID(int=number))
        for envelope in stream:
            if isinstance(envelope.event, CustomerRegistered):
                envelope.event = envelope.event.model_copy(update={"partner": partner})
        streams.append(stream)
    turns = [number for number, stream in enumerate(streams) for _ in stream]
    log = [streams[number].pop(0) for number in data.draw(st.permutations(turns))]
    for position, envelope in enumerate(log, 1):
        envelope.position = position
    return log


def followed(batches: list[list[Envelope]]) -> dict[UUID, CustomerFeed]:
    """The feed after batches, numbered as each is taken."""
    feeds: dict[UUID, CustomerFeed] = {}
    for batch in batches:
        changed = dict[UUID, CustomerFeed]()
        for envelope in batch:
            after = feed_row(changed.get(envelope.stream, feeds.get(envelope.stream)), envelope)
            if after is not None:
                changed[envelope.stream] = after
        last: dict[UUID, int] = defaultdict(int)
        for event in (event for feed in feeds.values() for event in feed.events):
            last[event.partner] = max(last[event.partner], event.sequence)
        feeds |= dict(zip(changed, numbered([*changed.values()], last), strict=True))
    return feeds


@settings(derandomize=True, max_examples=100, deadline=None)
@given(lives=LIVES, data=st.data())
def test_numbers_have_no_gap_and_are_the_same_wherever_batches_end(
    lives: list[tuple[str, UUID]], data: st.DataObject
) -> None:
    log = log_of(lives, data)
    cuts = sorted({0, len(log), *data.draw(st.lists(st.integers(0, len(log)), max_size=8))})

    feeds = followed([log[start:end] for start, end in pairwise(cuts)])

    assert feeds == followed([log]) == followed([[envelope] for envelope in log])
    events = sorted((event for feed in feeds.values() for event in feed.events), key=lambda event: event.position)
    for partner in PARTNERS:
        numbers = [event.sequence for event in events if event.partner == partner]
        assert numbers == list(range(1, len(numbers) + 1))
    for feed in feeds.values():
        before = [None, *(event.sequence for event in feed.events)]
        assert [event.previous_sequence for event in feed.events] == before[:-1]


@pytest.mark.parametrize("name", HISTORIES)
def test_there_is_an_event_exactly_where_the_customer_looks_different(name: str) -> None:
    history = recorded(*HISTORIES[name])
    row: CustomerRow | None = None
    looks: list[tuple[Any, ...]] = []
    for envelope in history:
        row = customer_row(row, envelope)
        events = events_of(history[: envelope.version])
        if row and (not looks or looks[-1] != seen(row)):
            looks.append(seen(row))
            assert seen(events[-1]) == looks[-1]
            assert (events[-1].position, events[-1].event_id) == (envelope.position, event_id(envelope.version))
        assert len(events) == len(looks)


def test_the_first_event_says_created_and_all_others_updated() -> None:
    events = events_of(recorded(*ACTIVE))

    assert [event.webhook_type for event in events] == ["customer.created", *["customer.updated"] * 3]
    assert [event.status for event in events] == ["initiating", "screening", "verifying", "active"]
    assert {event.created_at for event in events} == {moment(1)}


def test_a_second_reason_to_be_inactive_is_not_heard_of() -> None:
    """Nor can when it ends be told from the partner's own pause."""
    suspended = CustomerDeactivated(ground=Ground.SUSPICION, decided_by="policy:monitoring-1")

    events = events_of(recorded(*DEACTIVATED_BY_PARTNER, suspended, CustomerReactivated(decided_by=BY_PARTNER)))

    assert [event.status for event in events[-3:]] == ["active", "inactive", "active"]


def test_erasure_is_heard_of_and_takes_the_names_from_all_that_was_before() -> None:
    erasure = SubjectErased(legal_basis="retention_ended", key_reference="0" * 64)

    before, after = (events_of(recorded(*history)) for history in (ACTIVE, (*ACTIVE, erasure)))

    assert {event.external_id for event in before} == {"user-4711"}
    assert {(event.external_id, event.chain_id) for event in after} == {("", "")}
    assert len(after) == len(before) + 1
    assert (after[-1].status, after[-1].updated_at) == ("active", before[-1].updated_at)


def test_a_legal_hold_is_not_heard_of() -> None:
    assert len(events_of(recorded(*UNDER_LEGAL_HOLD))) == len(events_of(recorded(*REJECTED_IN_SCREENING)))


def test_a_stream_that_does_not_begin_with_a_registration_has_no_events() -> None:
    assert events_of(recorded(*ACTIVE[1:], stream=CUSTOMER)) == ()


@pytest.mark.parametrize("name", HISTORIES)
def test_what_was_taken_before_changes_nothing(name: str) -> None:
    history = recorded(*HISTORIES[name])
    after = followed([history]).get(CUSTOMER)

    assert reduce(feed_row, history, after) == after
