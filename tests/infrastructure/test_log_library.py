"""The log as the library sees it: read with its stock `Application`, and written with its stock recorder."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import IntegrityError, Mapper
from eventsourcing.projection import ApplicationSubscription
from psycopg.conninfo import conninfo_to_dict

from application.envelope import Envelope
from application.executor import Outcome
from application.mapper import EnvelopeMapper
from application.ports import Batch
from domain.customer import Customer, evolve, fold
from domain.events import ApiKeyRevoked, CustomerDeactivated
from domain.vocabulary import Ground
from infrastructure.log.journal import log_on
from infrastructure.log.recorder import SCHEMA
from tests.infrastructure.test_executor import adding, context, eventually, executing, registration, rows
from tests.support.world import Wallet, running

EVENTS: Final = "SELECT originator_id, originator_version, topic FROM gatehouse.stored_events ORDER BY notification_id"
# What a stock recorder needs to write, and would create itself if it were let.
THE_LIBRARYS_TYPE: Final = """
    CREATE TYPE gatehouse.stored_event_uuid AS (originator_id uuid, originator_version bigint, topic text, state bytea)
"""


class Stock(Application[UUID]):
    """The library's own application, told how our envelopes are written and what our table is called."""

    name = "stored"

    def construct_mapper(self) -> Mapper[UUID]:
        return EnvelopeMapper()


@contextmanager
def stock(conninfo: str) -> Iterator[Stock]:
    """The library on our database, by its own environment variables."""
    given = conninfo_to_dict(conninfo)
    application = Stock(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(given["dbname"]),
            "POSTGRES_HOST": str(given["host"]),
            "POSTGRES_PORT": str(given["port"]),
            "POSTGRES_USER": str(given["user"]),
            "POSTGRES_PASSWORD": str(given["password"]),
            "POSTGRES_SCHEMA": SCHEMA,
            "CREATE_TABLE": "no",
            "POSTGRES_LOCK_TIMEOUT": "5",
            "POSTGRES_POOL_SIZE": "3",
        }
    )
    try:
        yield application
    finally:
        application.close()


def project(customer: Any, envelopes: Iterable[Any]) -> Any:  # noqa: ANN401 -- it wants an aggregate of its own kind
    """Our evolution of a customer, as a projector function of the library."""
    for envelope in envelopes:
        customer = evolve(customer, envelope.event)
    return customer


def versions(_: Any, envelopes: Iterable[Any]) -> Any:  # noqa: ANN401 -- the same
    """Only what was read, as a projector function of the library."""
    return [envelope.version for envelope in envelopes]


def envelopes(stream: UUID, first: int, count: int) -> Batch:
    """Something for the library to save."""
    return Batch([Envelope(stream, first + n, uuid4(), context(), ApiKeyRevoked()) for n in range(count)])


@pytest.fixture
def writable(database: str) -> str:
    """A database that a stock recorder can write to."""
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(THE_LIBRARYS_TYPE)
    return database


