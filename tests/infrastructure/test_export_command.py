"""`./run export`: what it says, what it refuses in one line, and that it goes on where it was killed."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bench.history import load_log
from bench.postgres import Database
from infrastructure.exports.target import Target
from tests.conftest import Server
from tests.support.exports import files_of, rows, settings_below

ROOT: Final = Path(__file__).parents[2]
EVENTS: Final = 20_000
WHOLE: Final = ("--until", "2026-01-01T00:00:00Z", "--format", "csv", "--format", "ocel")
"""All of the loaded events, and nothing that exports add to the log."""


@pytest.fixture(scope="module")
def log(server: Server) -> Iterator[str]:
    conninfo = server.clone()
    load_log(conninfo, EVENTS)
    yield conninfo
    server.drop(conninfo)


def run(conninfo: str, folder: Path, *arguments: str, dying: int | None = None) -> "subprocess.CompletedProcess[str]":
    """The command, on a database that is somebody's service's; killed at the n-th thing that it writes, if given."""
    settings_below(folder / "data")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GATEHOUSE_")}
    given = {
        "PYTHONPATH": str(ROOT),
        "GATEHOUSE_DATA": str(folder / "data"),
        "GATEHOUSE_PUBLIC_URL": "https://gatehouse.example",
        "DATABASE_URL": Database(conninfo).url(),
    }
    command = ["-m", "infrastructure", "export"] if dying is None else ["-m", "tests.support.dying_export", str(dying)]
    return subprocess.run(  # noqa: S603 -- our own command line
        [sys.executable, *command, *arguments],
        env=ours | given,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_says_where_the_bundle_is_and_how_to_check_it(log: str, tmp_path: Path) -> None:
    done = run(log, tmp_path, "--until", "2026-01-01T00:00:00Z", "--output", "mine")

    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert first.startswith(f"mine: {EVENTS:,} of {EVENTS:,} entries in ")
    assert last == "check it anywhere, without a network: python3 mine/verify.py mine"
    assert not (tmp_path / "mine.partial").exists()


def test_what_it_says_to_type_can_be_typed(log: str, tmp_path: Path) -> None:
    done = run(log, tmp_path, "--type", "CustomerRegistered", "--output", "for my auditor")

    _, typed = done.stdout.splitlines()[-1].split(": ")
    checked = subprocess.run(typed, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S602 -- as a shell reads it
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "All right.")


def test_as_json_it_is_one_line(log: str, tmp_path: Path) -> None:
    done = run(log, tmp_path, "--type", "CustomerRegistered", "--output", "mine.zip", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told.keys() == {"path", "entries", "size", "manifest", "seconds"}
    assert told["entries"] == EVENTS / 8
    assert rows(log, "ExportProduced")[-1]["manifest"] == told["manifest"]


def test_killed_at_any_point_it_goes_on_to_the_same_bytes(log: str, tmp_path: Path) -> None:
    assert run(log, tmp_path, *WHOLE, "--output", "at-once").returncode == 0
    expected = files_of(tmp_path / "at-once")
    chosen = random.Random(5)  # noqa: S311 -- the same points in every run
    deaths = [1, 2, 3, 4, 5, *(chosen.randrange(6, 150) for _ in range(6))]

    positions = []
    for point in deaths:
        done = run(log, tmp_path, *WHOLE, "--output", "resumed", dying=point)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert not (tmp_path / "resumed").exists()
        positions.append(position_in(tmp_path / "resumed.partial"))
    done = run(log, tmp_path, *WHOLE, "--output", "resumed", dying=0)

    assert (done.returncode, done.stderr) == (0, "")
    assert files_of(tmp_path / "resumed") == expected
    assert positions == sorted(positions)
    assert len(set(positions)) > 2, "it goes on where it was, and does not begin again"


def position_in(partial: Path) -> int:
    try:
        return int(json.loads((partial / "state.json").read_text())["state"]["position"])
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "xml"], "there is no format 'xml': there are jsonl, cloudevents, csv, parquet, ocel"),
        (["--type", "Nothing"], "there is no event type 'Nothing': docs/events.md lists them"),
        (["--from", "yesterday"], "times are ISO 8601 with a zone, such as 2026-05-01T12:00:00Z"),
        (["--until", "2026-05-01T12:00:00"], "times are ISO 8601 with a zone, such as 2026-05-01T12:00:00Z"),
        (["--from", "0001-01-01T00:00:00+14:00"], "times are ISO 8601 with a zone, such as 2026-05-01T12:00:00Z"),
        (["--customer", "5"], "ids are UUIDs"),
        (["--until", "2020-01-01T00:00:00Z"], "nothing was recorded by then: there is nothing to export"),
        (
            ["--output", "/proc/nowhere"],
            "the bundle cannot be written: No such file or directory: /proc/nowhere.partial",
        ),
        (["--output", "here/file"], "the bundle cannot be written: Not a directory: here/file.partial/bundle"),
    ],
)
def test_what_cannot_be_is_one_line(log: str, tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "here").write_text("a file")

    done = run(log, tmp_path, *arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"gatehouse: {says}\n"


@pytest.mark.parametrize("output", ["mine", "."])
def test_a_bundle_that_is_there_is_one_line(log: str, tmp_path: Path, output: str) -> None:
    (tmp_path / "mine").mkdir()

    done = run(log, tmp_path, "--output", output)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"gatehouse: {output} is there already: a finished bundle is never overwritten\n"


def test_two_do_not_write_the_same_bundle(log: str, tmp_path: Path) -> None:
    with Target(tmp_path / "mine").held():
        done = run(log, tmp_path, "--output", "mine")

    assert (done.returncode, done.stderr) == (1, "gatehouse: another export is writing mine\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_is_one_line_and_the_rest_is_made_later(log: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine.partial" / "bundle"
    folder.mkdir(parents=True)
    (folder / "README.txt").symlink_to("/dev/full")

    done = run(log, tmp_path, "--until", "2026-01-01T00:00:00Z", "--output", "mine")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gatehouse: the bundle cannot be written: No space left on device")
    (folder / "README.txt").unlink()
    assert run(log, tmp_path, "--until", "2026-01-01T00:00:00Z", "--output", "mine").returncode == 0
