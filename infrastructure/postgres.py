"""Connections to PostgreSQL: bounded in time, in the least-privileged role, never left half open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infrastructure.arrays import understand_arrays

SERVICE_ROLE: Final = "gatehouse_service"

_BOUNDS: Final[dict[str, Any]] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 3000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
_SETTINGS: Final = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}


def service_conninfo(conninfo: str) -> str:
    """`conninfo` with our bounds, and with the service's role instead of its owner's."""
    given = conninfo_to_dict(conninfo)
    settings = _SETTINGS | {"role": SERVICE_ROLE}
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    given["options"] = f"{given.get('options') or ''} {options}".strip()
    return make_conninfo("", **(_BOUNDS | given))


async def connect(conninfo: str) -> AsyncConnection[tuple[Any, ...]]:
    """Open a connection in autocommit mode."""
    connection = await AsyncConnection.connect(conninfo, autocommit=True)
    await configure(connection)
    return connection


async def configure(connection: AsyncConnection[Any]) -> None:
    """Make a new connection ours: hot statements are prepared at once, and arrays are written our way."""
    connection.prepare_threshold = 0
    understand_arrays(connection)


class Connection:
    """Connections that are opened when they are needed, and again after one broke; who finds all taken waits."""

    def __init__(self, conninfo: str, at_most: int = 2) -> None:
        self._conninfo = conninfo
        self._room = asyncio.Semaphore(at_most)
        self._idle: list[AsyncConnection[tuple[Any, ...]]] = []

    @asynccontextmanager
    async def use(self) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        """A connection of one's own for a while. One that failed or was left in the midst is not used again."""
        async with self._room:
            connection = self._idle.pop() if self._idle else await connect(self._conninfo)
            try:
                yield connection
            except (psycopg.OperationalError, psycopg.InterfaceError):
                await connection.close()
                raise
            finally:
                if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def close(self) -> None:
        """Close what is idle."""
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()
