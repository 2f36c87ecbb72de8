"""The export bench: the rate is held against a copy of the same rows, and memory against that of fewer events."""

import pytest

from bench.export import Turn, report

FEW = [Turn(copied=0.3, exported=1.5, without_start=0.9, peak_mb=100.0)] * 3


@pytest.mark.parametrize(("exported", "peak_mb", "met"), [(7.0, 105.0, True), (8.0, 105.0, False), (7.0, 115.0, False)])
def test_rate_and_memory_each_have_a_bound(exported: float, peak_mb: float, met: bool) -> None:  # noqa: FBT001 -- a parameter
    many = [Turn(copied=3.0, exported=exported, without_start=exported - 1, peak_mb=peak_mb)] * 3

    measured = report(FEW, many, {"events": 1_000_000}, quick=False)

    assert measured.met is met
    assert measured.figures["ratio"] == round(3 / exported, 3)
    assert measured.figures["events_per_s"] == round(1_000_000 / exported)


def test_so_few_events_as_a_quick_look_takes_say_nothing_of_the_rate() -> None:
    assert report(FEW, FEW, {"events": 100_000}, quick=True).met
