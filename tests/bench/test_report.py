import json

import pytest

import bench
from bench.report import BenchError, Report, Target

FAST = Target(name="ratio", measured=0.5, sense="at_least", bound=0.45)
HEAVY = Target(name="memory", measured=200.0, sense="below", bound=200.0)


class Measured:
    """A bench that has measured already."""

    def __init__(self, outcome: Report | BenchError) -> None:
        self.outcome = outcome

    def run(self, *, quick: bool) -> Report:
        """Hand the outcome back."""
        assert quick
        if isinstance(self.outcome, BenchError):
            raise self.outcome
        return self.outcome


def report(*targets: Target) -> Report:
    return Report(bench="sample", figures={"ratios": {"peer": 0.5}}, targets=targets, columns=("side",), rows=[["us"]])


def outcome_of(
    outcome: Report | BenchError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, object]]:
    monkeypatch.setitem(bench.BENCHES, "sample", "bench.sample")
    monkeypatch.setattr(bench, "import_module", lambda _: Measured(outcome))
    code = bench.main("sample", quick=True)
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(
    ("sense", "measured", "met"),
    [
        ("at_least", 3.0, True),
        ("at_least", 2.99, False),
        ("at_most", 3.0, True),
        ("at_most", 3.01, False),
        ("below", 2.99, True),
        ("below", 3.0, False),
        ("at_least", float("nan"), False),
        ("at_most", float("nan"), False),
        ("below", float("nan"), False),
    ],
)
def test_a_target_is_met_by_a_figure_within_its_bound(sense: str, measured: float, *, met: bool) -> None:
    assert Target(name="figure", measured=measured, sense=sense, bound=3.0).met is met  # type: ignore[arg-type]


def test_the_last_line_is_the_report_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome_of(report(FAST), monkeypatch, capsys) == (
        0,
        {
            "bench": "sample",
            "ratios": {"peer": 0.5},
            "met": True,
            "targets": {"ratio": {"at_least": 0.45, "measured": 0.5, "met": True}},
        },
    )


def test_one_missed_target_fails_the_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = outcome_of(report(FAST, HEAVY), monkeypatch, capsys)

    assert (code, line["met"]) == (1, False)


def test_what_could_not_be_measured_is_not_met(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome_of(BenchError("peer did not start"), monkeypatch, capsys) == (
        1,
        {"bench": "sample", "met": False, "error": "peer did not start"},
    )


def test_an_unknown_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main("nothing", quick=True) == 2
    assert "commands" in capsys.readouterr().err
