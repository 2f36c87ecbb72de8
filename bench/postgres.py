"""The one PostgreSQL server of a bench, with a database for each side: same binaries, same settings, fsync on."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from bench.report import BenchError
from bench.server import ROOT
from infrastructure.embedded_postgres import EmbeddedPostgres

STATE: Final = (
    ROOT / ".gatehouse"
)  # where `serve` keeps its own: a disk, which the system's temporary folder may not be


class Database:
    """One side's database."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._parts = {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}

    def url(self, driver: str = "postgresql") -> str:
        """Return the connection as a URL, for SQLAlchemy (with its driver's name) and for DATABASE_URL."""
        url = URL.create(
            driver,
            username=self._parts["user"],
            password=self._parts.get("password"),
            database=self._parts["dbname"],
            query={"host": self._parts["host"], "port": self._parts.get("port", "5432")},
        )
        return url.render_as_string(hide_password=False)

    def library_settings(self) -> dict[str, str]:
        """Return the connection as the `eventsourcing` library's environment variables."""
        return {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": self._parts["dbname"],
            "POSTGRES_HOST": self._parts["host"],
            "POSTGRES_PORT": self._parts.get("port", "5432"),
            "POSTGRES_USER": self._parts["user"],
            "POSTGRES_PASSWORD": self._parts.get("password", ""),
        }


class Postgres:
    """A running server."""

    def __init__(self, server: EmbeddedPostgres, folder: Path) -> None:
        self._server = server
        self.folder = folder

    def create_database(self, name: str) -> Database:
        """Create an empty database."""
        with psycopg.connect(self._server.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return Database(self._server.conninfo(name))

    def version(self) -> str:
        """Return the server's version. Raise BenchError if it would not wait for the disk."""
        with psycopg.connect(self._server.conninfo("postgres")) as connection:
            settings: dict[str, str] = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
        if settings["fsync"] != "on" or settings["synchronous_commit"] != "on":
            raise BenchError("fsync and synchronous_commit must be on")
        return str(settings["server_version"])


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a fresh server in a temporary folder while the block runs."""
    STATE.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=STATE) as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        yield Postgres(server, Path(folder))
