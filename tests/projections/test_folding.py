"""What holds of every projection: it is a function of the log alone, however the log comes in."""

from functools import reduce
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.envelope import Envelope
from application.mapper import unread
from projections import PROJECTIONS
from projections.projection import Projection
from tests.domain.histories import HISTORIES
from tests.projections.recorded import recorded, tables

EACH = pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
LOGS = st.lists(st.sampled_from(sorted(HISTORIES)), min_size=1, max_size=5)


def log_of(names: list[str], data: st.DataObject) -> list[Envelope]:
    """The events of several customers, in a log in which each stream is in order."""
    streams = [recorded(*HISTORIES[name], stream=UUID(int=number)) for number, name in enumerate(names)]
    turns = [number for number, stream in enumerate(streams) for _ in stream]
    log = [streams[number].pop(0) for number in data.draw(st.permutations(turns))]
    for position, envelope in enumerate(log, 1):
        envelope.position = position
    return log


@EACH
@pytest.mark.parametrize("name", HISTORIES)
def test_what_it_does_not_take_changes_nothing(projection: Projection[Any], name: str) -> None:
    row: Any = None
    for envelope in recorded(*HISTORIES[name]):
        before, row = row, projection.evolve(row, envelope)
        assert type(envelope.event) in projection.takes or row is before


@EACH
@pytest.mark.parametrize("name", HISTORIES)
def test_what_it_does_not_look_into_may_stay_unread(projection: Projection[Any], name: str) -> None:
    history = recorded(*HISTORIES[name])
    seen = [
        envelope
        if type(envelope.event) in projection.reads
        else unread(envelope.stream, envelope.version, envelope.type, envelope.position, envelope.recorded_at)
        for envelope in history
        if type(envelope.event) in projection.takes
    ]

    assert reduce(projection.evolve, seen, None) == reduce(projection.evolve, history, None)


@EACH
@settings(derandomize=True, max_examples=50, deadline=None)
@given(names=LOGS, data=st.data())
def test_it_makes_no_difference_where_batches_end(projection: Projection[Any], names: list[str], data: Any) -> None:  # noqa: ANN401 -- hypothesis's
    log = log_of(names, data)
    cuts = sorted({0, len(log), *data.draw(st.lists(st.integers(0, len(log)), max_size=8))})

    at_once = tables(projection, [log])

    assert tables(projection, [log[start:end] for start, end in pairwise(cuts)]) == at_once
    assert tables(projection, [[envelope] for envelope in log]) == at_once


@EACH
@settings(derandomize=True, max_examples=25, deadline=None)
@given(names=LOGS, data=st.data())
def test_customers_do_not_touch_each_other(projection: Projection[Any], names: list[str], data: Any) -> None:  # noqa: ANN401 -- the same
    log = log_of(names, data)

    together = tables(projection, [log])

    alone: dict[tuple[Any, ...], Any] = {}
    for number in range(len(names)):
        alone |= tables(projection, [[envelope for envelope in log if envelope.stream == UUID(int=number)]])
    assert together == alone


@EACH
def test_a_row_begins_with_its_key(projection: Projection[Any]) -> None:
    for history in HISTORIES.values():
        for key, row in tables(projection, [recorded(*history)]).items():
            assert row[: projection.keys] == key


@EACH
def test_a_projection_takes_every_event_that_a_customer_can_have(projection: Projection[Any]) -> None:
    for history in HISTORIES.values():
        for start in range(len(history)):
            tables(projection, [recorded(*history[start:])])


def test_projections_have_names_of_their_own() -> None:
    assert [projection.name for projection in PROJECTIONS] == ["customers", "feed", "reviews", "spans", "worklist"]
