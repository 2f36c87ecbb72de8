"""Real PostgreSQL for every test that needs one: a server per test worker, a database per test."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.migrate import migrate

# Their assertions are explained as a test's own are; it must be said before anything imports them.
pytest.register_assert_rewrite(
    "tests.domain.given",
    "tests.domain.life",
    "tests.domain.stored",
    "tests.application.journal_contract",
    "tests.infrastructure.verification_contract",
)

# A crash of a test's machine may lose a test's data; nothing else is different from what users run.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
TEMPLATE = "gatehouse_template"


# Where a fault came from is not drawn for the terminal, which takes seconds on a busy machine.
structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer(default=repr)])


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Server:
    """A running server, and databases cloned from a migrated template."""

    postgres: EmbeddedPostgres
    numbers: "count[int]"

    def clone(self, of: str | None = None) -> str:
        """A new database with our schema, or the copy of one that nobody is connected to; its conninfo."""
        name, template = f"test_{next(self.numbers)}", TEMPLATE
        if of is not None:
            template = str(psycopg.conninfo.conninfo_to_dict(of)["dbname"])
        with psycopg.connect(self.postgres.conninfo(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        return make_conninfo(self.postgres.conninfo(), dbname=name)

    def empty(self) -> str:
        """A new database with nothing in it; its conninfo."""
        name = f"test_{next(self.numbers)}"
        with psycopg.connect(self.postgres.conninfo(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        return make_conninfo(self.postgres.conninfo(), dbname=name)

    def drop(self, conninfo: str) -> None:
        """Remove a database, whoever is connected to it."""
        name = psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"]
        with psycopg.connect(self.postgres.conninfo(), autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(str(name))))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(folder / "data", settings=FAST) as postgres:
        with psycopg.connect(postgres.conninfo(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(TEMPLATE)))
        migrate(make_conninfo(postgres.conninfo(), dbname=TEMPLATE))
        yield Server(postgres, count())


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The conninfo of a database of this test's own, migrated and empty."""
    conninfo = server.clone()
    yield conninfo
    server.drop(conninfo)


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The conninfo of a database with no schema."""
    conninfo = server.empty()
    yield conninfo
    server.drop(conninfo)
