"""Bundles made to mislead, crash or exhaust an auditor's verifier: each is refused in good order."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.transparency.notes import Checkpoint, Note, signed
from bench.bundles import ORIGIN, seal
from infrastructure.exports.verify import Checkpoint as ReadCheckpoint
from infrastructure.exports.verify import Malformed, Manifest, strict, verify
from infrastructure.exports.verify import Note as ReadNote
from tests.support.bundles import SECOND, made_log, write_customer
from tests.support.hostile import DEEP, LOG, codes, manifest, resealed, told


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that the test may spoil."""
    LOG.write(tmp_path / "bundle")
    return tmp_path / "bundle"


def put_signed(folder: Path, data: bytes) -> None:
    """Have a manifest say whatever it is, signed with the log's key."""
    (folder / "manifest.json").write_bytes(data)
    text = f"{ORIGIN}\nmanifest\n{sha256(data).hexdigest()}\n"
    (folder / "manifest.sig").write_text(signed(text, SECOND).whole, newline="")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), "gatehouse-bundle/2"),
        (("origin",), None),
        (("origin",), ""),
        (("key",), "nonsense"),
        (("key",), 7),
        (("entries",), -1),
        (("entries",), 1e300),
        (("entries",), True),
        (("entries",), 10**18),
        (("entries",), "270"),
        (("first",), None),
        (("last",), [270]),
        (("checkpoint",), []),
        (("checkpoint", "size"), 10**30),
        (("checkpoint", "root"), "zz"),
        (("files",), []),
        (("files",), {"entries.jsonl": 7}),
        (("files", "../../etc/passwd"), {"bytes": 1, "sha256": "00"}),
        (("files", "/etc/passwd"), {"bytes": 1, "sha256": "00"}),
        (("files", "a\\..\\b"), {"bytes": 1, "sha256": "00"}),
        (("files", "a/./b"), {"bytes": 1, "sha256": "00"}),
        (("files", "a//b"), {"bytes": 1, "sha256": "00"}),
        (("files", ""), {"bytes": 1, "sha256": "00"}),
        (("files", "a\u001b[2Jb"), {"bytes": 1, "sha256": "00"}),
        (("filters",), None),
        (("filters", "types"), None),
        (("filters", "types"), [7]),
        (("filters", "customer"), False),
        (("filters", "recordedFrom"), "yesterday"),
        (("filters", "recordedFrom"), "0001-01-01T00:00:00+14:00"),
        (("filters", "recordedUntil"), 7),
    ],
    ids=str,
)
def test_a_manifest_that_says_what_cannot_be_is_refused(path: tuple[str, ...], value: object, bundle: Path) -> None:
    assert told(bundle, *path, value=value) == {"manifest_malformed"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data + b"\n",
        lambda data: data + b"{}",
        lambda data: data[:-1],
        lambda data: data.replace(b"{\n", b'{\n  "format": "gatehouse-bundle/1",\n', 1),
        lambda data: data.replace(b'"entries": 270', b'"entries": NaN'),
        lambda data: data.replace(b'"entries": 270', b'"entries": 270.0'),
        lambda data: data.replace(b'"entries": 270', b'"entries": 2' + b"0" * 10_000),
        lambda data: data.replace(b'"entries": 270', b'"entries": ' + DEEP),
        lambda data: data.replace(b'"jsonl"', b'"json\\u006c"'),
        lambda data: data.replace(b'"jsonl"', b'"\\ud800"').replace(b'"origin": "', b'"origin": "\\ud800'),
        lambda data: b"\xff" + data,
        lambda _: b"",
        lambda _: b"null\n",
        lambda _: b"[]\n",
        lambda _: DEEP,
    ],
)
def test_a_manifest_that_is_not_written_as_one_is_refused_though_it_is_signed(
    spoil: Callable[[bytes], bytes], bundle: Path
) -> None:
    put_signed(bundle, spoil((bundle / "manifest.json").read_bytes()))
    report = verify(bundle)
    assert codes(report) == {"manifest_malformed"}
    assert report.text().isascii()


@pytest.mark.parametrize("name", ["entries.jsonl", "keys.jsonl", "verify.py", "tile/0/000"])
@pytest.mark.parametrize("claim", [{"sha256": "0" * 64}, {"bytes": 7}], ids=str)
def test_a_file_that_is_not_what_the_manifest_says_is_named(name: str, claim: dict[str, Any], bundle: Path) -> None:
    said = manifest(bundle)
    said["files"][name] |= claim
    put_signed(bundle, (json.dumps(said, indent=2, sort_keys=True) + "\n").encode())
    report = verify(bundle)
    assert codes(report) == {"file_changed"}
    assert {problem.file for problem in report.problems} == {name}


@pytest.mark.parametrize("claim", [{"first": 2}, {"last": 599}, {"entries": 601}], ids=str)
def test_a_range_that_is_not_what_was_asked_for_is_refused(claim: dict[str, int], tmp_path: Path) -> None:
    log = made_log(600)
    write_customer(log, tmp_path)
    said = manifest(tmp_path) | claim
    put_signed(tmp_path, (json.dumps(said, indent=2, sort_keys=True) + "\n").encode())
    assert codes(verify(tmp_path)) - {"entries_miscounted"} == {"manifest_malformed"}


