import pytest

from bench.lag import Waiting, passed, summary
from bench.projections import report

RATES = {"all": [9000.0, 9000.0], "customers": [20_000.0, 30_000.0], "stock_library": [500.0, 400.0]}


@pytest.mark.parametrize(("lag", "met"), [(99.9, True), (100.0, False)])
def test_projections_are_held_against_rate_ratio_and_lag(lag: float, *, met: bool) -> None:
    made = report(RATES, {"p99_ms": lag}, {})

    assert {target.name: (target.measured, target.met) for target in made.targets} == {
        "stock_library": (57.5, True),
        "customers_events_per_s": (25_000.0, True),
        "lag_p99_ms": (lag, met),
    }


def test_a_lag_ends_when_every_projection_has_passed() -> None:
    waiting = Waiting([(10, 1.0), (13, 1.5), (11, 1.0)])

    assert list(passed(waiting, 11, 3.0)) == [2.0, 2.0]
    assert list(waiting) == [(13, 1.5)]


def test_lags_are_told_in_milliseconds() -> None:
    lags = [number / 1000 for number in range(1, 102)]

    assert summary(lags) == {"p50_ms": 51.0, "p99_ms": 100.0, "max_ms": 101.0}
