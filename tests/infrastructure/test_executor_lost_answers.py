"""What becomes of a command when its commit is done and the answer never arrives. Nobody may take it for a conflict."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from application import executor as executor_module
from application.executor import Outcome
from application.ports import Receipt, Unavailable
from domain.events import ApiKeyRevoked
from domain.refusals import CustomerExists
from infrastructure.log.journal import PostgresJournal
from tests.infrastructure.test_executor import added, adding, context, eventually, executing, registration, rows
from tests.infrastructure.test_executor import version_of as version

pytestmark = pytest.mark.anyio

READY: Final = b"Z\x00\x00\x00\x05I"
"""ReadyForQuery, outside of a transaction: what was asked is committed."""
TERMINATE: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND strpos(query, 'gatehouse.append(') > 0 AND pid <> pg_backend_pid()
"""


class Relay:
    """Stands between an executor and PostgreSQL, and loses answers on demand."""

    def __init__(self, conninfo: str) -> None:
        self._direct = conninfo
        self._socket = f"{conninfo_to_dict(conninfo)['host']}/.s.PGSQL.{conninfo_to_dict(conninfo)['port']}"
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.lose_answer_to: bytes | None = None
        """The next statement with these bytes is carried out, and its answer is not delivered."""
        self.instead: Callable[[], object] | None = None
        """What happens in the answer's stead; the line is cut then, unless PostgreSQL does that itself."""
        self.lost = 0

    @property
    def conninfo(self) -> str:
        assert self._server
        port = self._server.sockets[0].getsockname()[1]
        return make_conninfo(self._direct, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks)

    def cut(self) -> None:
        """Lose every connection; PostgreSQL goes on with what it was asked."""
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_server = await asyncio.open_unix_connection(self._socket)
        self._writers += [writer, to_server]
        losing = asyncio.Event()
        for life in (self._ask(reader, to_server, losing), self._answer(upstream, writer, losing)):
            task = asyncio.create_task(life)
            self._tasks.append(task)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        with suppress(OSError), closing_abruptly(writer):
            while data := await reader.read(1 << 20):
                if self.lose_answer_to and self.lose_answer_to in data:
                    self.lose_answer_to = None
                    losing.set()
                writer.write(data)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        with suppress(OSError), closing_abruptly(writer):
            while data := await reader.read(1 << 20):
                if losing.is_set():
                    while not data.endswith(READY):
                        data += await reader.readexactly(1)
                    losing.clear()
                    self.lost += 1
                    if self.instead is None:
                        break
                    self.instead()
                    continue
                writer.write(data)
                await writer.drain()


