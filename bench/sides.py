"""The four sides: how each is started, on a database of its own.

All are one process of uvicorn with uvloop and httptools, without access log, on one PostgreSQL server and its socket.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from bench.postgres import Database
from bench.report import BenchError
from bench.server import ROOT, Launch, uvicorn

DRIVER: Final = "postgresql+asyncpg"  # the faster of SQLAlchemy's two, as `bench peers` measures
STOCK_POOL: Final = "16"
NEVER_REACHED: Final = str(10**9)
GATEHOUSE: Final = (sys.executable, "-m", "infrastructure")


def empty_route() -> Launch:
    """FastAPI with nothing behind it."""
    return uvicorn("bench.peers.empty_route:create_app")


def stock_library(database: Database) -> Launch:
    """The `eventsourcing` library as documented, with a pool for the many threads it is called from."""
    return uvicorn("bench.peers.stock_library:create_app", **database.library_settings(), POSTGRES_POOL_SIZE=STOCK_POOL)


def sqlalchemy(database: Database, driver: str = DRIVER) -> Launch:
    """FastAPI with SQLAlchemy's async session."""
    return uvicorn("bench.peers.sqlalchemy_service:create_app", DATABASE_URL=database.url(driver))


def gatehouse(database: Database) -> Launch:
    """Gatehouse as a user starts it."""

    def command(port: int) -> list[str]:
        return [*GATEHOUSE, "serve", "--port", str(port)]

    return Launch(command=command, environment=environment_of(database))


def environment_of(database: Database) -> dict[str, str]:
    """Gatehouse's settings: a database, and budgets that are counted and never used up."""
    return {
        "DATABASE_URL": database.url(),
        "GATEHOUSE_READS_PER_MINUTE": NEVER_REACHED,
        "GATEHOUSE_WRITES_PER_MINUTE": NEVER_REACHED,
    }


@dataclass(frozen=True, kw_only=True)
class PartnerKey:
    """A partner's API key, and the partner it stands for."""

    key: str
    partner: UUID


def bearer_of(side: PartnerKey) -> str:
    """Return what a careful caller shows. A token that was had for the key belongs here."""
    return side.key


def prepare(database: Database, folder: Path, **more: str) -> PartnerKey:
    """Migrate Gatehouse's database and make a partner's key, where `serve` will run, with `more` set."""

    def gatehouse_says(*arguments: str) -> str:
        said = subprocess.run(  # noqa: S603  # our own command line
            [*GATEHOUSE, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment_of(database), **more},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode != 0:
            raise BenchError(f"`{' '.join(arguments)}` failed:\n{said.stderr[-3000:]}")
        return said.stdout

    gatehouse_says("migrate")
    made = json.loads(gatehouse_says("keys", "create", "--role", "partner", "--name", "bench", "--json"))
    return PartnerKey(key=made["key"], partner=UUID(made["partner"]))
