"""The sanctions bench: a process's peak is its own, and the worse turn counts."""

import subprocess
import sys

import pytest

from bench.footprint import peak_mb
from bench.sanctions import Turn, report

HELD = "held = b'x' * 50_000_000; del held; print('over', flush=True); input()"


def test_a_peak_is_remembered_after_it_is_over() -> None:
    command = [sys.executable, "-c", HELD]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 -- our own script
        assert process.stdout
        assert process.stdout.readline() == "over\n"
        assert 50 < peak_mb(process.pid) < 100
        process.communicate("\n")


@pytest.mark.parametrize(("peak", "met"), [(99.9, True), (100.0, False)])
def test_the_worse_turn_counts(peak: float, met: bool) -> None:  # noqa: FBT001 -- a parameter
    turns = [Turn(source="file", mb=120, seconds=3, peak_mb=70), Turn(source="url", mb=120, seconds=4, peak_mb=peak)]

    measured = report(turns, {})

    assert measured.met is met
    assert (measured.figures["peak_mb"], measured.figures["seconds"]) == (peak, 4)
