"""The Merkle tree of RFC 6962: hashes, roots and proofs, made of the hashes of full subtrees.

https://www.rfc-editor.org/rfc/rfc6962#section-2.1 · A tree is whatever answers `HashAt`; it is never in memory whole.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

HashAt = Callable[[int, int], bytes]
"""`hash_at(level, index)`: the root of the full subtree over the 2^level leaves from `index` * 2^level on."""

EMPTY: Final = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(b"\1" + left + right).digest()


def root(size: int, hash_at: HashAt) -> bytes:
    """The root of the first `size` leaves."""
    return _range(0, size, hash_at) if size else EMPTY


def inclusion(index: int, size: int, hash_at: HashAt) -> list[bytes]:
    """The audit path of a leaf in the tree of the first `size` leaves: siblings from the leaf up (2.1.1)."""
    if not 0 <= index < size:
        raise IndexError(index)
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(_range(middle, end, hash_at))
            end = middle
        else:
            path.append(_range(begin, middle, hash_at))
            begin = middle
    return path[::-1]


def consistency(old: int, new: int, hash_at: HashAt) -> list[bytes]:
    """That the first `old` of `new` leaves are the same tree (2.1.2); empty where there is nothing to show."""
    if not 0 <= old <= new:
        raise IndexError(old)
    if old in {0, new}:
        return []
    begin, end, path, whole = 0, new, [], True
    while begin + (old - begin) != end:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_range(middle, end, hash_at))
            end = middle
        else:
            path.append(_range(begin, middle, hash_at))
            begin, whole = middle, False
    if not whole:
        path.append(_range(begin, end, hash_at))
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], expected: bytes) -> bool:
    """Whether a leaf hash is at `index` of the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of `new` leaves begins with the tree of `old` (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in {0, new}:
        return not path and old_root == (EMPTY if old == 0 else new_root)
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _range(begin: int, end: int, hash_at: HashAt) -> bytes:
    """The hash over leaves `begin` to `end`, where `begin` is a multiple of what is left of the range."""
    size = end - begin
    level = size.bit_length() - 1
    if size == 1 << level:
        return hash_at(level, begin >> level)
    middle = begin + _split(size)
    return node_hash(_range(begin, middle, hash_at), _range(middle, end, hash_at))


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1
