"""Migrations: numbered `.sql` files, each applied once, in order, in a transaction of its own.

One migrator at a time (advisory lock); what was applied must still be what the file says (SHA-256).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

import psycopg
from psycopg import Connection
from psycopg.abc import Query

from infrastructure.faults import SchemaMissing, SchemaProblem
from infrastructure.postgres import SERVICE_ROLE

FOLDER: Final = Path(__file__).parent / "migrations"
OLDEST_SERVER: Final = 150000
LOCK: Final = 7166153

_SET_UP: Final = f"""
    CREATE SCHEMA IF NOT EXISTS gatehouse;
    CREATE TABLE IF NOT EXISTS gatehouse.migrations (
        number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{SERVICE_ROLE}') THEN
            CREATE ROLE {SERVICE_ROLE} NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$;
    DO $$ BEGIN  -- who may be the service already needs no right to grant that
        SET LOCAL ROLE {SERVICE_ROLE};
        RESET ROLE;
    EXCEPTION WHEN insufficient_privilege THEN GRANT {SERVICE_ROLE} TO CURRENT_USER;
    END $$;
    GRANT USAGE ON SCHEMA gatehouse TO {SERVICE_ROLE};
    GRANT SELECT ON gatehouse.migrations TO {SERVICE_ROLE};
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file's text."""
        return sha256(self.sql.encode()).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """All migrations, in order; their numbers run from 1 without a gap."""
    found = [
        Migration(number, path.name, path.read_text(encoding="utf-8"))
        for number, path in enumerate(sorted(folder.glob("*.sql")), 1)
    ]
    if any(not migration.name.startswith(f"{migration.number:04}_") for migration in found):
        raise SchemaProblem("the migration files are not numbered without a gap")
    return found


def migrate(conninfo: str, known: list[Migration] | None = None) -> list[str]:
    """Apply what is missing and answer the names. Safe to call again, and from several processes at once."""
    known = migrations() if known is None else known
    with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection, _alone(connection):
        _supported(connection)
        _execute(connection, _SET_UP)
        applied = _applied(connection, known)
        missing = known[len(applied) :]
        for migration in missing:
            with connection.transaction():
                _execute(connection, migration.sql)
                connection.execute(
                    "INSERT INTO gatehouse.migrations (number, name, sha256) VALUES (%s, %s, %s)",
                    (migration.number, migration.name, migration.digest),
                )
    return [migration.name for migration in missing]


def check(conninfo: str, known: list[Migration] | None = None) -> None:
    """Raise `SchemaProblem` unless the database has exactly this version's schema."""
    known = migrations() if known is None else known
    with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
        _supported(connection)
        try:
            applied = _applied(connection, known)
        except psycopg.errors.UndefinedTable as fault:
            raise SchemaMissing("the database has no Gatehouse schema: run `./run migrate`") from fault
    if len(applied) < len(known):
        raise SchemaMissing("the database's schema is older than this version: run `./run migrate`")


def _applied(connection: Connection[Any], known: list[Migration]) -> list[str]:
    """The digests on record, which must be the beginning of what is `known`."""
    rows = connection.execute("SELECT number, name, sha256 FROM gatehouse.migrations ORDER BY number").fetchall()
    if len(rows) > len(known):
        raise SchemaProblem(
            f"the database's schema is newer ({rows[-1][1]}) than this version: start a newer Gatehouse"
        )
    for (_, name, digest), migration in zip(rows, known, strict=False):
        if digest != migration.digest:
            raise SchemaProblem(f"the database was made by another version: {name} is not what it was")
    return [digest for _, _, digest in rows]


def _supported(connection: Connection[Any]) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise SchemaProblem("PostgreSQL 15 or later is needed")


def _execute(connection: Connection[Any], sql: str) -> None:
    """Run a script of our own; psycopg wants literals, and these come from files."""
    connection.execute(cast("Query", sql))


@contextmanager
def _alone(connection: Connection[Any]) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
