"""Tiles: whatever the batches, the same tiles and root; paths as C2SP tlog-tiles writes them."""

from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.transparency.tiles import (
    BYTES,
    WIDTH,
    Growth,
    Place,
    hashes_of,
    needed,
    path_of,
    paths_to,
    place_of,
    root_of,
    tile_root,
    width_at,
    widths,
)
from application.transparency.tree import consistency, inclusion, leaf_hash, verify_consistency, verify_inclusion

MANY: Final = 100_000
GOLDEN: Final = "0874391c20863a5741bbfff0b576749d8d9d72cb4931e79692ea8aefd3457f1f"
"""The root over `MANY` made-up leaves. It never changes: if it does, every signed root of every log has changed."""
SOME: Final = [leaf_hash(b"leaf %d" % number) for number in range(70_000)]
SIZES: Final = (0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 69_999)


def grown(leaves: list[bytes], *cuts: int) -> tuple[Growth, dict[Place, bytes]]:
    """A tree that took leaves in batches, cut where it says, and its tiles."""
    growth, tiles = Growth(), dict[Place, bytes]()
    for begin, end in pairwise([0, *cuts, len(leaves)]):
        tiles.update(growth.extend(leaves[begin:end]))
    return growth, tiles


@pytest.fixture(scope="module")
def tiles() -> dict[Place, bytes]:
    return grown(SOME)[1]


def test_the_root_over_100_000_entries_is_golden() -> None:
    _, tiles = grown([leaf_hash(b'{"position":%d}' % position) for position in range(1, MANY + 1)])

    assert root_of(tiles, MANY).hex() == GOLDEN


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.data())
def test_batches_of_any_size_give_the_same_tiles(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from((1, 255, 256, 257, 600, 1500)))
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=8)))

    growth, tiles = grown(SOME[:size], *cuts)

    assert tiles == grown(SOME[:size])[1]
    assert growth.size == size


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.lists(st.sampled_from((0, 1, 2, 100, 254, 255, 256, 257, 1000, 65_280)), max_size=6))
def test_batches_at_the_edges_of_tiles_give_the_same_root(batches: list[int]) -> None:
    cuts = [min(sum(batches[: number + 1]), len(SOME)) for number in range(len(batches))]
    leaves = SOME[: cuts[-1]] if cuts else []

    _, tiles = grown(leaves, *cuts[:-1])

    assert root_of(tiles, len(leaves)) == root_of(grown(leaves)[1], len(leaves))


@pytest.mark.parametrize("size", SIZES)
def test_a_tree_goes_on_from_its_right_edge_alone(size: int) -> None:
    _, before = grown(SOME[:size])
    growth = Growth(size, {place: before[place] for place in widths(size)})

    after = before | growth.extend(SOME[size:])

    assert after == grown(SOME)[1]


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_tile_of_a_smaller_tree_is_the_beginning_of_that_of_a_larger(tiles: dict[Place, bytes], size: int) -> None:
    for place, smaller in grown(SOME[:size])[1].items():
        assert tiles[place][: width_at(place, size) * BYTES] == smaller
        assert len(smaller) == width_at(place, size) * BYTES


@pytest.mark.parametrize("size", SIZES[1:])
def test_what_is_read_for_a_proof_is_what_is_needed_and_the_proof_holds(tiles: dict[Place, bytes], size: int) -> None:
    top = root_of(tiles, size)
    for index in {0, size // 2, size - 1}:
        places = needed(lambda hash_at, index=index: inclusion(index, size, hash_at))  # type: ignore[misc] # bound at once
        path = inclusion(index, size, hashes_of({place: tiles[place] for place in places}))
        assert verify_inclusion(index, size, SOME[index], path, top)
        assert len(places) <= 8
    for old in {1, size // 2, size - 1} - {0}:
        path = consistency(old, size, hashes_of(tiles))
        assert verify_consistency(old, size, path, root_of(tiles, old), top)


def test_a_tile_that_is_too_short_is_no_tile(tiles: dict[Place, bytes]) -> None:
    hash_at = hashes_of({(0, 0): tiles[0, 0][: 3 * BYTES]})

    assert hash_at(0, 2) == SOME[2]
    with pytest.raises(KeyError):
        hash_at(0, 3)
    with pytest.raises(KeyError):
        hash_at(2, 0)


def test_a_tiles_root_is_that_of_its_leaves(tiles: dict[Place, bytes]) -> None:
    assert tile_root(tiles[0, 0]) == tiles[1, 0][:BYTES] == root_of(tiles, WIDTH)
    assert tile_root(SOME[0]) == SOME[0]


@pytest.mark.parametrize("size", [1, 257, 65_536, 69_999])
def test_what_leads_leaves_to_the_root_is_enough_for_their_proofs(tiles: dict[Place, bytes], size: int) -> None:
    indices = [0, size // 3, size - 1]
    given_tiles = {place: tiles[place][: width_at(place, size) * BYTES] for place in paths_to(indices, size)}

    for index in indices:
        path = inclusion(index, size, hashes_of(given_tiles))
        assert verify_inclusion(index, size, SOME[index], path, root_of(given_tiles, size))


def test_paths_are_those_of_the_specification() -> None:
    assert path_of((0, 1234067)) == "tile/0/x001/x234/067"
    assert path_of((0, 1234067), 112) == "tile/0/x001/x234/067.p/112"
    assert path_of((0, 0)) == "tile/0/000"
    assert path_of((3, 999), 1) == "tile/3/999.p/1"
    assert path_of((3, 1000)) == "tile/3/x001/000"


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.integers(0, 63), st.integers(0, 10**15), st.integers(1, 256))
def test_a_path_names_its_tile(level: int, index: int, width: int) -> None:
    assert place_of(path_of((level, index), width)) == ((level, index), width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/0",
        "tile/0/1234",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/x000/001",
        "tile/0/001/067",
        "tile/0/x001/x067",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/999",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000/",
        "/tile/0/000",
        "tile//000",
        "tile/0/../0/000",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/000\n",
        "tile/data/000",
        "tile/0/" + "x001/" * 2000 + "000",
        "tile/entries/000",
    ],
)
def test_what_is_no_path_names_nothing(path: str) -> None:
    assert place_of(path) is None


@pytest.mark.parametrize("size", SIZES)
def test_the_right_edge_is_as_wide_as_the_size_says(size: int) -> None:
    for place, width in widths(size).items():
        assert width_at(place, size) == width
        assert width_at((place[0], place[1] + 1), size) == 0
