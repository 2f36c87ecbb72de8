"""What keeps a command from starting is one clear line on standard error, without secrets and without a traceback."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infrastructure.embedded_postgres.locks import held
from infrastructure.embedded_postgres.place import UNPRIVILEGED
from infrastructure.keys.deployment import load_keys
from tests.infrastructure.test_serve import SOON, command, environment, eventually, refusal, starting

SERVE: Final = ("serve", "--port", "0")
COMMANDS: Final = [SERVE, ("migrate",)]
SECRET: Final = "hush hush"
# Runs a command as somebody else, whom we become after the imports: they may lie where nobody else can go.
AS: Final = """
import os, sys
from contextlib import suppress
from infrastructure import cli, serving
uid = int(sys.argv.pop(1))
with suppress(Exception, SystemExit):
    cli.app(["serve", "--unknown"], standalone_mode=False)  # loads what a command line needs while it can be read
os.setgroups([]), os.setgid(uid), os.setuid(uid)
cli.main()
"""


def url(conninfo: str, **other: str) -> str:
    """`conninfo` as a URL, with other parts."""
    part = {name: quote(str(value), safe="") for name, value in (conninfo_to_dict(conninfo) | other).items()}
    return f"postgresql://{part['user']}:{part['password']}@/{part['dbname']}?host={part['host']}&port={part['port']}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that nothing made yet."""
    return tmp_path / "data"


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """A role that may do nothing at all."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
        yield "stranger"
        owner.execute("DROP ROLE stranger")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_wrong_password_is_not_repeated(database: str, data: Path, arguments: tuple[str, ...]) -> None:
    line = refusal(data, *arguments, DATABASE_URL=url(database, password=SECRET))
    assert "the database does not let us in" in line
    assert 'password authentication failed for user "postgres"' in line
    assert SECRET not in line


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_database_url_that_cannot_be_read_is_not_repeated(data: Path, arguments: tuple[str, ...]) -> None:
    line = refusal(data, *arguments, DATABASE_URL=f"postgresql://gatehouse:{SECRET}@localhost/gatehouse")
    assert line == "gatehouse: cannot make sense of the setting DATABASE_URL"


@pytest.mark.parametrize("mode", ["sandbox", "production"])
def test_a_role_without_privileges_is_told_so(database: str, role: str, data: Path, mode: str) -> None:
    line = refusal(data, *SERVE, DATABASE_URL=url(database, user=role, password=role), GATEHOUSE_MODE=mode)
    assert "permission denied for" in line


def test_a_server_that_is_not_there_is_said_to_be_so(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    line = refusal(data, *SERVE, DATABASE_URL=f"postgresql://gatehouse:hush@127.0.0.1:{port}/gatehouse")
    assert "Connection refused" in line
    assert "hush" not in line


def test_a_newer_schema_is_refused(database: str, data: Path) -> None:
    with psycopg.connect(database) as owner:
        owner.execute("INSERT INTO gatehouse.migrations (number, name, sha256) VALUES (9999, '9999_later.sql', '')")
    line = refusal(data, *SERVE, DATABASE_URL=url(database))
    assert line == (
        "gatehouse: the database's schema is newer (9999_later.sql) than this version: start a newer Gatehouse"
    )


def test_a_schema_of_another_version_is_refused(database: str, data: Path) -> None:
    with psycopg.connect(database) as owner:
        owner.execute("UPDATE gatehouse.migrations SET sha256 = 'edited' WHERE number = 1")
    line = refusal(data, *SERVE, DATABASE_URL=url(database), GATEHOUSE_MODE="production")
    assert line == "gatehouse: the database was made by another version: 0001_log.sql is not what it was"


def test_production_mode_migrates_nothing_by_itself(empty_database: str, data: Path) -> None:
    line = refusal(data, *SERVE, DATABASE_URL=url(empty_database), GATEHOUSE_MODE="production")
    assert line == "gatehouse: the database has no Gatehouse schema: run `./run migrate`"
    with psycopg.connect(empty_database) as owner:
        assert owner.execute("SELECT FROM pg_namespace WHERE nspname = 'gatehouse'").fetchall() == []


def test_production_mode_makes_no_keys(database: str, data: Path) -> None:
    line = refusal(data, *SERVE, DATABASE_URL=url(database), GATEHOUSE_MODE="production")
    assert line == "gatehouse: the key file master.key is missing: production mode does not make keys"
    assert not (data / "keys").exists()


def test_another_master_key_than_the_database_was_begun_with_is_refused(database: str, data: Path) -> None:
    for folder in (data, data.with_name("other")):
        load_keys(folder / "keys", generate=True)
    there = {"DATABASE_URL": url(database)}
    done = subprocess.run(  # noqa: S603 -- our own command line
        command("keys", "list"), env=environment(data, **there), capture_output=True, check=False
    )
    assert done.returncode == 0
    line = refusal(data.with_name("other"), *SERVE, **there)
    assert line == "gatehouse: the master key is not the one that this database was begun with"


def test_a_key_file_that_others_can_read_is_refused(database: str, data: Path) -> None:
    load_keys(data / "keys", generate=True)
    (data / "keys" / "fingerprint.key").chmod(0o644)
    line = refusal(data, *SERVE, DATABASE_URL=url(database))
    assert line == "gatehouse: the key file fingerprint.key can be read by others: chmod 600 it"


def test_a_signing_key_that_nobody_vouches_for_is_refused_with_the_way_out(database: str, data: Path) -> None:
    there = {"DATABASE_URL": url(database)}
    done = subprocess.run(  # noqa: S603 -- our own command line
        command("keys", "rotate", "signing"), env=environment(data, **there), capture_output=True, check=False
    )
    assert done.returncode == 0
    (data / "keys" / "signing.key").unlink()
    for arguments in (SERVE, ("work",)):
        line = refusal(data, *arguments, **there)
        assert line.endswith("if it is lost, run `./run keys rotate signing --lost`")


def test_another_origin_than_the_announced_one_is_refused(database: str, data: Path) -> None:
    there = {"DATABASE_URL": url(database)}
    done = subprocess.run(  # noqa: S603 -- our own command line
        command("keys", "rotate", "signing"), env=environment(data, **there), capture_output=True, check=False
    )
    assert done.returncode == 0
    line = refusal(data, *SERVE, **there, GATEHOUSE_ORIGIN="elsewhere.example/log")
    assert line == "gatehouse: GATEHOUSE_ORIGIN is not the log's name, which was announced as 127.0.0.1/log"


def test_the_librarys_functions_that_write_past_the_lock_are_refused(data: Path) -> None:
    assert "POSTGRES_ENABLE_DB_FUNCTIONS is set" in refusal(data, *SERVE, POSTGRES_ENABLE_DB_FUNCTIONS="y")
    assert not data.exists()


def test_work_without_a_database_of_its_own_is_refused(data: Path) -> None:
    assert "`work` needs DATABASE_URL" in refusal(data, "work")


@pytest.mark.parametrize("path", ["/proc/gatehouse", "/dev/null/gatehouse"])
def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path, path: str) -> None:
    line = refusal(tmp_path / "unused", *SERVE, GATEHOUSE_DATA=path)
    assert line.startswith(f"gatehouse: {path}/postgres ")


def test_a_read_only_data_folder_is_named() -> None:
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        data.mkdir(mode=0o555)
        Path(name).chmod(0o755)
        somebody = str(UNPRIVILEGED if os.geteuid() == 0 else os.geteuid())
        words = [sys.executable, "-c", AS if os.geteuid() == 0 else AS.replace("os.set", "#"), somebody, *SERVE]
        done = subprocess.run(  # noqa: S603 -- our own command line
            words, env=environment(data), capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"gatehouse: {data}/postgres cannot be written: Permission denied\n"


def test_a_data_folder_whose_holder_is_not_ready_yet_is_not_joined(data: Path) -> None:
    """The note of its connection is still the one that a killed predecessor left."""
    with held(data / "postgres"):
        (data / "connection").write_text(f"host={data} user=postgres password=hush")
        line = refusal(data, "keys", "list")
    assert "the database does not let us in" in line
    assert "hush" not in line


def test_of_two_services_that_start_on_one_port_the_later_one_says_so(data: Path) -> None:
    """A port that is bound but not listened on yet can be bound again: the kernel tells them apart only then."""
    with socket.socket() as first:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.bind(("127.0.0.1", 0))
        port = first.getsockname()[1]
        data.mkdir()
        with starting(data, port) as process:
            eventually((data / "postgres" / "lock").exists)
            first.listen()
            _, errors = process.communicate(timeout=SOON)

    assert process.returncode == 1
    assert errors == f"gatehouse: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_a_port_that_cannot_be_is_refused_before_anything_is_begun(data: Path) -> None:
    done = subprocess.run(  # noqa: S603 -- our own command line
        command("serve", "--port", "65536"), env=environment(data), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
    assert not data.exists()
