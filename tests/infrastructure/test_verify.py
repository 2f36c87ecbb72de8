import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from uuid import UUID

import pytest

from bench.bundles import ORIGIN, EntryLog, moment, state_of, written
from infrastructure.exports import verify as verifier
from infrastructure.exports.verify import Report, Unreadable, main, verify
from tests.support.bundles import CUSTOMER, FIRST, SECOND, made_log, write_customer

LOG = made_log()
BOUNDARIES = (1, 2, 255, 256, 257, 511, 512, 513, 700)


def codes(report: Report) -> set[str]:
    return {problem.code for problem in report.problems}


def kept(log: EntryLog, size: int) -> bytes:
    """A checkpoint as an auditor kept it."""
    return log.checkpoint(size).whole.encode()


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("whole")
    LOG.write(folder)
    return folder


@pytest.fixture(scope="module")
def of_customer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("customer")
    write_customer(LOG, folder)
    return folder


def test_a_whole_log_is_all_right_and_its_root_is_told(whole: Path) -> None:
    report = verify(whole, keys=[FIRST.public.vkey], known=[kept(LOG, 300)])

    assert report.ok, report.text()
    assert (report.entries, report.size, report.root) == (600, 600, LOG.root(600).hex())
    assert (report.origin, report.key) == (ORIGIN, SECOND.public.vkey)
    assert not report.warnings
    assert not report.unproved


def test_what_is_not_proved_is_said(of_customer: Path) -> None:
    report = verify(of_customer)

    assert report.ok, report.text()
    told = " ".join(report.unproved)
    for word in ("--key", "--known", "nothing later happened to this customer", "the operator's word"):
        assert word in told


@pytest.mark.parametrize("size", BOUNDARIES)
def test_bundles_of_every_size_around_a_tile_are_all_right(size: int, tmp_path: Path) -> None:
    log = made_log(size)
    log.write(tmp_path)
    for known in {1, size // 2, size - 1, size} - {0}:
        report = verify(tmp_path, known=[kept(log, known)])
        assert report.ok, report.text()
        assert f"the checkpoint of {known:,} entries that you know is the beginning of this log" in report.proved


def test_an_empty_log_is_all_right(tmp_path: Path) -> None:
    EntryLog(FIRST).write(tmp_path)
    report = verify(tmp_path)
    assert report.ok, report.text()


def test_a_log_of_a_third_level_of_tiles_is_checked(tmp_path: Path) -> None:
    log = EntryLog(FIRST)
    log.announce(FIRST)
    size = 65536 + 1
    stream, state = UUID(int=1), state_of({}, number=1)
    log.extend((stream, version, "ApiKeyIssued", state, version + 1, moment(1)) for version in range(1, size))
    log.write(tmp_path / "whole")
    assert (tmp_path / "whole/tile/2/000.p/1").exists()
    assert verify(tmp_path / "whole", known=[kept(log, 65536), kept(log, 65535)]).ok

    log.write(tmp_path / "few", chosen=lambda told: told.topic == "SigningKeyAnnounced", types=["SigningKeyAnnounced"])
    report = verify(tmp_path / "few", known=[kept(log, 65280)])
    assert report.ok, report.text()

    (tmp_path / "whole/tile/1/000").write_bytes(bytes(8192))
    assert {"tile_changed", "file_changed"} <= codes(verify(tmp_path / "whole"))


@pytest.mark.parametrize("topic", ["SigningKeyAnnounced", "CheckpointPublished", "ScreeningPassed"])
def test_a_bundle_of_one_type_is_all_right(topic: str, tmp_path: Path) -> None:
    LOG.write(tmp_path, chosen=lambda told: told.topic == topic, types=[topic])
    report = verify(tmp_path)
    assert report.ok, report.text()
    assert report.proved[0].endswith("unchanged, in order")  # of what lies between, nothing is here to chain


def test_a_bundle_of_a_later_range_is_all_right(tmp_path: Path) -> None:
    LOG.write(tmp_path, first=290, size=570, recordedFrom=written(moment(290)), recordedUntil=written(moment(571)))
    report = verify(tmp_path, known=[kept(LOG, 600), kept(LOG, 570)])
    assert report.ok, report.text()
    assert "they are all of positions 290 to 570" in report.proved
    assert "anything of the checkpoint of 600 entries" in " ".join(report.unproved)


def test_entries_of_another_time_are_foreign(tmp_path: Path) -> None:
    LOG.write(tmp_path, first=290, recordedFrom=written(moment(300)))
    assert codes(verify(tmp_path)) == {"entry_foreign"}


def test_entries_of_another_type_are_foreign(tmp_path: Path) -> None:
    LOG.write(tmp_path, chosen=lambda told: told.topic == "ScreeningPassed", types=["ScreeningFailed"])
    assert codes(verify(tmp_path)) == {"entry_foreign"}


def test_registrations_of_another_partner_are_foreign(tmp_path: Path) -> None:
    registered = next(told for told in LOG.told if told.topic == "CustomerRegistered")
    log = EntryLog(FIRST)
    log.announce(FIRST)
    log.append(CUSTOMER, registered.topic, registered.state)
    partner = json.loads(registered.state)["data"]["partner"]
    for name, found in ((partner, set()), (str(CUSTOMER), {"entry_foreign"})):
        log.write(tmp_path / name, chosen=lambda told: told.stream == CUSTOMER, partner=name)
        assert codes(verify(tmp_path / name)) == found


def test_a_zip_says_what_its_folder_says(whole: Path, tmp_path: Path) -> None:
    assert verify(zipped(whole, tmp_path / "bundle.zip")).text() == verify(whole).text()


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["for people", "as JSON"])
@pytest.mark.parametrize(("wrong", "code"), [(False, 0), (True, 1)], ids=["all right", "wrong"])
def test_it_runs_on_a_bare_python_away_from_the_project(
    arguments: list[str], code: int, whole: Path, tmp_path: Path, *, wrong: bool
) -> None:
    shutil.copytree(whole, tmp_path / "bundle")
    if wrong:
        (tmp_path / "bundle/checkpoint").unlink()

    done = subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-I", "-S", "bundle/verify.py", "bundle", "--key", FIRST.public.vkey, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (code, "")
    if arguments:
        assert json.loads(done.stdout)["ok"] is not wrong
    else:
        assert ("All right." in done.stdout) is not wrong


