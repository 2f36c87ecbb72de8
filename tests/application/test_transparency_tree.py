"""The Merkle tree: the published vectors of RFC 6962, every size to 140, and proofs that were tampered with."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import Final

import pytest

from application.transparency.tree import (
    EMPTY,
    consistency,
    inclusion,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

ENTRIES: Final = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The eight entries of Certificate Transparency's own tests, and the roots over the first so many of them."""
ROOTS: Final = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS: Final = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCIES: Final = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
SIZES: Final = range(1, 141)


class Hashes:
    """A tree that is in memory, by the definition of RFC 6962, 2.1, alone."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves
        self.over = cache(self._over)

    def _over(self, begin: int, end: int) -> bytes:
        if end - begin == 1:
            return self.leaves[begin]
        split = 1
        while 2 * split < end - begin:
            split *= 2
        return sha256(b"\1" + self.over(begin, begin + split) + self.over(begin + split, end)).digest()

    def __call__(self, level: int, index: int) -> bytes:
        return self.over(index << level, (index + 1) << level)


VECTORS: Final = Hashes([leaf_hash(entry) for entry in ENTRIES])
TREE: Final = Hashes([leaf_hash(b"entry %d" % number) for number in range(SIZES.stop)])


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root(0, VECTORS) == EMPTY
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_come_out(size: int) -> None:
    assert root(size, VECTORS).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_the_published_inclusion_proofs_come_out(index: int, size: int) -> None:
    path = inclusion(index, size, VECTORS)

    assert [node.hex() for node in path] == PATHS[index, size]
    assert verify_inclusion(index, size, VECTORS.leaves[index], path, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("old", "new"), CONSISTENCIES)
def test_the_published_consistency_proofs_come_out(old: int, new: int) -> None:
    path = consistency(old, new, VECTORS)

    assert [node.hex() for node in path] == CONSISTENCIES[old, new]
    assert verify_consistency(old, new, path, *(bytes.fromhex(ROOTS[size - 1]) for size in (old, new)))


def test_a_leaf_and_a_node_over_the_same_bytes_have_different_hashes() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")

    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("size", SIZES)
def test_every_root_is_the_definitions(size: int) -> None:
    assert root(size, TREE) == TREE.over(0, size)


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_of_every_size_is_proven_and_nothing_else_is(size: int) -> None:
    top = TREE.over(0, size)
    for index in range(size):
        leaf, path = TREE.leaves[index], inclusion(index, size, TREE)
        assert verify_inclusion(index, size, leaf, path, top)
        assert len(path) <= (size - 1).bit_length()
        assert not any(
            verify_inclusion(other, size, leaf, path, top) for other in range(-1, size + 1) if other != index
        )
        assert not verify_inclusion(index, size, TREE.leaves[index - 1] if size > 1 else EMPTY, path, top)
        assert not verify_inclusion(index, size, leaf, path, TREE.over(0, size - 1) if size > 1 else EMPTY)
        assert not verify_inclusion(index, size, leaf, [*path, EMPTY], top)
        assert not path or not verify_inclusion(index, size, leaf, path[:-1], top)


@pytest.mark.parametrize("size", SIZES)
def test_no_inclusion_proof_holds_with_any_bit_of_its_path_changed(size: int) -> None:
    top = TREE.over(0, size)
    for index in {0, size // 3, size // 2, size - 1}:
        leaf, path = TREE.leaves[index], inclusion(index, size, TREE)
        assert not any(verify_inclusion(index, size, leaf, wrong, top) for wrong in _with_a_bit_changed(path))
        assert not any(verify_inclusion(index, size, wrong, path, top) for (wrong,) in _with_a_bit_changed([leaf]))


@pytest.mark.parametrize("new", SIZES)
def test_every_size_is_the_beginning_of_every_larger_one_and_nothing_else_is(new: int) -> None:
    top = TREE.over(0, new)
    for old in range(new + 1):
        path, before = consistency(old, new, TREE), root(old, TREE)
        assert verify_consistency(old, new, path, before, top)
        assert not verify_consistency(old, new, [*path, EMPTY], before, top)
        if old in {0, new}:
            continue
        assert not verify_consistency(old, new, path[:-1], before, top)
        assert not verify_consistency(old, new, path, top, before)
        assert not verify_consistency(old, new, path, root(old - 1, TREE), top)
        assert not verify_consistency(old, new, path, before, TREE.over(0, new - 1))
        assert not any(
            verify_consistency(other, new, path, before, top) for other in range(-1, new + 2) if other != old
        )


@pytest.mark.parametrize("new", SIZES)
def test_no_consistency_proof_holds_with_any_bit_of_its_path_changed(new: int) -> None:
    top = TREE.over(0, new)
    for old in {1, new // 3, new // 2, new - 1} - {0, new}:
        path, before = consistency(old, new, TREE), TREE.over(0, old)
        assert not any(verify_consistency(old, new, wrong, before, top) for wrong in _with_a_bit_changed(path))


@pytest.mark.parametrize(("index", "size"), [(-1, 8), (8, 8), (0, 0), (1, 0)])
def test_there_is_no_path_from_where_no_leaf_is(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        inclusion(index, size, VECTORS)
    assert not verify_inclusion(index, size, EMPTY, [], EMPTY)


@pytest.mark.parametrize(("old", "new"), [(-1, 8), (9, 8)])
def test_no_log_begins_with_a_longer_one(old: int, new: int) -> None:
    with pytest.raises(IndexError):
        consistency(old, new, VECTORS)
    assert not verify_consistency(old, new, [], EMPTY, EMPTY)


def test_two_different_logs_of_one_size_are_not_consistent() -> None:
    assert not verify_consistency(8, 8, [], TREE.over(0, 8), VECTORS.over(0, 8))
    assert not verify_consistency(0, 8, [], TREE.over(0, 8), VECTORS.over(0, 8))


def _with_a_bit_changed(path: list[bytes]) -> Iterator[list[bytes]]:
    """The path with one bit changed, in each byte of each node in turn."""
    for number, node in enumerate(path):
        for place in range(len(node)):
            wrong = bytes([*node[:place], node[place] ^ 1 << place % 8, *node[place + 1 :]])
            yield [*path[:number], wrong, *path[number + 1 :]]
