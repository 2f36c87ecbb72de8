import pytest

from bench.append import report, state
from bench.job import Outcome
from bench.pgbench import outcome_of
from bench.report import BenchError

SUMMARY = """
transaction type: insert.sql
number of clients: 32
number of transactions actually processed: 40911
number of failed transactions: 0 (0.000%)
latency average = 2.345 ms
initial connection time = 55.217 ms
tps = 13645.617219 (without initial connection time)
"""
LOG = [f"{client} {number} {1000 * number} 0 1763870000 {number}" for client in (0, 1) for number in range(1, 102)]


def outcome(rate: float, failures: int = 0) -> Outcome:
    return Outcome(
        requests_per_s=rate,
        p50_ms=1.0,
        p99_ms=2.0,
        answered=100,
        cpu_us_per_request=10.0,
        failures=failures,
        first_failure="",
    )


def test_what_pgbench_says_is_read() -> None:
    measured = outcome_of(SUMMARY, LOG)

    assert (measured.requests_per_s, measured.answered, measured.failures) == (13645.617219, 202, 0)
    assert (measured.p50_ms, measured.p99_ms) == (51.0, 100.0)


def test_pgbench_that_says_something_else_measures_nothing() -> None:
    with pytest.raises(BenchError, match="could be read"):
        outcome_of("pgbench: hello", LOG)


def test_appends_are_compared_round_by_round() -> None:
    turns = {
        "gatehouse": [outcome(50), outcome(100), outcome(400)],
        "stock_library": [outcome(5), outcome(5), outcome(20)],
        "pgbench": [outcome(100), outcome(300), outcome(400)],
    }

    made = report(turns, {1: outcome(10)}, [outcome(30), outcome(40)], {})

    assert {target.name: (target.measured, target.met) for target in made.targets} == {
        "pgbench": (0.5, False),
        "stock_library": (20.0, True),
    }
    assert made.figures["two_processes"] == {"appends_per_s": 70, "p50_ms": 1.0, "p99_ms": 2.0}


def test_without_pgbench_the_other_target_stands() -> None:
    turns = {"gatehouse": [outcome(50)], "stock_library": [outcome(5)]}

    made = report(turns, {}, [outcome(1)], {"pgbench": "skipped"})

    assert [target.name for target in made.targets] == ["stock_library"]


def test_a_side_that_failed_is_not_compared() -> None:
    turns = {"gatehouse": [outcome(50)], "stock_library": [outcome(5, failures=1)]}

    with pytest.raises(BenchError):
        report(turns, {}, [outcome(1)], {})


def test_the_row_is_of_about_300_bytes() -> None:
    assert 250 < len(state()) < 350
