from pathlib import Path

import pytest

from bench import verify
from bench.report import BenchError
from bench.verify import Turn, report


def test_both_passes_are_timed_over_the_same_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "QUICK_ENTRIES", 600)
    monkeypatch.setattr(verify, "TURNS", 1)
    found = verify.run(quick=True)
    assert found.figures["entries"] == 600
    assert {target.name for target in found.targets} == {"entries_per_s", "times_plain_hashlib"}


def test_a_bundle_that_is_not_all_right_is_no_measurement(tmp_path: Path) -> None:
    verify.write_bundle(tmp_path, 10)
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(BenchError):
        verify.commanded(tmp_path, 10)


@pytest.mark.parametrize(("seconds", "met"), [(1.0, True), (1.6, False), (11.0, False)])
def test_a_verifier_that_is_slow_or_slower_than_hashing_misses(seconds: float, *, met: bool) -> None:
    assert report([Turn(seconds, seconds, 1.0)] * 3, entries=1_000_000, megabytes=1.0).met is met