@pytest.mark.anyio
async def test_the_stock_application_rebuilds_every_customer(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await world.register(Wallet(1), "registered")
        await world.active(Wallet(2), "active")
        rejected = await world.verifying(Wallet(3), "rejected")
        await world.partner.patch(f"/v1/simulator/customers/{rejected['id']}/reject")
        inactive = await world.active(Wallet(4), "inactive")
        await world.partner.patch(f"/v1/customers/{inactive['id']}/deactivate")
        histories = await world.services.reader.streams(
            [row[0] for row in rows(database, "SELECT id FROM gatehouse.customers")]
        )

    with stock(database) as application:
        theirs: dict[UUID, Customer | None] = {
            stream: application.repository.get(stream, projector_func=project) for stream in histories
        }
        with pytest.raises(AggregateNotFoundError):
            application.repository.get(uuid4(), projector_func=project)

    assert theirs == {stream: fold(envelope.event for envelope in history) for stream, history in histories.items()}
    found = {customer.external_id: customer.status for customer in theirs.values() if customer}
    assert found == {"registered": "initiating", "active": "active", "rejected": "rejected", "inactive": "inactive"}


@pytest.mark.anyio
async def test_the_librarys_notification_log_has_every_event_in_order(database: str, tmp_path: Path) -> None:
    async with executing(database, tmp_path) as executor:
        for number in range(10):
            await executor.execute(registration(number), context())

    with stock(database) as application:
        found = [each for start in (1, 11, 21, 31) for each in application.notification_log.select(start, limit=10)]
        section = application.notification_log["1,5"]

    stored = [(row[0], row[1], row[2]) for row in rows(database, EVENTS)]
    assert [(each.originator_id, each.originator_version, each.topic) for each in found] == stored
    assert [each.id for each in found] == list(range(1, 31))
    assert (section.id, section.next_id) == ("1,5", "6,10")


@pytest.mark.anyio
async def test_the_librarys_subscription_follows_what_we_append(database: str, tmp_path: Path) -> None:
    """It has no poll of its own: it goes on only if our append calls it."""
    seen: list[tuple[int, str]] = []

    def follow(subscription: ApplicationSubscription[UUID]) -> None:
        for envelope, tracking in subscription:
            assert isinstance(envelope, Envelope)
            seen.append((tracking.notification_id, envelope.type))

    async with executing(database, tmp_path) as executor:
        await executor.execute(registration(0), context())
        with stock(database) as application, ApplicationSubscription(application, gt=0) as subscription:
            following = asyncio.create_task(asyncio.to_thread(follow, subscription))
            try:
                await eventually(lambda: len(seen) == 3)
                await executor.execute(registration(1), context())
                await eventually(lambda: len(seen) == 6)
                await executor.execute(registration(2), context())
                await eventually(lambda: len(seen) == 9)
            finally:
                subscription.stop()
                await following

    types = ["CustomerRegistered", "ChallengeIssued", "WalletClaimed"] * 3
    assert seen == list(enumerate(types, 1))


def test_our_application_saves_as_the_library_does(database: str) -> None:
    stream = uuid4()
    log = log_on(database)
    try:
        recordings = log.save(envelopes(stream, 1, 3))  # type: ignore[arg-type] # collected like an aggregate's events
        with pytest.raises(IntegrityError):
            log.save(envelopes(stream, 3, 1))  # type: ignore[arg-type]
        recordings += log.save(envelopes(stream, 4, 1))  # type: ignore[arg-type]
        found = log.repository.get(stream, projector_func=versions)
        newest = log.recorder.max_notification_id()
    finally:
        log.close()

    assert [recording.notification.id for recording in recordings] == [1, 2, 3, 4]
    assert found == [1, 2, 3, 4]
    assert newest == 4
    assert rows(database, EVENTS) == [(stream, version, "ApiKeyRevoked") for version in (1, 2, 3, 4)]


@pytest.mark.anyio
async def test_our_application_seals_personal_text_or_refuses_to_write_it(database: str) -> None:
    event = CustomerDeactivated(ground=Ground.ISSUE, decided_by="officer:1", reason="what she said")
    log = log_on(database)
    try:
        with pytest.raises(KeyError):
            log.save(Batch([Envelope(uuid4(), 1, uuid4(), context(), event)]))  # type: ignore[arg-type]
    finally:
        log.close()
    with stock(database) as application, pytest.raises(TypeError):
        application.save(Batch([Envelope(uuid4(), 1, uuid4(), context(), event)]))  # type: ignore[arg-type]

    assert rows(database, EVENTS) == []


@pytest.mark.anyio
async def test_a_stock_recorder_that_writes_too_breaks_no_order_and_no_lock(writable: str, tmp_path: Path) -> None:
    """It takes the table's lock, we an advisory one; the table's defaults make it take ours as well."""
    theirs, ours = uuid4(), uuid4()

    def write(application: Stock) -> list[int]:
        saved: list[int] = []
        for version in range(1, 200, 2):
            saved += [each.notification.id for each in application.save(envelopes(theirs, version, 2))]  # type: ignore[arg-type]
        return saved

    async with executing(writable, tmp_path) as executor:
        with stock(writable) as application:
            writing = asyncio.create_task(asyncio.to_thread(write, application))
            outcomes: list[Outcome] = []
            while not writing.done() or len(outcomes) < 100:
                outcomes.append(await executor.execute(adding(ours, ApiKeyRevoked(), ApiKeyRevoked()), context()))
            saved = await writing

    positions = [event.position for outcome in outcomes for event in outcome.added]
    assert sorted(saved + positions) == list(range(1, len(saved) + len(positions) + 1))
    assert saved == sorted(saved)
    assert positions == sorted(positions)
    assert rows(writable, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    backwards = """
        SELECT FROM (SELECT recorded_at < lag(recorded_at) OVER (ORDER BY notification_id) FROM gatehouse.stored_events)
        AS step (back) WHERE back
    """
    assert rows(writable, backwards) == []


def test_a_stock_recorder_leaves_no_gap_where_it_fails(writable: str) -> None:
    stream = uuid4()
    with stock(writable) as application:
        application.save(envelopes(stream, 1, 2))  # type: ignore[arg-type]
        with pytest.raises(IntegrityError):
            application.save(envelopes(stream, 2, 2))  # type: ignore[arg-type]
        application.save(envelopes(stream, 3, 1))  # type: ignore[arg-type]

    assert rows(writable, "SELECT notification_id FROM gatehouse.stored_events ORDER BY 1") == [(1,), (2,), (3,)]
