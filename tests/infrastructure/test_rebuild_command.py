"""`rebuild` and `projections` as whoever runs the service meets them."""

import json
import os
import pty
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from bench.data import load_customers
from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_serve import command, environment, eventually, refusal, run

MANY: Final = 10_000
DIGEST: Final = "[0-9a-f]{64}"


def tracked(database: str, name: str) -> int:
    found = rows(database, "SELECT position FROM gatehouse.tracking WHERE projection = %s", name)
    return int(found[0][0]) if found else 0


def digests(told: str) -> tuple[str, str]:
    """What the command says of the table before and after."""
    before, after = (
        re.search(f"^before  sha256 ({DIGEST})", told, re.MULTILINE),
        re.search(f"^after   sha256 ({DIGEST})", told, re.MULTILINE),
    )
    assert before
    assert after
    return before[1], after[1]


def read_to_the_end(terminal: int) -> str:
    """What is written to a terminal until nobody has it open any more."""
    shown = b""
    with suppress(OSError):  # Linux's way to say that it ended
        while more := os.read(terminal, 65536):
            shown += more
    os.close(terminal)
    return shown.decode()


def test_a_rebuild_that_is_killed_in_its_midst_goes_on(database: str, tmp_path: Path) -> None:
    load_customers(database, MANY, partner=UUID(int=1))
    data, head = tmp_path / "data", 2 * MANY
    with subprocess.Popen(  # noqa: S603 -- our own command line
        command("rebuild", "customers"), env=environment(data, DATABASE_URL=database), cwd=tmp_path
    ) as process:
        eventually(lambda: tracked(database, "customers_next") > 0)
        process.send_signal(signal.SIGKILL)
    reached = tracked(database, "customers_next")
    during = run(data, "projections", DATABASE_URL=database).stdout
    done = run(data, "rebuild", "customers", DATABASE_URL=database)

    assert 0 < reached < head
    assert re.search(f"^customers +{head} +{head} +0  rebuilding at {reached}$", during, re.MULTILINE), during
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"customers: {head - reached} events in ")
    assert len(set(digests(done.stdout))) == 1
    assert rows(database, "SELECT count(*) FROM gatehouse.customers") == [(MANY,)]


def test_a_table_that_was_not_what_the_log_says_is_told_with_exit_code_1(database: str, tmp_path: Path) -> None:
    load_customers(database, 3, partner=UUID(int=1))
    rows(database, "UPDATE gatehouse.customers SET status = 'active' WHERE external_id = 'user-1' RETURNING 1")
    wrong = run(tmp_path / "data", "rebuild", "customers", DATABASE_URL=database)
    right = run(tmp_path / "data", "rebuild", "customers", DATABASE_URL=database)

    assert wrong.returncode == 1
    assert wrong.stderr == "gatehouse: customers was not what the log says; the new table is, and is in force\n"
    assert digests(wrong.stdout)[0] != digests(wrong.stdout)[1]
    assert right.returncode == 0
    assert digests(right.stdout) == (digests(wrong.stdout)[1],) * 2
    assert rows(database, "SELECT DISTINCT status FROM gatehouse.customers") == [("initiating",)]


def test_a_read_model_that_there_is_not_is_refused_in_one_line(database: str, tmp_path: Path) -> None:
    assert (
        refusal(tmp_path / "data", "rebuild", "customer", DATABASE_URL=database)
        == "gatehouse: a projection is one of customers, feed, reviews, spans, worklist"
    )


def test_a_table_that_is_gone_is_told_in_one_line(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP TABLE gatehouse.spans")

    assert (
        refusal(tmp_path / "data", "rebuild", "spans", DATABASE_URL=database)
        == "gatehouse: the database ended the rebuild of spans: UndefinedTable"
    )


def test_on_a_terminal_a_rebuild_shows_how_far_it_is(database: str, tmp_path: Path) -> None:
    load_customers(database, 2000, partner=UUID(int=1))
    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603 -- our own command line
        command("rebuild", "spans"),
        env=environment(tmp_path / "data", DATABASE_URL=database, TERM="xterm", COLUMNS="100"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = read_to_the_end(ours)
        assert process.stdout
        assert process.stdout.read().startswith(b"spans: 4000 events in ")
    assert re.search(r"spans .*4000/4000.* events/s.*0:00:00", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)), shown


def test_projections_are_shown_as_lines_and_as_json(database: str, tmp_path: Path) -> None:
    load_customers(database, 3, partner=UUID(int=1))
    rows(
        database,
        "UPDATE gatehouse.tracking SET position = 4, stopped_at = 5, fault = 'Poison'"
        " WHERE projection = 'spans' RETURNING 1",
    )
    lines = run(tmp_path / "data", "projections", DATABASE_URL=database)
    one = run(tmp_path / "data", "projections", "--json", DATABASE_URL=database)

    assert [line.split(maxsplit=4) for line in lines.stdout.splitlines()] == [
        ["projection", "position", "head", "lag", "state"],
        ["customers", "6", "6", "0", "following"],
        ["feed", "6", "6", "0", "following"],
        ["reviews", "6", "6", "0", "following"],
        ["spans", "4", "6", "2", "stopped at 5: Poison"],
        ["worklist", "6", "6", "0", "following"],
    ]
    assert (lines.returncode, lines.stderr, one.returncode, one.stderr) == (0, "", 0, "")
    assert json.loads(one.stdout)[3] == {
        "projection": "spans",
        "position": 4,
        "head": 6,
        "lag": 2,
        "state": "stopped",
        "stoppedAt": 5,
        "fault": "Poison",
        "rebuildingAt": None,
    }
