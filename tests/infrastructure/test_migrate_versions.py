"""The schema on every PostgreSQL that is found here, and for owners who are no superusers."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.embedded_postgres import EmbeddedPostgres, binaries
from infrastructure.embedded_postgres.binaries import Binaries
from infrastructure.migrate import check, migrate
from infrastructure.postgres import service_conninfo
from projections import PROJECTIONS
from tests.conftest import FAST
from tests.infrastructure.test_executor import context, executing, registration, rows
from tests.infrastructure.test_log import CHANGES, FORBIDDEN
from tests.infrastructure.test_migrate import PROGRAM, names
from tests.infrastructure.test_projector import projector
from tests.infrastructure.test_serve import ROOT, environment

DATABASES: Final = ["one", "two", "three"]


def found() -> dict[str, Binaries]:
    """One PostgreSQL of each major version."""
    programs: dict[str, Binaries] = {}
    for folder, install in binaries.candidates():
        version = binaries.version_of(folder / "postgres")
        if version and int(version.partition(".")[0]) >= binaries.OLDEST:
            programs.setdefault(version.partition(".")[0], Binaries(folder, version, install))
    return programs


FOUND: Final = found()


@pytest.fixture(scope="module", params=list(FOUND))
def postgres(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of a version, on which nobody has migrated anything yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binaries, "find", lambda: FOUND[request.param])
        server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data", settings=FAST)
        server.start()
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        assert connection.info.server_version // 10000 == int(request.param)
        for name in DATABASES:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    yield server
    server.stop()


@pytest.fixture
def owner(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database whose owner is no superuser, though he may make roles; the owner's conninfo."""
    with psycopg.connect(postgres.conninfo(), autocommit=True) as connection:
        connection.execute("CREATE ROLE landlord LOGIN CREATEROLE PASSWORD 'landlord'")
        connection.execute("CREATE DATABASE owned OWNER landlord")
        yield make_conninfo(postgres.conninfo("owned"), user="landlord", password="landlord")
        connection.execute("DROP DATABASE owned WITH (FORCE)")
        connection.execute("DROP OWNED BY landlord")
        connection.execute("DROP ROLE landlord")


def test_the_embedded_postgres_is_among_those_found() -> None:
    assert binaries.find().version.partition(".")[0] in FOUND


def test_several_databases_of_one_new_server_are_migrated_at_once(postgres: EmbeddedPostgres) -> None:
    """The advisory lock is one database's; the service's role is the whole server's."""
    starts = [
        subprocess.Popen(  # noqa: S603 -- our own program
            [sys.executable, "-c", PROGRAM, postgres.conninfo(name)],
            env=environment(ROOT),
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in DATABASES
        for _ in range(2)
    ]
    said = sorted(start.communicate()[0].split() for start in starts)

    assert [start.returncode for start in starts] == [0] * len(starts)
    assert said == [[]] * len(DATABASES) + [names()] * len(DATABASES)


@pytest.mark.anyio
async def test_the_log_and_its_projections_work(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    conninfo = postgres.conninfo("one")
    migrate(conninfo)
    async with executing(conninfo, tmp_path) as executor:
        for number in range(3):
            await executor.execute(registration(number), context())
    await projector(conninfo).catch_up()

    assert len(rows(conninfo, "SELECT FROM gatehouse.customers WHERE status = 'initiating'")) == 3
    assert rows(conninfo, "SELECT DISTINCT position FROM gatehouse.tracking") == [(9,)]
    assert len(rows(conninfo, "SELECT FROM gatehouse.tracking")) == len(PROJECTIONS)


def test_what_is_recorded_stays_and_the_service_may_no_more_than_it_needs(postgres: EmbeddedPostgres) -> None:
    conninfo = postgres.conninfo("two")
    migrate(conninfo)
    for change in CHANGES:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the event log is append-only"):
            rows(conninfo, change)
    for statement in (*CHANGES, *FORBIDDEN):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(service_conninfo(conninfo), statement)


@pytest.mark.anyio
async def test_an_owner_who_may_make_roles_migrates_and_serves(
    postgres: EmbeddedPostgres, owner: str, tmp_path: Path
) -> None:
    with psycopg.connect(postgres.conninfo(), autocommit=True) as superuser:
        for name in DATABASES:
            superuser.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
        superuser.execute("DROP ROLE IF EXISTS gatehouse_service")
    assert migrate(owner) == names()
    assert migrate(owner) == []
    check(service_conninfo(owner))
    async with executing(owner, tmp_path) as executor:
        await executor.execute(registration(1), context())


@pytest.mark.anyio
async def test_an_owner_who_was_given_the_role_needs_no_right_to_give_it(
    postgres: EmbeddedPostgres, owner: str, tmp_path: Path
) -> None:
    """As on managed servers, where an administrator makes the roles."""
    with psycopg.connect(postgres.conninfo(), autocommit=True) as superuser:
        superuser.execute("DROP ROLE IF EXISTS gatehouse_service")
        superuser.execute("CREATE ROLE gatehouse_service NOLOGIN")
        superuser.execute("GRANT gatehouse_service TO landlord")
        superuser.execute("ALTER ROLE landlord NOCREATEROLE")
    assert migrate(owner) == names()
    check(service_conninfo(owner))
    async with executing(owner, tmp_path) as executor:
        await executor.execute(registration(1), context())
