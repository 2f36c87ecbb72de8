"""Connections to PostgreSQL: bounded in time, in the least-privileged role, never left half open."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from infrastructure.arrays import understand_arrays

SERVICE_ROLE: Final = "gatehouse_service"
COMMAND_ANSWER: Final = 2.0
"""Seconds that the database has for a round trip of the executor; within its patience there is room for two."""
QUERY_ANSWER: Final = 3.0
"""The same, for a reader or a worker."""
BATCH_ANSWER: Final = 10.0
"""The same, for a projector, which takes events by the thousand."""
POOL_PATIENCE: Final = 2.0
"""Seconds that a reader waits for a connection."""
RECONNECT: Final = 1.0
"""Seconds after which a failed connection is given up. Asking again opens the next at once; backing off would not."""
AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction)
"""What says that the database cannot be reached or written for now, the disk full or a standby's: try again."""

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
    # A client that vanished with its machine must not go on leading projections.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
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


@contextmanager
def cut_after(connection: AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """Break the line if the block takes longer: who waits in it is told as of any connection that was lost.

    A middlebox, or a server that stands still, keeps TCP content for good. And a cancellation, as of asyncio.timeout,
    would ask that same server to cancel, and wait for its answer.
    """
    timer = asyncio.get_running_loop().call_later(seconds, _cut, connection)
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: AsyncConnection[Any]) -> None:
    with (
        suppress(OSError, psycopg.OperationalError),  # it broke by itself
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)


class BoundedPool(AsyncConnectionPool[AsyncConnection[Any]]):
    """A pool whose connections break where the database does not answer in time."""

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[AsyncConnection[Any]]:  # noqa: ASYNC109 -- the library's
        """A connection for at most `QUERY_ANSWER` seconds."""
        async with super().connection(timeout) as connection:
            with cut_after(connection, QUERY_ANSWER):
                yield connection


class Connection:
    """Connections that are opened when they are needed, and again after one broke; who finds all taken waits."""

    def __init__(self, conninfo: str, at_most: int = 2) -> None:
        self._conninfo = conninfo
        self._room = asyncio.Semaphore(at_most)
        self._idle: list[AsyncConnection[tuple[Any, ...]]] = []

    @asynccontextmanager
    async def use(self) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        """A connection of one's own for a short while. One that failed or was left in the midst is not used again."""
        async with self._room:
            connection = self._idle.pop() if self._idle else await connect(self._conninfo)
            try:
                with cut_after(connection, COMMAND_ANSWER):
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
