"""Lines, tiles, folders and zips made to mislead, crash or exhaust an auditor's verifier."""

import os
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.bundles import seal
from infrastructure.exports.verify import Unreadable, main, verify
from tests.support.bundles import SECOND, made_log
from tests.support.hostile import DEEP, LINES, LOG, codes, manifest, resealed


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that the test may spoil."""
    LOG.write(tmp_path / "bundle")
    return tmp_path / "bundle"


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
        ([*LINES, LINES[-1].replace(b":270", b":271", 1)], "entry_foreign"),
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


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), bytes(8192), bytes(8193), bytes(1 << 20)], ids=len)
def test_a_tile_of_another_length_is_refused(data: bytes, bundle: Path) -> None:
    for name in ("tile/0/000", "tile/0/001.p/14", "tile/1/000.p/1"):
        if len((bundle / name).read_bytes()) != len(data):
            assert "tile_changed" in resealed(bundle, name, data), name


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
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("packed") / "good.zip"
    LOG.write(path.with_suffix(""))
    archive(path, path.with_suffix("")).close()
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
