"""The executor on real PostgreSQL: batches, repeats, races between processes, and a log that goes away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from application import executor as executor_module
from application.envelope import Context
from application.executor import Executor, Outcome
from application.handlers import Handler, Handling, append, register
from application.ports import Histories, Unavailable
from domain.commands import RegisterCustomer
from domain.events import ApiKeyRevoked, ChallengeIssued, CustomerDeactivated
from domain.refusals import CustomerExists, Refused, UnknownCustomer
from domain.vocabulary import Event, Ground
from infrastructure import ids
from infrastructure.bootstrap import LANES
from infrastructure.keys.deployment import load_keys
from infrastructure.keys.keyring import Keyring
from infrastructure.keys.masters import MasterKeys
from infrastructure.log.journal import PostgresJournal, log_on
from infrastructure.postgres import Connection, service_conninfo

pytestmark = pytest.mark.anyio

PARTNER: Final = UUID(int=1)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


def rows(conninfo: str, query: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
    """What a query answers the database's owner."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute(query, parameters or None).fetchall()


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until it holds; half a minute is as good as never."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 -- it is the database that knows
            await asyncio.sleep(0.01)


@asynccontextmanager
async def executing(
    conninfo: str, folder: Path, journal: type[PostgresJournal] = PostgresJournal
) -> AsyncIterator[Executor]:
    """An executor with connections of its own, as in a process of its own."""
    service = service_conninfo(conninfo)
    writing, sealing = Connection(service), Connection(service)
    keyring = Keyring(sealing, MasterKeys(load_keys(folder, generate=True).masters))
    executor = Executor(journal(writing, log_on(service), keyring), ids.new_id, lanes=LANES)
    life = asyncio.create_task(executor.run())
    try:
        yield executor
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await writing.close()
        await sealing.close()


class Unwritable(Event):
    """An event that cannot be made into JSON."""

    what: object = object()


def context(command_id: UUID | None = None) -> Context:
    return Context("partner:test", command_id or uuid4(), UUID(int=2), NOW)


def registration(wallet: int, customer_id: UUID | None = None) -> Handler:
    """The partner registers the wallet with this number."""
    customer_id = customer_id or uuid4()
    challenge = ChallengeIssued(message="sign this", nonce="00000000", expires_at=NOW)
    command = RegisterCustomer(PARTNER, f"eip155:1:0x{wallet:040x}", "user", challenge)
    return lambda: register(customer_id, command, fingerprint=str)


def adding(stream: UUID, *events: Event) -> Handler:
    """A command that always has something to add."""
    return lambda: append(stream, lambda _: events)


def refused_after(*streams: UUID) -> Handler:
    """A command that looks at streams, then is refused."""

    def handle() -> Handling:
        yield streams
        raise UnknownCustomer

    return handle


def broken(*streams: UUID) -> Handler:
    """A command with a bug, after it has looked at streams if any."""

    def handle() -> Handling:
        if streams:
            yield streams
        raise ZeroDivisionError
        yield ()

    return handle


def version_of(conninfo: str, stream: UUID) -> int:
    found = rows(
        conninfo,
        "SELECT originator_version FROM gatehouse.stored_events WHERE originator_id = %s ORDER BY originator_version",
        stream,
    )
    assert [row[0] for row in found] == list(range(1, len(found) + 1))
    return len(found)


def added(outcome: Outcome) -> list[tuple[UUID, str, int]]:
    return [(envelope.event_id, envelope.type, envelope.position) for envelope in outcome.added]


async def test_events_and_outcome_are_written_in_one_transaction(database: str, tmp_path: Path) -> None:
    command, customer = uuid4(), uuid4()
    async with executing(database, tmp_path) as executor:
        outcome = await executor.execute(registration(1, customer), context(command))

    assert (outcome.stream, outcome.version, len(outcome.added)) == (customer, 2, 2)
    receipts = rows(database, "SELECT xmin::text, command_id, stream, version FROM gatehouse.receipts")
    transactions = rows(database, "SELECT DISTINCT xmin::text FROM gatehouse.stored_events")
    assert len(transactions) == 1
    assert receipts == [(transactions[0][0], command, customer, 2)]