def test_two_processes_find_what_one_finds(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier, "LARGE", 0)
    assert verify(whole, processes=2).text() == verify(whole).text()
    shutil.copytree(whole, tmp_path / "bundle")
    lines = (whole / "entries.jsonl").read_bytes().replace(b"a", b"b")
    (tmp_path / "bundle/entries.jsonl").write_bytes(lines)
    assert verify(tmp_path / "bundle", processes=2).text() == verify(tmp_path / "bundle").text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing"],
        ["."],
        ["file.txt"],
        ["bundle", "--key", "nonsense"],
        ["bundle", "--key", "\udcff+12345678+AAAA"],
        ["bundle", "--known", "missing"],
        ["bundle", "--known", "file.txt"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_read_has_an_exit_code_of_its_own(
    arguments: list[str],
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file.txt").write_text("no bundle")
    (tmp_path / "bundle").symlink_to(whole)
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert main([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ok"] is False


def test_what_is_wrong_proves_nothing_in_json_either(whole: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(whole, bundle)
    (bundle / "checkpoint").unlink()
    assert json.loads(verify(whole).json())["proved"]
    assert json.loads(verify(bundle).json())["proved"] == []


def test_problems_beyond_counting_are_counted(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    lines = (whole / "entries.jsonl").read_bytes().replace(b'"actor":"', b'"actor":"x')
    (tmp_path / "entries.jsonl").write_bytes(lines)
    report = verify(tmp_path)
    assert sum(problem.code == "entry_changed" for problem in report.problems) == 20
    assert report.problems.counted["entry_changed"] == 600
    assert "entry_changed: 580 more" in report.text()


def test_a_bundle_without_a_manifest_is_none(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"manifest\.json"):
        verify(tmp_path)