@contextmanager
def closing_abruptly(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.transport.abort()


@asynccontextmanager
async def relay(conninfo: str) -> AsyncIterator[Relay]:
    line = Relay(conninfo)
    await line.start()
    try:
        yield line
    finally:
        await line.stop()


def waiting(conninfo: str) -> int:
    """How many appends wait for their turn."""
    found = rows(conninfo, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7166152 AND NOT granted")
    return len(found)


@pytest.fixture(params=["the line is cut", "the backend is terminated"])
def instead(request: pytest.FixtureRequest, database: str) -> Callable[[], object] | None:
    """What may happen between COMMIT and the answer."""
    return None if request.param == "the line is cut" else lambda: rows(database, TERMINATE)


async def test_a_command_whose_answer_was_lost_is_answered_and_not_done_again(
    database: str, tmp_path: Path, instead: Callable[[], object] | None
) -> None:
    command, customer = uuid4(), uuid4()
    async with relay(database) as line, executing(line.conninfo, tmp_path) as executor:
        line.lose_answer_to, line.instead = b"CustomerRegistered", instead
        outcome = await executor.execute(registration(1, customer), context(command))

    assert line.lost == 1
    assert (outcome.stream, outcome.version, len(outcome.added)) == (customer, 2, 2)
    assert version(database, customer) == 2
    assert rows(database, "SELECT command_id FROM gatehouse.receipts") == [(command,)]


async def test_every_lost_answer_is_found_again_with_the_positions_it_had(
    database: str, tmp_path: Path, instead: Callable[[], object] | None
) -> None:
    stream = uuid4()
    async with relay(database) as line, executing(line.conninfo, tmp_path) as executor:
        line.instead = instead
        for _ in range(5):
            line.lose_answer_to = b"ApiKeyRevoked"
            outcomes = await asyncio.gather(
                *(executor.execute(adding(stream, ApiKeyRevoked()), context()) for _ in range(8))
            )

    stored = rows(
        database, "SELECT originator_version, notification_id, recorded_at FROM gatehouse.stored_events ORDER BY 1"
    )
    assert line.lost == 5
    assert version(database, stream) == 40
    newest = {event.version: event for outcome in outcomes for event in outcome.added}
    assert [(v, e.position, e.recorded_at) for v, e in sorted(newest.items())] == stored[32:]


async def test_batch_mates_of_a_lost_answer_are_all_answered(
    database: str, tmp_path: Path, instead: Callable[[], object] | None
) -> None:
    async with relay(database) as line, executing(line.conninfo, tmp_path) as executor:
        line.lose_answer_to, line.instead = b"CustomerRegistered", instead
        answers = await asyncio.gather(
            *(executor.execute(registration(number // 2), context()) for number in range(8)), return_exceptions=True
        )

    assert line.lost == 1
    assert [type(answer) for answer in answers] == [Outcome, CustomerExists] * 4
    winners = [answer.stream for answer in answers if isinstance(answer, Outcome)]
    assert [answer.customer for answer in answers if isinstance(answer, CustomerExists)] == winners
    assert rows(database, "SELECT count(*) FROM gatehouse.stored_events") == [(12,)]


async def test_a_commit_that_is_still_under_way_when_the_line_is_cut_is_not_done_twice(
    database: str, tmp_path: Path
) -> None:
    customer = uuid4()
    with psycopg.connect(database) as before_us:
        before_us.execute("SELECT pg_advisory_xact_lock(7166152, 1)")
        async with relay(database) as line, executing(line.conninfo, tmp_path) as executor:
            call = asyncio.ensure_future(executor.execute(registration(1, customer), context()))
            await eventually(lambda: waiting(database) == 1)
            line.cut()
            await eventually(lambda: waiting(database) == 2)
            before_us.rollback()
            outcome = await call

    assert (outcome.stream, outcome.version) == (customer, 2)
    assert version(database, customer) == 2
    assert rows(database, "SELECT count(*) FROM gatehouse.receipts") == [(1,)]


class LateLight(PostgresJournal):
    """A journal that looks for receipts just before the lost commit comes to light, and loads just after."""

    come_to_light: "Callable[[], asyncio.Future[None]] | None" = None

    async def receipts(self, command_ids: Collection[UUID]) -> dict[UUID, Receipt]:
        found = await super().receipts(command_ids)
        come, LateLight.come_to_light = LateLight.come_to_light, None
        if come:
            assert not found
            await come()
        return found


async def test_a_commit_that_comes_to_light_between_looking_and_deciding_is_no_conflict(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = uuid4()
    with psycopg.connect(database) as before_us:
        before_us.execute("SELECT pg_advisory_xact_lock(7166152, 1)")

        def come_to_light() -> "asyncio.Future[None]":
            before_us.rollback()
            return asyncio.ensure_future(eventually(lambda: rows(database, "SELECT FROM gatehouse.receipts")))

        async with relay(database) as line, executing(line.conninfo, tmp_path, LateLight) as executor:
            call = asyncio.ensure_future(executor.execute(registration(1, customer), context()))
            await eventually(lambda: waiting(database) == 1)
            monkeypatch.setattr(LateLight, "come_to_light", staticmethod(come_to_light))
            line.cut()
            outcome = await call

    assert (outcome.stream, outcome.version, len(outcome.added)) == (customer, 2, 2)
    assert version(database, customer) == 2


async def test_a_caller_who_was_told_unavailable_may_repeat_the_command(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer was lost, and so was the way to the log for as long as the caller would wait."""
    command, handler = uuid4(), registration(1)
    allow = "UPDATE pg_database SET datallowconn = %s WHERE datname = current_database()"
    with psycopg.connect(database, autocommit=True) as owner:
        async with relay(database) as line, executing(line.conninfo, tmp_path) as executor:

            def lock_out() -> None:
                owner.execute(allow, (False,))
                line.cut()

            line.lose_answer_to, line.instead = b"CustomerRegistered", lock_out
            monkeypatch.setattr(executor_module, "PATIENCE", 0.1)
            with pytest.raises(Unavailable):
                await executor.execute(handler, context(command))
            owner.execute(allow, (True,))
            monkeypatch.undo()
            outcome = await executor.execute(handler, context(command))
            again = await executor.execute(handler, context(command))

    assert added(again) == added(outcome)
    assert version(database, outcome.stream) == 2
    assert rows(database, "SELECT command_id FROM gatehouse.receipts") == [(command,)]