async def test_an_outcome_says_what_the_log_says(database: str, tmp_path: Path) -> None:
    async with executing(database, tmp_path) as executor:
        outcome = await executor.execute(registration(1), context())

    stored = rows(
        database,
        "SELECT notification_id, topic, recorded_at FROM gatehouse.stored_events WHERE originator_id = %s ORDER BY 1",
        outcome.stream,
    )
    assert [(envelope.position, envelope.type, envelope.recorded_at) for envelope in outcome.history] == stored


async def test_a_refused_command_leaves_nothing(database: str, tmp_path: Path) -> None:
    async with executing(database, tmp_path) as executor:
        with pytest.raises(UnknownCustomer):
            await executor.execute(refused_after(uuid4()), context())

    assert rows(database, "SELECT FROM gatehouse.stored_events") == []
    assert rows(database, "SELECT FROM gatehouse.receipts") == []


async def test_refused_and_broken_commands_never_harm_their_batch_mates(database: str, tmp_path: Path) -> None:
    handlers = [
        registration(1),
        refused_after(uuid4()),
        registration(2),
        broken(uuid4()),
        registration(1),
        registration(3),
    ]
    async with executing(database, tmp_path) as executor:
        answers = await asyncio.gather(
            *(executor.execute(handler, context()) for handler in handlers), return_exceptions=True
        )

    kinds = [type(answer) for answer in answers]
    assert kinds == [Outcome, UnknownCustomer, Outcome, ZeroDivisionError, CustomerExists, Outcome]
    assert len(rows(database, "SELECT DISTINCT xmin::text FROM gatehouse.stored_events")) == 1


async def test_a_command_that_breaks_before_it_asks_for_anything_harms_nobody_else(
    database: str, tmp_path: Path
) -> None:
    async with executing(database, tmp_path) as executor:
        answers = await asyncio.gather(
            *(executor.execute(handler, context()) for handler in (registration(1), broken(), registration(2))),
            return_exceptions=True,
        )

    assert [type(answer) for answer in answers] == [Outcome, ZeroDivisionError, Outcome]
    assert len(rows(database, "SELECT FROM gatehouse.receipts")) == 2


async def test_what_the_log_cannot_take_harms_nobody_else(database: str, tmp_path: Path) -> None:
    def impossible() -> Handling:
        yield ()
        return [(uuid4(), [Unwritable()])]

    async with executing(database, tmp_path) as executor:
        answers = await asyncio.gather(
            *(executor.execute(handler, context()) for handler in (registration(1), impossible, registration(2))),
            return_exceptions=True,
        )

    assert isinstance(answers[1], Exception)
    assert [isinstance(answer, Outcome) for answer in answers] == [True, False, True]


async def test_commands_for_one_stream_in_one_batch_see_each_other(database: str, tmp_path: Path) -> None:
    stream = uuid4()
    async with executing(database, tmp_path) as executor:
        outcomes = await asyncio.gather(
            *(executor.execute(adding(stream, ApiKeyRevoked()), context()) for _ in range(20))
        )

    assert [outcome.version for outcome in outcomes] == list(range(1, 21))
    assert version_of(database, stream) == 20


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "later"])
async def test_a_repeated_command_is_answered_as_the_first_was(database: str, tmp_path: Path, *, at_once: bool) -> None:
    handler, command = registration(1), uuid4()
    async with executing(database, tmp_path) as executor:
        calls = [executor.execute(handler, context(command)) for _ in range(3)]
        outcomes = await asyncio.gather(*calls) if at_once else [await call for call in calls]

    assert [added(outcome) for outcome in outcomes] == [added(outcomes[0])] * 3
    assert len(rows(database, "SELECT FROM gatehouse.receipts")) == 1
    assert version_of(database, outcomes[0].stream) == 2


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "later"])
async def test_a_repeated_command_adds_its_events_once(database: str, tmp_path: Path, *, at_once: bool) -> None:
    stream, command = uuid4(), uuid4()
    async with executing(database, tmp_path) as executor:
        calls = [executor.execute(adding(stream, ApiKeyRevoked()), context(command)) for _ in range(3)]
        outcomes = await asyncio.gather(*calls) if at_once else [await call for call in calls]

    assert [outcome.version for outcome in outcomes] == [1, 1, 1]
    assert version_of(database, stream) == 1


