import json
from uuid import UUID, uuid4

import pytest

from bench.drill_kill_postgres import compare
from bench.drills import main


def test_a_killed_server_loses_doubles_and_denies_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("kill-postgres", rounds=2) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["acknowledged"] > 0
    assert (outcome["lost"], outcome["doubled"], outcome["phantom_conflicts"]) == (0, 0, 0)


def test_a_drill_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("kill-the-cat", rounds=1) == 2
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_what_is_lost_or_doubled_is_counted() -> None:
    whole, partly, gone, twice = (UUID(int=number) for number in range(4))
    first, second, third, fourth, fifth = (UUID(int=number) for number in range(10, 15))
    acknowledged = {whole: {first}, partly: {second, third}, gone: {uuid4()}, twice: {fourth}}
    stored = [
        (first, whole, "CustomerRegistered"),
        (second, partly, "CustomerRegistered"),
        (fourth, twice, "CustomerRegistered"),
        (fifth, twice, "CustomerRegistered"),
    ]
    assert compare(acknowledged, stored) == (2, 1)


def test_an_answer_without_events_is_a_loss() -> None:
    assert compare({UUID(int=1): set()}, []) == (1, 0)
