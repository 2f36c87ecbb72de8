"""The replay bench: a log of whole lives, and a figure that counts PostgreSQL's processor time too."""

import itertools
from collections import Counter

import pytest

from bench.lives import AT_ONCE, stored_lives
from bench.replay import Turn, report


def test_lives_stand_interleaved_at_positions_without_gaps() -> None:
    rows = list(stored_lives(2_000, after=7))

    assert [row[4] for row in rows] == list(range(8, 2_008))
    assert all(one[0] != next_one[0] for one, next_one in itertools.pairwise(rows))
    seen: Counter[object] = Counter()
    for stream, version, *_ in rows:
        seen[stream] += 1
        assert version == seen[stream]
    assert max(seen.values()) == 9, "a life with everything in it is whole"
    assert len(seen) > 2 * AT_ONCE


def test_the_same_lives_are_made_in_every_run() -> None:
    assert list(stored_lives(300, after=0)) == list(stored_lives(300, after=0))


@pytest.mark.parametrize(("server", "met"), [(0.5, True), (1.5, False)])
def test_postgresql_s_processor_time_counts(server: float, met: bool) -> None:  # noqa: FBT001 -- a parameter
    turns = [Turn(events=100_000, rows=120_000, seconds=4.0, own=1.0, server=server)] * 3

    measured = report(turns, {})

    assert measured.met is met
    assert measured.figures["events_per_s_per_core"] == round(100_000 / (1 + server))
    assert measured.figures["events_per_s"] == 25_000
