from bench.postgres import postgres
from bench.stream_reader import Heard
from bench.streams import Measured, Plan, measure, report


def test_a_few_streams_hear_everything_in_order() -> None:
    plan = Plan(partners=2, streams=5, customers=10, per_s=50.0)
    with postgres() as machine:
        made = report(measure(machine.create_database("gatehouse"), machine.folder, plan), plan, machine.version())

    assert made.met
    assert made.figures["delivered"] == 50


def test_memory_is_counted_at_its_peak_and_what_was_missed_with_what_was_out_of_order() -> None:
    heard = Heard(events=8, out_of_order=1, seconds=[0.02] * 8)
    plan = Plan(partners=1, streams=1, customers=1, per_s=1.0)

    made = report(Measured(heard, expected=10, before_mb=50.0, open_mb=120.0, peak_mb=210.0), plan, "17")

    assert {target.name: (target.measured, target.met) for target in made.targets} == {
        "more_mb": (160.0, False),
        "missed_or_out_of_order": (3, False),
    }
    assert made.figures["delay"] == {"p50_ms": 20.0, "p99_ms": 20.0, "max_ms": 20.0}
