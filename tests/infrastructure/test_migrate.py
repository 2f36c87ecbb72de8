"""Migrations: each once, whole or not at all, and only where the files are what they were."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import psycopg
import pytest

from infrastructure.faults import SchemaMissing, SchemaProblem
from infrastructure.migrate import FOLDER, Migration, check, migrate, migrations
from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_serve import ROOT, environment, eventually

STARTS: Final = 5
PROGRAM: Final = """
import sys
from infrastructure.migrate import migrate
print(*migrate(sys.argv[1]), sep="\\n")
"""
APPLIED: Final = "SELECT number, name FROM gatehouse.migrations ORDER BY 1"
TABLES: Final = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'gatehouse'::regnamespace AND relkind = 'r' ORDER BY 1"
)
GATE: Final = 42
"""An advisory lock at which a migration can be made to wait."""


def later(sql: str) -> list[Migration]:
    """All migrations, and one more."""
    known = migrations()
    number = len(known) + 1
    return [*known, Migration(number, f"{number:04}_later.sql", sql)]


def names() -> list[str]:
    return sorted(path.name for path in FOLDER.glob("*.sql"))


@pytest.fixture
def waiting(database: str) -> Iterator[list[Migration]]:
    """Migrations of which the last waits in the midst of its work for as long as the test runs."""
    with psycopg.connect(database, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (GATE,))
        yield later(f"CREATE TABLE gatehouse.half (n int); SELECT pg_advisory_xact_lock({GATE}); SELECT 1")


def backends(conninfo: str) -> list[int]:
    """Who waits at the gate."""
    query = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    return [row[0] for row in rows(conninfo, query, GATE)]


def test_an_empty_database_gets_every_migration_once(empty_database: str) -> None:
    assert migrate(empty_database) == names()
    assert migrate(empty_database) == []
    check(empty_database)
    assert rows(empty_database, APPLIED) == list(enumerate(names(), 1))


def test_several_that_start_at_once_apply_each_migration_once(empty_database: str) -> None:
    starts = [
        subprocess.Popen(  # noqa: S603 -- our own program
            [sys.executable, "-c", PROGRAM, empty_database],
            env=environment(ROOT),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(STARTS)
    ]
    said = [start.communicate()[0].split() for start in starts]

    assert [start.returncode for start in starts] == [0] * STARTS
    assert sorted(said) == [[]] * (STARTS - 1) + [names()]
    check(empty_database)


def test_an_edited_file_is_refused(database: str) -> None:
    first, *others = migrations()
    edited = [replace(first, sql=first.sql + "-- a word more"), *others]
    for begin in (check, migrate):
        with pytest.raises(SchemaProblem, match=r"0001_log\.sql is not what it was"):
            begin(database, edited)


def test_a_newer_schema_is_refused(database: str) -> None:
    migrate(database, later("CREATE TABLE gatehouse.later (n int)"))
    for begin in (check, migrate):
        with pytest.raises(SchemaProblem, match=r"newer \(\d{4}_later\.sql\) than this version") as refused:
            begin(database)
        assert not isinstance(refused.value, SchemaMissing)


def test_a_schema_that_is_missing_or_older_is_said_to_be_so(empty_database: str) -> None:
    with pytest.raises(SchemaMissing, match="has no Gatehouse schema"):
        check(empty_database)
    migrate(empty_database, migrations()[:1])
    with pytest.raises(SchemaMissing, match="older than this version"):
        check(empty_database)
    assert migrate(empty_database) == names()[1:]
    check(empty_database)


@pytest.mark.parametrize("names", [["0002_b"], ["0001_a", "0003_c"], ["0001_a", "0001_b"], ["a"], ["1_a"]], ids=str)
def test_a_gap_in_the_numbers_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / f"{name}.sql").write_text("SELECT 1")
    with pytest.raises(SchemaProblem, match="not numbered without a gap"):
        migrations(tmp_path)


def test_a_migration_that_fails_leaves_nothing_and_may_be_mended(database: str) -> None:
    before = rows(database, TABLES)
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(database, later("CREATE TABLE gatehouse.half (n int); SELECT 1 / 0; SELECT 1"))

    assert rows(database, TABLES) == before
    check(database)
    assert migrate(database, later("CREATE TABLE gatehouse.half (n int)"))[0].endswith("_later.sql")


def test_a_migration_that_is_interrupted_leaves_nothing_and_is_taken_up_again(
    database: str, waiting: list[Migration]
) -> None:
    before = rows(database, TABLES)
    faults: list[BaseException] = []

    def interrupted() -> None:
        try:
            migrate(database, waiting)
        except psycopg.OperationalError as fault:
            faults.append(fault)

    thread = threading.Thread(target=interrupted)
    thread.start()
    eventually(lambda: backends(database))
    rows(database, "SELECT pg_terminate_backend(%s)", backends(database)[0])
    thread.join()

    assert len(faults) == 1
    assert rows(database, TABLES) == before
    check(database)
    assert migrate(database, later("CREATE TABLE gatehouse.half (n int)")) == [waiting[-1].name]


def test_one_migrator_at_a_time(database: str, waiting: list[Migration]) -> None:
    """The second waits for the first, whatever that is about to do."""
    first = threading.Thread(target=lambda: migrate(database, waiting))
    first.start()
    eventually(lambda: backends(database))
    applied: list[str] = []
    second = threading.Thread(target=lambda: applied.extend(migrate(database, waiting)))
    second.start()
    pending = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 7166153 AND NOT granted"
    eventually(lambda: rows(database, pending))
    let_go = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"
    rows(database, let_go, GATE)
    first.join()
    second.join()

    assert applied == []
    assert rows(database, APPLIED)[-1][1] == waiting[-1].name
