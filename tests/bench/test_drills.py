import json

import pytest

from bench.drills import main


def test_a_killed_server_loses_doubles_and_denies_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("kill-postgres", rounds=2) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["acknowledged"] > 0
    assert (outcome["lost"], outcome["doubled"], outcome["phantom_conflicts"]) == (0, 0, 0)


def test_a_drill_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("kill-the-cat", rounds=1) == 2
    assert json.loads(capsys.readouterr().out)["ok"] is False
