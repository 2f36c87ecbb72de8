from bench.growth import ratios, report
from bench.history import EACH, positions


def test_growth_is_the_median_of_the_rounds_ratios() -> None:
    """A machine that slows down for a round slows every length: the medians alone would say 2."""
    times = {"append": {10: [1.0, 2.0, 4.0], 100: [1.0, 4.0, 4.0], 1000: [1.1, 2.2, 8.0]}}

    assert ratios(times) == {"append": {10: 1.0, 100: 1.0, 1000: 1.1}}


def test_the_longest_log_is_held_against_the_shortest() -> None:
    times = {
        "append": {10: [1.0], 100: [9.0], 1000: [1.3]},
        "page": {10: [1.0], 100: [1.0], 1000: [1.31]},
        "stream": {10: [2.0], 100: [2.0], 1000: [1.0]},
    }

    assert {target.name: target.met for target in report(times, {}).targets} == {
        "append": True,
        "page": False,
        "stream": True,
    }


def test_every_position_is_somebodys_and_a_customers_ascend() -> None:
    taken = [[position for step in positions(number, 1003) for position in step] for number in range(1003)]

    assert sorted(position for own in taken for position in own) == list(range(1, 1003 * EACH + 1))
    assert all(own == sorted(own) for own in taken)
