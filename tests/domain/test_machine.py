from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.domain.life import Life


def test_ten_thousand_random_transitions_agree_with_the_naive_reading() -> None:
    Life.steps, Life.moves = 0, set()

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=250,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )

    assert Life.steps >= 10_000
    assert {(before, after) for before, after in Life.moves if before != after} == {
        ("nobody", "initiating"),
        ("initiating", "screening"),
        ("screening", "verifying"),
        ("screening", "rejected"),
        ("verifying", "active"),
        ("verifying", "rejected"),
        ("active", "inactive"),
        ("active", "rejected"),
        ("inactive", "active"),
        ("inactive", "rejected"),
    }