def test_a_manifest_of_gigabytes_is_not_read(bundle: Path) -> None:
    with (bundle / "manifest.json").open("r+b") as file:
        file.truncate(1 << 33)
    assert codes(verify(bundle)) == {"manifest_malformed"}


@pytest.mark.parametrize("size", [0, 1, 269, 271, 65536, 10**9, 10**17, 10**18 - 1])
def test_a_size_that_the_log_does_not_have_is_refused(size: int, bundle: Path) -> None:
    text = Checkpoint(LOG.signer.public.name, size, LOG.root(270)).text
    (bundle / "checkpoint").write_text(signed(text, SECOND).whole, newline="")
    changed = manifest(bundle) | {
        "last": size,
        "entries": size,
        "checkpoint": {"root": LOG.root(270).hex(), "size": size},
    }
    seal(bundle, changed, SECOND)
    report = verify(bundle)
    assert not report.ok
    assert codes(report) & {"root_differs", "tile_missing"}


SIGNATURE = LOG.checkpoint().whole.splitlines(keepends=True)[-1].encode()
TEXT = LOG.checkpoint().text.encode()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n\n",
        TEXT,
        TEXT + b"\n",
        TEXT + SIGNATURE,
        TEXT + b"\n" + SIGNATURE[:-1],
        TEXT + b"\n" + SIGNATURE + b"\n",
        TEXT + b"\n" + SIGNATURE + b"garbage\n",
        TEXT + b"\n" + SIGNATURE * 10_000,
        TEXT + b"\n" + SIGNATURE * 65,
        TEXT + b"\n" + SIGNATURE.replace(b" ", b"  "),
        TEXT + b"\n" + SIGNATURE.replace("—".encode(), b"-"),
        TEXT + b"\n" + SIGNATURE.replace(b"=\n", b"\n"),
        TEXT + b"\n" + SIGNATURE.replace(b"\n", b"=\n"),
        TEXT + b"\n" + SIGNATURE.replace(b"\n", b"\r\n"),
        TEXT.replace(b"\n", b"\r\n") + b"\r\n" + SIGNATURE,
        b"\xef\xbb\xbf" + TEXT + b"\n" + SIGNATURE,
        b"\xff" + TEXT + b"\n" + SIGNATURE,
        b"\x1b[2J" + TEXT + b"\n" + SIGNATURE,
        b"a" * 1_000_000,
    ],
)
def test_a_checkpoint_that_is_not_written_as_one_is_refused(note: bytes, bundle: Path) -> None:
    assert resealed(bundle, "checkpoint", note) & {"checkpoint_signature", "checkpoint_wrong"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n",
        "log\n7\n",
        "log\n07\n{root}\n",
        "log\n-7\n{root}\n",
        "log\n+7\n{root}\n",
        "log\n7.0\n{root}\n",
        "log\n\u0667\n{root}\n",
        "log\n" + "9" * 19 + "\n{root}\n",
        "\n7\n{root}\n",
        "log\n7\n{root}",
        "log\n7\n{root}\n\n",
        "log\n7\n{root}\n\nmore\n",
        "log\n7\n{root}=\n",
        "log\n7\nAAAA\n",
        "log\n7\n" + "A" * 42 + "B=\n",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        ReadCheckpoint.parse(text.replace("{root}", "A" * 43 + "="))


def test_a_checkpoint_may_have_lines_that_are_no_business_of_ours() -> None:
    assert ReadCheckpoint.parse("log\n7\n" + "A" * 43 + "=\nmore\n").size == 7


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        DEEP,
        b"1" * 10_000,
        b"",
        b"{",
        b"\xff",
        b'{"a":{"b":1,"b":1}}',
    ],
)
def test_json_that_can_be_read_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        strict(data)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_what_is_parsed_is_parsed_or_refused(data: bytes) -> None:
    for parse in (Manifest, ReadNote.parse, strict):
        try:
            parse(data)
        except Malformed:
            continue


def test_a_published_note_with_thousands_of_signatures_is_refused(tmp_path: Path) -> None:
    log = made_log(20)
    note = log.checkpoint()
    whole = Note(note.text, note.signatures * 10_000).whole
    log.tell("CheckpointPublished", size=20, root=log.root(20).hex(), note=whole)
    log.write(tmp_path)
    assert codes(verify(tmp_path)) == {"published_checkpoint_contradicts"}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"size": 20, "root": "zz", "note": 7},
        {"size": 20, "root": None, "note": ""},
        {"size": "20", "root": "{root}", "note": "{note}"},
        {"size": 19, "root": "{root}", "note": "{note}"},
        {"size": 20, "root": "00", "note": "{note}"},
        {"size": 20, "root": "{root}", "note": "\ud800"},
    ],
    ids=str,
)
def test_a_published_checkpoint_that_is_none_is_refused(data: dict[str, Any], tmp_path: Path) -> None:
    log = made_log(20)
    known = {"{root}": log.root(20).hex(), "{note}": log.checkpoint().whole}
    state = json.dumps({"data": {name: known.get(value, value) for name, value in data.items()}}, separators=(",", ":"))
    log.append(LOG.told[0].stream, "CheckpointPublished", state.encode())
    log.write(tmp_path)
    assert codes(verify(tmp_path)) == {"published_checkpoint_contradicts"}
