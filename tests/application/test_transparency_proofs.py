"""Proofs as text: written, read and checked; forged in every way, and refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.transparency.completeness import ProvenEntry, StreamProof
from application.transparency.entry import entry_of
from application.transparency.notes import BadNote, Checkpoint, Signer, opened_checkpoint, signed
from application.transparency.proofs import ConsistencyProof, InclusionProof
from application.transparency.tiles import Growth, hashes_of
from application.transparency.tree import EMPTY, HashAt, consistency, inclusion, leaf_hash, root

SIGNER: Final = Signer("gatehouse.example/log", b"\1" * 32)
STREAM, OTHER = UUID(int=1), UUID(int=2)
AT: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
PLAN: Final = [OTHER, STREAM, OTHER, STREAM, STREAM, OTHER, OTHER]


def made() -> tuple[list[bytes], HashAt]:
    """A log of two customers' events, and its tree."""
    lines: list[bytes] = []
    newest: dict[UUID, tuple[int, bytes]] = {}
    for position, stream in enumerate(PLAN, 1):
        version, before = newest.get(stream, (0, b""))
        line = entry_of(stream, version + 1, "Said", b'{"n":%d}' % position, position, AT, before or None)
        newest[stream] = version + 1, leaf_hash(line)
        lines.append(line)
    return lines, hashes_of(Growth().extend([leaf_hash(line) for line in lines]))


LINES, HASHES = made()
SIZE: Final = len(LINES)
NOTE: Final = signed(Checkpoint(SIGNER.public.name, SIZE, root(SIZE, HASHES)).text, SIGNER).whole
CHECKPOINT: Final = opened_checkpoint(NOTE, [SIGNER.public])
OLD: Final = Checkpoint(SIGNER.public.name, 5, root(5, HASHES))
INCLUSION: Final = InclusionProof(3, tuple(inclusion(3, SIZE, HASHES)), NOTE)
CONSISTENCY: Final = ConsistencyProof(5, tuple(consistency(5, SIZE, HASHES)), NOTE)
OF_STREAM: Final = StreamProof(
    STREAM,
    NOTE,
    tuple(
        ProvenEntry(LINES[index], tuple(inclusion(index, SIZE, HASHES)))
        for index, stream in enumerate(PLAN)
        if stream == STREAM
    ),
)


def test_an_inclusion_proof_is_a_tlog_proof() -> None:
    header, index, *path = INCLUSION.text.partition("\n\n")[0].split("\n")

    assert (header, index) == ("c2sp.org/tlog-proof@v1", "index 3")
    assert len(path) == 3
    assert INCLUSION.text.endswith(f"\n\n{NOTE}")
    assert InclusionProof.parse(INCLUSION.text) == INCLUSION
    assert INCLUSION.proves(leaf_hash(LINES[3]), CHECKPOINT)


def test_a_consistency_proof_is_what_a_witness_takes() -> None:
    assert CONSISTENCY.text.startswith("old 5\n")
    assert CONSISTENCY.text.endswith(f"\n\n{NOTE}")
    assert ConsistencyProof.parse(CONSISTENCY.text) == CONSISTENCY
    assert CONSISTENCY.proves(OLD, CHECKPOINT)


def test_a_proof_without_a_path_is_one_too() -> None:
    alone = InclusionProof(0, (), NOTE)
    same = ConsistencyProof(SIZE, (), NOTE)

    assert InclusionProof.parse(alone.text) == alone
    assert ConsistencyProof.parse(same.text) == same
    assert alone.proves(OLD.root, Checkpoint(CHECKPOINT.origin, 1, OLD.root))
    assert same.proves(CHECKPOINT, CHECKPOINT)


@pytest.mark.parametrize(
    ("what", "by"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 3", "index -3"),
        ("index 3", "index 03"),
        ("index 3", "index  3"),
        ("index 3", "index 3 "),
        ("index 3", "index"),
        ("index 3", "index 10000000000000000000"),
        ("index 3", "extra AAAA\nindex 3"),
        ("index 3\n", ""),
        ("index 3", "index 3\nAAAA"),
        ("index 3", "index 3\nnonsense"),
        ("index 3\n", "index 3\n" + f"{'A' * 43}=\n" * 64),
        ("=\n", "\n"),
        ("\n", "\r\n"),
    ],
)
def test_what_is_no_inclusion_proof_is_refused(what: str, by: str) -> None:
    with pytest.raises(BadNote):
        InclusionProof.parse(INCLUSION.text.replace(what, by))