async def test_a_repeat_through_another_process_is_answered_as_the_first_was(database: str, tmp_path: Path) -> None:
    handler, command = registration(1), uuid4()
    async with executing(database, tmp_path) as one, executing(database, tmp_path) as other:
        first = await one.execute(handler, context(command))
        await one.execute(adding(first.stream, ApiKeyRevoked()), context())
        second = await other.execute(handler, context(command))

    assert added(second) == added(first)
    assert second.version == 2


async def test_of_a_hundred_registrations_of_one_wallet_exactly_one_wins(database: str, tmp_path: Path) -> None:
    async with executing(database, tmp_path) as one, executing(database, tmp_path) as other:
        answers = await asyncio.gather(
            *((one, other)[number % 2].execute(registration(7), context()) for number in range(100)),
            return_exceptions=True,
        )

    winners = [answer for answer in answers if isinstance(answer, Outcome)]
    losers = [answer for answer in answers if isinstance(answer, CustomerExists)]
    assert (len(winners), len(losers)) == (1, 99)
    assert {loser.customer for loser in losers} == {winners[0].stream}
    assert rows(database, "SELECT count(*) FROM gatehouse.stored_events") == [(3,)]


async def test_two_processes_that_race_for_one_stream_lose_no_command(database: str, tmp_path: Path) -> None:
    stream = uuid4()

    async def one_after_the_other(executor: Executor) -> Sequence[int]:
        return [(await executor.execute(adding(stream, ApiKeyRevoked()), context())).version for _ in range(50)]

    async with executing(database, tmp_path) as one, executing(database, tmp_path) as other:
        versions = await asyncio.gather(*(one_after_the_other(executor) for executor in (one, other) for _ in range(2)))

    assert sorted(version for answered in versions for version in answered) == list(range(1, 201))
    assert version_of(database, stream) == 200


async def test_a_log_that_stays_away_is_said_to_be_unavailable(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "PATIENCE", 0.1)
    async with executing(database, tmp_path) as executor:
        allow = "UPDATE pg_database SET datallowconn = %s WHERE datname = current_database()"
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute(allow, (False,))
            answers = await asyncio.gather(
                *(executor.execute(registration(number), context()) for number in range(3)), return_exceptions=True
            )
            owner.execute(allow, (True,))
            monkeypatch.undo()
            outcome = await executor.execute(registration(9), context())

    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert version_of(database, outcome.stream) == 2


async def test_who_still_waits_when_the_executor_ends_is_told(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as owner:
        async with executing(database, tmp_path) as executor:
            owner.execute("LOCK TABLE gatehouse.stored_events")
            waiting = [asyncio.ensure_future(executor.execute(registration(n), context())) for n in range(2)]
            await eventually(lambda: rows(database, "SELECT FROM pg_locks WHERE NOT granted AND database IS NOT NULL"))

    assert [type(answer) for answer in await asyncio.gather(*waiting, return_exceptions=True)] == [Unavailable] * 2


async def test_personal_text_is_written_though_every_connection_broke_before(database: str, tmp_path: Path) -> None:
    stream = uuid4()
    reason = CustomerDeactivated(ground=Ground.ISSUE, decided_by="officer:1", reason="what she said")
    async with executing(database, tmp_path) as executor:
        await executor.execute(adding(stream, reason), context())
        rows(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        outcome = await executor.execute(adding(stream, reason), context())

    assert outcome.version == version_of(database, stream) == 2


async def test_nobody_hears_of_a_refusal_that_a_lost_race_made_up(database: str, tmp_path: Path) -> None:
    """A refusal decided on a batch mate's events must not outlive the batch mate's own defeat."""
    stream = uuid4()

    def only_if_empty() -> Handling:
        histories: Histories = yield (stream,)
        if histories[stream]:
            raise Refused
        return [(stream, [ApiKeyRevoked()])]

    async with executing(database, tmp_path) as one, executing(database, tmp_path) as other:
        answers = await asyncio.gather(
            *((one, other)[n % 2].execute(only_if_empty, context()) for n in range(40)), return_exceptions=True
        )

    assert [isinstance(answer, Outcome) for answer in answers].count(True) == 1
    assert version_of(database, stream) == 1
