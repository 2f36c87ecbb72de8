"""Spans of status against a naive replay: as of every position and every time, on both clocks, whatever came late."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import pairwise
from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from application.envelope import Envelope
from projections.customers import CustomerRow, customer_row
from projections.spans import Span, Spans, spans_row
from tests.domain.histories import ACTIVE, HISTORIES
from tests.domain.stored import envelope_of
from tests.projections.recorded import moment, recorded

CHANGES: Final = [
    "ChallengeVerified",
    "ScreeningPassed",
    "VerificationPassed",
    "CustomerDeactivated",
    "CustomerReactivated",
    "VerificationHeld",
    "IllicitActivityConfirmed",
]
HOURS: Final = st.integers(0, 8)
LATE: Final = st.tuples(HOURS, st.lists(st.tuples(st.sampled_from(CHANGES), HOURS), max_size=8))
"""When a customer registered, and what happened to it when, in the order in which we heard of it."""


def history(registered: int, changes: list[tuple[str, int]]) -> list[Envelope]:
    """The stream in which we heard of it so."""
    events = [HISTORIES["registered"][0], *(envelope_of(name).event for name, _ in changes)]
    hours = [registered, *(hour for _, hour in changes)]
    return [
        replace(envelope, context=envelope.context._replace(occurred_at=moment(hour)))
        for envelope, hour in zip(recorded(*events), hours, strict=True)
    ]


def naive(stream: list[Envelope], known: int, at: datetime | None) -> CustomerRow | None:
    """A replay of what had been recorded up to a position and had occurred by a time (None: whenever)."""
    nothing: CustomerRow | None = None
    told = [one for one in stream if one.position <= known and (at is None or one.context.occurred_at <= at)]
    return reduce(customer_row, told, nothing)


def in_force(spans: Spans | None, known: int, at: datetime | None) -> list[Span]:
    """The spans in which both clocks stand."""
    return [
        span
        for span in (spans.spans if spans else ())
        if span.recorded_from <= known and (span.recorded_until is None or known < span.recorded_until)
        if (span.occurred_until is None if at is None else span.occurred_from <= at)
        if at is None or span.occurred_until is None or at < span.occurred_until
    ]


def spans_of(stream: list[Envelope]) -> Spans | None:
    """What the projection makes of a stream."""
    nothing: Spans | None = None
    return reduce(spans_row, stream, nothing)


def times(stream: list[Envelope]) -> list[datetime | None]:
    """Every time at which anything may change, just before it, and none."""
    occurred = sorted({envelope.context.occurred_at for envelope in stream})
    return [None, *occurred, *(time - timedelta(microseconds=1) for time in occurred)]


@settings(derandomize=True, max_examples=300, deadline=None)
@given(heard=LATE)
@example(heard=(5, [("ChallengeVerified", 3), ("ScreeningPassed", 7)]))
@example(heard=(0, [("ChallengeVerified", 4), ("CustomerDeactivated", 2), ("CustomerDeactivated", 1)]))
@example(heard=(0, [("VerificationPassed", 5), ("CustomerDeactivated", 7), ("VerificationPassed", 2)]))
def test_as_of_any_two_clocks_one_span_is_in_force_and_says_what_a_replay_says(
    heard: tuple[int, list[tuple[str, int]]],
) -> None:
    stream = history(*heard)
    spans = spans_of(stream)

    for known in range(stream[0].position - 1, stream[-1].position + 2):
        for at in times(stream):
            said = [
                (span.customer, span.status, span.updated_at, span.partner, span.registered_position)
                for span in in_force(spans, known, at)
            ]
            row = naive(stream, known, at)
            told = row and (row.id, row.status, row.updated_at, row.partner, row.registered_position)
            assert said == ([told] if told else [])


@settings(derandomize=True, max_examples=100, deadline=None)
@given(heard=LATE)
def test_what_was_known_is_never_forgotten(heard: tuple[int, list[tuple[str, int]]]) -> None:
    stream = history(*heard)
    steps = [spans_of(stream[:end]) for end in range(1, len(stream) + 1)]

    for before, after in pairwise(steps):
        assert before
        assert after
        kept = {span[:3]: span for span in after.spans}
        for span in before.spans:
            assert kept[span[:3]]._replace(recorded_until=span.recorded_until) == span


def test_a_history_that_came_in_order_costs_two_spans_a_change() -> None:
    spans = spans_of(recorded(*ACTIVE))

    assert spans
    assert [span.status for span in spans.spans if span.occurred_until is None] == [
        "initiating",
        "screening",
        "verifying",
        "active",
    ]
    assert len(spans.spans) == 7


def test_spans_stand_in_the_order_of_their_keys() -> None:
    for name in HISTORIES:
        spans = spans_of(recorded(*HISTORIES[name]))
        assert spans
        assert list(spans.spans) == sorted(spans.spans, key=lambda span: span[:3])