@pytest.mark.parametrize("text", ["", "\n\n", "old\n\n", "old x\n\n", "new 5\n\n", "old 5\nAAAA\n\n", "old 05\n\n"])
def test_what_is_no_consistency_proof_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        ConsistencyProof.parse(text + NOTE)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.text(alphabet="index old0123\n=A/+c2sp.org@v—", max_size=120))
def test_whatever_is_read_is_written_again_as_it_was(text: str) -> None:
    for kind in (InclusionProof, ConsistencyProof):
        for whole in (text, f"{text}\n\n{NOTE}", f"c2sp.org/tlog-proof@v1\nindex {text}"):
            try:
                proof = kind.parse(whole)
            except BadNote:
                continue
            assert proof.text == whole


def forged_paths(path: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    """The path, wrong in every way that leaves it a path."""
    yield path[::-1]
    yield path[1:]
    yield path[:-1]
    yield (*path, EMPTY)
    yield (EMPTY, *path)
    yield (path[0], *path)
    for number, node in enumerate(path):
        for place in range(32):
            wrong = bytes([*node[:place], node[place] ^ 0x80, *node[place + 1 :]])
            yield (*path[:number], wrong, *path[number + 1 :])


def test_forged_inclusion_proofs_prove_nothing() -> None:
    leaf = leaf_hash(LINES[3])

    assert not any(replace(INCLUSION, path=path).proves(leaf, CHECKPOINT) for path in forged_paths(INCLUSION.path))
    assert not any(replace(INCLUSION, index=index).proves(leaf, CHECKPOINT) for index in (0, 2, 4, 6, 7, 2**62))
    assert not any(INCLUSION.proves(leaf_hash(line), CHECKPOINT) for line in LINES if line != LINES[3])
    assert not INCLUSION.proves(leaf, OLD)
    assert not INCLUSION.proves(leaf, replace(CHECKPOINT, root=EMPTY))
    assert not INCLUSION.proves(LINES[3][:32], CHECKPOINT)


def test_an_inner_node_is_not_passed_off_as_a_leaf() -> None:
    """The parent of leaves 2 and 3, with the path from there up, in a tree that would be half as deep."""
    parent, shorter = HASHES(1, 1), INCLUSION.path[1:]

    assert not InclusionProof(1, shorter, NOTE).proves(parent, CHECKPOINT)


def test_forged_consistency_proofs_prove_nothing() -> None:
    assert not any(replace(CONSISTENCY, path=path).proves(OLD, CHECKPOINT) for path in forged_paths(CONSISTENCY.path))
    assert not any(replace(CONSISTENCY, old=old).proves(OLD, CHECKPOINT) for old in (0, 4, 6, 7, 8))
    assert not any(
        replace(CONSISTENCY, old=old).proves(replace(OLD, size=old), CHECKPOINT) for old in (0, 3, 4, 6, 7, 8)
    )
    assert not CONSISTENCY.proves(replace(OLD, root=EMPTY), CHECKPOINT)
    assert not CONSISTENCY.proves(OLD, replace(CHECKPOINT, root=OLD.root))
    assert not CONSISTENCY.proves(replace(OLD, origin="other.example/log"), CHECKPOINT)
    assert not CONSISTENCY.proves(CHECKPOINT, OLD)


def test_a_rewritten_beginning_is_not_consistent() -> None:
    rewritten = hashes_of(Growth().extend([leaf_hash(line.replace(b'"n":1', b'"n":9')) for line in LINES]))
    path = tuple(consistency(5, SIZE, rewritten))
    forked = replace(CHECKPOINT, root=root(SIZE, rewritten))

    assert not replace(CONSISTENCY, path=path).proves(OLD, forked)
    assert not CONSISTENCY.proves(OLD, forked)
    assert not ConsistencyProof(SIZE, (), NOTE).proves(CHECKPOINT, forked)


def test_a_stream_is_proven_from_its_first_event_to_its_last() -> None:
    assert StreamProof.parse(OF_STREAM.text) == OF_STREAM
    assert OF_STREAM.proves(CHECKPOINT)
    assert [json.loads(entry.line)["position"] for entry in OF_STREAM.entries] == [2, 4, 5]


def forged_streams() -> dict[str, StreamProof]:
    """The proof of a stream, with something left out, put in, or changed."""
    first, second, third = OF_STREAM.entries
    foreign = ProvenEntry(LINES[0], tuple(inclusion(0, SIZE, HASHES)))
    changed = replace(second, line=second.line.replace(b'"n":4', b'"n":5'))
    given = {
        "none at all": (),
        "the first is missing": (second, third),
        "one in the middle is missing": (first, third),
        "two have changed places": (first, third, second),
        "one is there twice": (first, second, second, third),
        "one is another customer's": (foreign, first, second, third),
        "one was changed": (first, changed, third),
        "one has another's path": (first, replace(second, path=third.path), third),
        "one has no path": (first, replace(second, path=()), third),
        "one is no JSON": (first, replace(second, line=b"nonsense"), third),
        "one is a list": (first, replace(second, line=b"[]"), third),
        "one says no position": (first, replace(second, line=second.line.replace(b'"position":4,', b"")), third),
        "one says a word for its position": (replace(first, line=first.line.replace(b":2,", b':"2",')), second, third),
        "one says true for its position": (replace(first, line=first.line.replace(b'n":2', b'n":true')), second, third),
    }
    proofs = {name: replace(OF_STREAM, entries=entries) for name, entries in given.items()}
    return proofs | {"it is said to be another customer's": replace(OF_STREAM, stream=OTHER)}


@pytest.mark.parametrize("name", forged_streams())
def test_a_forged_proof_of_a_stream_proves_nothing(name: str) -> None:
    assert not forged_streams()[name].proves(CHECKPOINT)


def test_entries_that_name_another_one_before_them_are_no_chain_though_the_log_has_them() -> None:
    first = entry_of(STREAM, 1, "Said", b"{}", 1, AT, None)
    for before in (None, leaf_hash(b"something else")):
        second = entry_of(STREAM, 2, "Said", b"{}", 2, AT, before)
        hashes = hashes_of(Growth().extend([leaf_hash(first), leaf_hash(second)]))
        entries = tuple(ProvenEntry(line, tuple(inclusion(at, 2, hashes))) for at, line in enumerate((first, second)))
        checkpoint = Checkpoint(CHECKPOINT.origin, 2, root(2, hashes))

        assert StreamProof(STREAM, NOTE, entries[:1]).proves(checkpoint)
        assert not StreamProof(STREAM, NOTE, entries).proves(checkpoint)


def test_a_proof_of_a_stream_holds_for_its_own_checkpoint_alone() -> None:
    assert not OF_STREAM.proves(OLD)
    assert not OF_STREAM.proves(replace(CHECKPOINT, root=EMPTY))


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "1", '"x"', OF_STREAM.text[:-1], " " + OF_STREAM.text, OF_STREAM.text * 2, "[" * 100_000],
)
def test_what_is_no_proof_of_a_stream_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        StreamProof.parse(text)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("stream", "nonsense"),
        ("stream", 1),
        ("checkpoint", None),
        ("checkpoint", 7),
        ("format", "gatehouse-stream-proof/2"),
        ("entries", None),
        ("entries", [1]),
        ("entries", [{"entry": 1, "path": []}]),
        ("entries", [{"entry": "x", "path": ["nonsense"]}]),
        ("entries", [{"entry": "\ud800", "path": []}]),
    ],
)
def test_a_proof_of_a_stream_with_a_strange_member_is_refused(member: str, value: Any) -> None:  # noqa: ANN401 -- any JSON
    text = json.dumps(json.loads(OF_STREAM.text) | {member: value}, separators=(",", ":")) + "\n"

    with pytest.raises(BadNote):
        StreamProof.parse(text)
