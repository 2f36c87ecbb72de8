"""Bundles made to mislead, crash or exhaust an auditor's verifier: each is refused in good order."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.transparency.notes import Checkpoint, Note, signed
from bench.bundles import seal
from infrastructure.exports.verify import Checkpoint as ReadCheckpoint
from infrastructure.exports.verify import Malformed, Manifest, Report, Unreadable, main, strict, verify
from infrastructure.exports.verify import Note as ReadNote
from tests.support.bundles import SECOND, made_log

LOG = made_log(270)
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("whole")
    LOG.write(folder)
    return folder


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """A bundle that the test may spoil."""
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


def manifest(folder: Path) -> Any:  # noqa: ANN401 -- JSON is anything
    return json.loads((folder / "manifest.json").read_bytes())


def codes(report: Report) -> set[str]:
    return {problem.code for problem in report.problems}


def resealed(folder: Path, name: str, data: bytes) -> set[str]:
    """What is found when whoever has the key puts other bytes in a file's place."""
    (folder / name).write_bytes(data)
    seal(folder, manifest(folder), SECOND)
    return codes(verify(folder))


def told(folder: Path, *path: str, value: object) -> set[str]:
    """What is found when the manifest says something else, signed."""
    found = part = manifest(folder)
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    (folder / "manifest.json").write_text(text, newline="")
    return codes(verify(folder))


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
def test_a_manifest_that_is_not_written_as_one_is_refused(spoil: Callable[[bytes], bytes], bundle: Path) -> None:
    path = bundle / "manifest.json"
    path.write_bytes(spoil(path.read_bytes()))
    report = verify(bundle)
    assert not report.ok
    assert report.text().isascii()


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


LINES = [entry + b"\n" for entry in LOG.entries]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([b"\xef\xbb\xbf" + LINES[0], *LINES[1:]], "entry_malformed"),
        ([line.replace(b"\n", b"\r\n") for line in LINES], "entry_truncated"),
        ([*LINES, b"\n"], "entry_truncated"),
        ([*LINES, b"garbage"], "entry_truncated"),
        ([*LINES[:-1], LINES[-1][:-1]], "entry_truncated"),
        ([*LINES[:9], b"\n", *LINES[9:]], "entry_truncated"),
        ([*LINES[:9], LINES[9] + LINES[9], *LINES[10:]], "entry_inserted"),
        ([*LINES[:9], LINES[9].replace(b'"position":10', b'"position":010'), *LINES[10:]], "entry_malformed"),
        ([*LINES[:9], LINES[9].replace(b'"position":10', b'"position":1e1'), *LINES[10:]], "entry_malformed"),
        ([*LINES[:9], LINES[9].replace(b'"position":10', b'"position": 10'), *LINES[10:]], "entry_malformed"),
        ([*LINES[:9], LINES[9].replace(b'"position":10', b'"position":-10'), *LINES[10:]], "entry_malformed"),
        ([*LINES[:9], LINES[9].replace(b":10", b":" + b"9" * 18, 1), *LINES[10:]], "entry_foreign"),
        ([*LINES[:9], LINES[9].replace(b":10", b":" + b"9" * 99, 1), *LINES[10:]], "entry_malformed"),
        ([*LINES[:9], LINES[9].replace(b":10", b":0", 1), *LINES[10:]], "entry_malformed"),
        ([*LINES[:9], LINES[9].replace(b'"event"', b'"event":{},"event"'), *LINES[10:]], "entry_changed"),
        ([*LINES[:9], DEEP + b"}}}\n", *LINES[10:]], "entry_malformed"),
        ([*LINES[:9], b"{" * (1 << 25), *LINES[9:]], "entry_truncated"),
        ([], "tail_truncated"),
        (LINES[::-1], "entries_swapped"),
        (LINES * 3, "entry_inserted"),
        ([*LINES[:9], *[LINES[9]] * 1000, *LINES[10:]], "entry_inserted"),
    ],
    ids=lambda value: value if isinstance(value, str) else "lines",
)
def test_lines_that_are_no_entries_in_order_are_refused(lines: list[bytes], code: str, bundle: Path) -> None:
    assert code in resealed(bundle, "entries.jsonl", b"".join(lines))


def test_lines_far_beyond_what_the_manifest_says_are_not_read(bundle: Path) -> None:
    with (bundle / "entries.jsonl").open("r+b") as file:
        file.truncate(1 << 34)
    assert {"file_changed", "file_unreadable"} <= codes(verify(bundle))


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"garbage\n", LINES[1], LINES[0] * 2000, LINES[0].replace(b"AW", b"AX"), DEEP + b"\n"],
    ids=["none", "blank", "garbage", "another type", "thousands", "changed", "deep"],
)
def test_keys_that_are_no_announcements_are_refused(data: bytes, bundle: Path) -> None:
    assert resealed(bundle, "keys.jsonl", data) & {"keys_malformed", "key_chain_broken", "keys_differ"}


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


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(8192), bytes(8193), bytes(1 << 20)], ids=len)
def test_a_tile_of_another_length_is_refused(data: bytes, bundle: Path) -> None:
    for name in ("tile/0/000", "tile/0/001.p/14", "tile/1/000.p/1"):
        if len((bundle / name).read_bytes()) != len(data):
            assert resealed(bundle, name, data) & {"tile_changed", "tile_missing"}, name


