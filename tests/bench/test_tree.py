import pytest

from application.transparency.tiles import Growth, root_of
from bench.tree import BATCH, leaf, report, tiles_of


@pytest.mark.parametrize(("p99", "met"), [(1.99, True), (2.0, False)])
def test_the_tree_is_held_against_its_rate_and_what_a_path_costs(p99: float, *, met: bool) -> None:
    made = report(50_000.4, {"median": 0.5, "p99": p99}, {"median": 9.0, "p99": 99.0}, {})

    assert {target.name: (target.measured, target.met) for target in made.targets} == {
        "leaves_per_s": (50_000, True),
        "path_median_ms": (0.5, True),
        "path_p99_ms": (p99, met),
    }


@pytest.mark.parametrize("entries", [1, 256, BATCH, BATCH + 700])
def test_a_tree_of_made_up_leaves_has_each_tile_once(entries: int) -> None:
    found = list(tiles_of(entries))

    tiles = dict(found)
    assert len(tiles) == len(found)
    assert tiles == Growth().extend([leaf(number) for number in range(entries)])
    assert root_of(tiles, entries)
