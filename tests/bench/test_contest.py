from collections.abc import Sequence

from bench.contest import THROUGHPUT, Contest, Turn
from bench.job import Outcome


def turns(*requests_per_s: float) -> Sequence[Turn]:
    return [
        Turn(load=outcome(rate), server_cpu_us=100.0, peak_mb=rate, settling_s=0.2, disturbance=0.0)
        for rate in requests_per_s
    ]


def outcome(rate: float) -> Outcome:
    return Outcome(
        requests_per_s=rate,
        p50_ms=1.0,
        p99_ms=2.0,
        answered=100,
        cpu_us_per_request=10.0,
        failures=0,
        first_failure="",
    )


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """A machine that slows down for a round slows both sides of it: the medians alone would say 100 / 300."""
    contest = Contest(turns={"ours": turns(50, 100, 400), "peer": turns(100, 300, 400)})

    assert contest.ratio("ours", "peer", THROUGHPUT) == 0.5


def test_memory_is_the_highest_of_all_turns() -> None:
    assert Contest(turns={"ours": turns(50, 400, 100)}).peak_mb("ours") == 400


def test_percentiles_are_in_milliseconds() -> None:
    latencies = [number / 1000 for number in range(1, 102)]

    measured = Outcome.of(latencies, in_time=50, seconds=0.5, cpu_seconds=0.0101)

    assert (measured.p50_ms, measured.p99_ms) == (51.0, 100.0)
    assert (measured.requests_per_s, measured.answered) == (100.0, 101)
    assert round(measured.cpu_us_per_request, 6) == 100.0


def test_a_run_without_answers_measures_nothing() -> None:
    measured = Outcome.of([], in_time=0, seconds=1.0, cpu_seconds=0.0)

    assert (measured.answered, measured.requests_per_s) == (0, 0.0)
