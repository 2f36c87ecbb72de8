"""`./run sanctions adopt` as whoever runs the service meets it."""

import json
import os
import pty
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.infrastructure.test_sanctions_source import sends, server
from tests.infrastructure.test_serve import ROOT, command, environment, refusal, run
from tests.infrastructure.test_serve_refusals import url
from tests.support.lists import address, days_ago, list_xml


@pytest.fixture
def place(database: str, tmp_path: Path) -> "Place":
    return Place(database, tmp_path)


class Place:
    """A database, and a folder with lists in it."""

    def __init__(self, database: str, folder: Path) -> None:
        self._conninfo = database
        self.data = folder / "data"
        self.more = {"DATABASE_URL": url(database)}

    def file(self, *numbers: int, published: date, name: str = "list.xml") -> str:
        path = self.data.with_name(name)
        path.write_bytes(list_xml(*numbers, published=published))
        return str(path)

    def adopt(self, *arguments: str) -> str:
        done = run(self.data, "sanctions", "adopt", *arguments, **self.more)
        assert done.returncode == 0, done
        assert done.stderr == ""
        return done.stdout

    def refused(self, *arguments: str) -> str:
        return refusal(self.data, "sanctions", "adopt", *arguments, **self.more)

    def stored(self) -> tuple[Any, ...]:
        with psycopg.connect(self._conninfo) as owner:
            row = owner.execute(
                "SELECT (SELECT count(*) FROM gatehouse.stored_events), "
                "(SELECT count(*) FROM gatehouse.sanctioned_addresses)"
            ).fetchone()
        assert row
        return row


def test_an_adoption_shows_date_hash_counts_and_what_was_added_and_removed(place: Place) -> None:
    first = place.adopt(place.file(*range(1, 21), published=days_ago(2)))
    second = place.adopt(place.file(*range(2, 22), published=days_ago(1)))

    lines = first.splitlines()
    assert lines[0].startswith(f"in force: the list of {days_ago(2)}, 20 entries, 20 addresses, sha256 ")
    assert lines[1:3] == ["before it: none", "added 20:"]
    assert lines[3:] == [
        *(f"  {address(n)}" for n in range(1, 11)),
        "  and 10 more; --json names them all",
        "removed 0",
    ]
    assert second.splitlines()[1:] == [
        f"before it: sha256 {lines[0].rpartition(' ')[2]}",
        "added 1:",
        f"  {address(21)}",
        "removed 1:",
        f"  {address(1)}",
    ]


def test_json_names_every_address(place: Place) -> None:
    told = json.loads(place.adopt(place.file(*range(1, 51), published=days_ago(2)), "--json"))
    again = json.loads(place.adopt(place.file(*range(1, 51), published=days_ago(2)), "--json"))

    assert told["added"] == [address(number) for number in range(1, 51)]
    assert (told["changed"], told["entries"], told["addresses"], told["sample"]) == (True, 50, 50, False)
    assert (told["listVersion"], told["previousHash"], told["removed"]) == (days_ago(2).isoformat(), None, [])
    assert again == told | {"changed": False, "added": []}


def test_what_is_refused_is_one_line_and_changes_nothing(place: Place) -> None:
    whole = Path(place.file(*range(1, 21), published=days_ago(2)))
    place.adopt(str(whole))
    stored = place.stored()
    content = whole.read_bytes()
    (cut := whole.with_name("cut.xml")).write_bytes(content[: len(content) // 2])
    (empty := whole.with_name("empty.xml")).write_bytes(b"")

    refusals = [
        place.refused(str(cut), "--force"),
        place.refused(str(empty), "--force"),
        place.refused(place.file(*range(1, 21), published=days_ago(3), name="older.xml")),
        place.refused(place.file(1, published=days_ago(0), name="smaller.xml")),
        place.refused(place.file(*range(1, 30), published=days_ago(-3), name="future.xml"), "--force"),
        place.refused(str(whole.with_name("nowhere.xml"))),
    ]

    for line, words in zip(
        refusals,
        (
            "cannot adopt the list: the list is cut short",
            "cannot adopt the list: the list is empty",
            f"nothing was changed: the list is of {days_ago(3)}, and the one in force of {days_ago(2)}; --force",
            "nothing was changed: the list has 1 entries and 1 addresses, and the one in force 20 and 20; --force",
            f"nothing was changed: the list is of {days_ago(-3)}, which is yet to come",
            "cannot adopt the list: the file cannot be read: No such file or directory",
        ),
        strict=True,
    ):
        assert line.startswith(f"gatehouse: {words}"), line
    assert place.stored() == stored
    assert place.adopt(str(whole.with_name("older.xml")), "--force").startswith("in force: ")


def test_a_url_is_adopted_and_one_that_breaks_off_is_not(place: Place) -> None:
    body = list_xml(1, 2, 3, published=days_ago(1))
    with server(sends(body[:-9], Content_Length=str(len(body)))) as broken:
        assert "the server broke the download off" in place.refused(broken)
    assert place.stored() == (0, 0)
    with server(sends(body, Content_Length=str(len(body)))) as sound:
        assert json.loads(place.adopt(sound, "--json"))["addresses"] == 3


def test_on_a_terminal_a_bar_shows_how_far_it_is(place: Place) -> None:
    """On standard error: what was read and how fast; standard output stays what a program can read."""
    path = place.file(*range(1, 200), published=days_ago(1))
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 -- our own command line
        command("sanctions", "adopt", path, "--json"),
        env=environment(place.data, TERM="xterm", COLUMNS="120", **place.more),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
        told = process.stdout.read() if process.stdout else b""
    os.close(ours)

    assert process.returncode == 0
    assert json.loads(told)["addresses"] == 199
    size = f"{Path(path).stat().st_size / 1000:.1f}"
    assert f"{size}/{size} kB".encode() in shown
    assert b"/s" in shown


def _read(terminal: int) -> bytes:
    """What was written there; nothing once it is closed."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
