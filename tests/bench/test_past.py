"""The bench of the past: every list is asked for as of every kind of moment, and each past is held to its present."""

import json
from datetime import datetime

import pytest
import uvloop

from bench.lives import load_lives, recorded_at, stored_lives
from bench.past import LISTS, NOW, RARE, measure, report
from bench.postgres import Database
from infrastructure.postgres import service_conninfo
from infrastructure.projector import Projector
from projections import PROJECTIONS


def test_every_list_is_asked_for_as_of_every_kind_of_moment(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.growth.SAMPLE", 2)
    load_lives(database, 2_000)
    uvloop.run(Projector(service_conninfo(database), PROJECTIONS).catch_up())

    times = uvloop.run(measure(Database(database), 2_000, rounds=2))

    assert set(times) == set(LISTS)
    for by_moment in times.values():
        assert set(by_moment) == {NOW, "position", "recorded time", "occurred time"}
        assert all(len(taken) == 2 and min(taken) > 0 for taken in by_moment.values())


def test_a_past_that_takes_too_long_is_missed_unless_its_status_is_rare() -> None:
    slow = {NOW: [1.0, 1.0], "position": [3.1, 3.1]}
    rare = report({"all": {NOW: [1.0], "position": [3.0]}, RARE: slow}, {})

    assert rare.met
    assert not report({"all": slow}, {}).met


def test_lives_are_recorded_after_they_occurred() -> None:
    for *_, state, position, at in stored_lives(500, after=0):
        assert at == recorded_at(position)
        assert datetime.fromisoformat(json.loads(state)["occurredAt"]) < at