@pytest.mark.parametrize(
    "name",
    [
        "tile/0/001.p/13",
        "tile/0/001",
        "tile/0/002.p/1",
        "tile/7/000",
        "tile/0/x000/000",
        "tile/data",
        "tile/63/999.p/255",
    ],
)
def test_a_tile_that_the_tree_does_not_have_is_refused(name: str, bundle: Path) -> None:
    path = bundle / name
    path.parent.mkdir(parents=True, exist_ok=True)
    assert resealed(bundle, name, bytes(32)) == {"file_extra"}


@pytest.mark.parametrize("target", ["/etc/passwd", "entries.jsonl", "missing", "."])
def test_a_link_is_not_followed(target: str, bundle: Path) -> None:
    (bundle / "checkpoint").unlink()
    (bundle / "checkpoint").symlink_to(target)
    assert {"file_extra", "file_missing", "checkpoint_signature"} <= codes(verify(bundle))


def test_a_device_is_not_opened(bundle: Path) -> None:
    (bundle / "checkpoint").unlink()
    os.mkfifo(bundle / "checkpoint")
    assert {"file_extra", "file_missing"} <= codes(verify(bundle))
    with pytest.raises(Unreadable):
        verify(bundle / "checkpoint")


def test_a_folder_in_a_files_place_is_missed(bundle: Path) -> None:
    (bundle / "entries.jsonl").unlink()
    (bundle / "entries.jsonl").mkdir()
    assert "file_missing" in codes(verify(bundle))


def test_an_entry_whose_tile_is_left_out_is_not_proved(tmp_path: Path) -> None:
    log = made_log(600)
    log.write(tmp_path, chosen=lambda told: told.topic == "ScreeningPassed", types=["ScreeningPassed"])
    (tmp_path / "tile/0/000").unlink()
    seal(tmp_path, manifest(tmp_path), SECOND)
    assert codes(verify(tmp_path)) == {"tile_missing"}


def test_names_cannot_move_the_cursor(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "\x1b[2J\u202egood").write_text("")
    assert main([str(bundle)]) == 1
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out


def archive(path: Path, folder: Path, **more: bytes) -> zipfile.ZipFile:
    """A zip of a bundle, with whatever else is asked for; still open."""
    found = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        name = file.relative_to(folder).as_posix()
        found.writestr(name, more.pop(name, file.read_bytes()))
    return found


def test_members_that_lead_elsewhere_are_extra_and_stay_inside(bundle: Path, tmp_path: Path) -> None:
    with archive(tmp_path / "b.zip", bundle) as found:
        for name in ("../evil", "/evil", "C:\\evil", "a/../../evil"):
            found.writestr(name, "evil")
    report = verify(tmp_path / "b.zip")
    assert codes(report) == {"file_extra"}
    assert len(report.problems) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip", "bundle"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(bundle: Path, tmp_path: Path) -> None:
    with archive(tmp_path / "b.zip", bundle) as found:
        found.writestr("checkpoint", "another")
    assert "file_extra" in codes(verify(tmp_path / "b.zip"))


def test_a_member_that_is_a_link_is_refused(bundle: Path, tmp_path: Path) -> None:
    with archive(tmp_path / "b.zip", bundle) as found:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        found.writestr(link, "/etc/passwd")
    assert codes(verify(tmp_path / "b.zip")) == {"file_extra"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_cannot_be_unpacked_bit_by_bit_is_refused(method: int, bundle: Path, tmp_path: Path) -> None:
    (bundle / "entries.jsonl").unlink()
    with archive(tmp_path / "b.zip", bundle) as found:
        found.writestr("entries.jsonl", b"".join(LINES), compress_type=method)
    assert {"file_extra", "file_missing"} <= codes(verify(tmp_path / "b.zip"))


def test_a_member_that_unpacks_to_gigabytes_is_not_unpacked(bundle: Path, tmp_path: Path) -> None:
    (bundle / "entries.jsonl").unlink()
    with archive(tmp_path / "b.zip", bundle) as found, found.open("entries.jsonl", "w", force_zip64=True) as member:
        for _ in range(256):
            member.write(bytes(1 << 20))
    assert {"file_changed", "file_unreadable"} <= codes(verify(tmp_path / "b.zip"))


def test_a_zip_whose_members_overlap_is_refused(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    with archive(path, bundle) as found:
        for info in found.infolist():
            info.compress_size = path.stat().st_size
    with pytest.raises(Unreadable, match="overlap"):
        verify(path)


@pytest.fixture(scope="module")
def packed(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("packed") / "good.zip"
    archive(path, whole).close()
    return path


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_zip_with_another_byte_is_refused_or_says_the_same(packed: Path, data: st.DataObject) -> None:
    good = packed.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    other = packed.with_name("other.zip")
    other.write_bytes(good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :])
    with suppress(Unreadable):
        report = verify(other)
        assert report.text() == verify(packed).text() or not report.ok


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
