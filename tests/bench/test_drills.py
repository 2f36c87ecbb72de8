import json
from uuid import UUID, uuid4

import pytest

from bench import drill_order
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


def test_a_tailing_reader_sees_all_of_what_two_processes_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("order", rounds=1) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (outcome["events"], outcome["acknowledged"]) == (5000, 5000)


@pytest.mark.parametrize(
    ("seen", "stored", "wrong"),
    [
        ([1, 3], [1, 2, 3], {"missed": 1}),
        ([1, 2, 2, 3], [1, 2, 3], {"doubled": 1, "disordered": 1}),
        ([2, 1, 3], [1, 2, 3], {"disordered": 1}),
        ([1, 3, 4], [1, 3, 4], {"gaps": 1}),
        ([1, 2], [1, 2], {}),
    ],
)
def test_what_a_reader_did_not_see_as_it_is_is_counted(
    seen: list[int], stored: list[int], wrong: dict[str, int]
) -> None:
    def places(positions: list[int]) -> list[drill_order.Place]:
        return [(position, UUID(int=position), 1) for position in positions]

    outcome = drill_order.compare(places(seen), places(stored), acknowledged=3)

    nothing = {"missed": 0, "doubled": 0, "disordered": 0, "gaps": 0}
    assert outcome == {**nothing, **wrong, "ok": False}


def test_an_order_without_fault_is_well() -> None:
    one: drill_order.Place = (1, UUID(int=1), 1)
    assert drill_order.compare([one], [one], acknowledged=1)["ok"] is True
