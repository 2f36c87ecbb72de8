"""The four sides: how each is started, on a database of its own.

All are one process of uvicorn with uvloop and httptools, without access log, on one PostgreSQL server and its socket.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx2

from bench.postgres import Database
from bench.report import BenchError
from bench.server import MODULES, Launch, Server, uvicorn
from bench.traffic import guarded

DRIVER: Final = "postgresql+asyncpg"  # the faster of SQLAlchemy's two, as `bench peers` measures
STOCK_POOL: Final = "16"
UNBOUNDED: Final = "0"
NEVER_REACHED: Final = str(10**9)
"""A budget that is counted."""
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


def gatehouse(database: Database, *, budget: str = UNBOUNDED) -> Launch:
    """Gatehouse as a user starts it."""

    def command(port: int) -> list[str]:
        return [*GATEHOUSE, "serve", "--port", str(port)]

    return Launch(command=command, environment=environment_of(database, budget=budget))


def environment_of(database: Database, *, budget: str = NEVER_REACHED) -> dict[str, str]:
    """Gatehouse's settings: a database, and how often a key may call in a minute."""
    return {
        "DATABASE_URL": database.url(),
        "GATEHOUSE_READS_PER_MINUTE": budget,
        "GATEHOUSE_WRITES_PER_MINUTE": budget,
    }


@dataclass(frozen=True, kw_only=True)
class PartnerKey:
    """A partner's API key, and the partner it stands for."""

    key_id: UUID
    key: str
    partner: UUID


def careful(server: Server, key: PartnerKey) -> Server:
    """Return the server with callers that do all they should: a token, and an idempotency key for each write."""
    login = {"apiKey": str(key.key_id), "apiSecret": key.key}
    answered = httpx2.post(f"http://127.0.0.1:{server.port}/v1/auth/token", json=login, trust_env=False)
    return replace(server, dress=partial(guarded, bearer=answered.raise_for_status().json()["token"]))


def prepare(database: Database, folder: Path, **more: str) -> PartnerKey:
    """Migrate Gatehouse's database and make a partner's key, where `serve` will run, with `more` set."""

    def gatehouse_says(*arguments: str) -> str:
        said = subprocess.run(  # noqa: S603  # our own command line
            [*GATEHOUSE, *arguments],
            env={**os.environ, "PYTHONPATH": MODULES, **environment_of(database), **more},
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
    return PartnerKey(key_id=UUID(made["keyId"]), key=made["key"], partner=UUID(made["partner"]))
