"""The past against a naive replay of the whole log: lists, the funnel and what moved, on both clocks.

The histories are made by hypothesis: events of several customers in any order, which occurred whenever.
"""

from asyncio import run
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import AsyncConnectionPool

from application.envelope import Envelope
from application.mapper import EnvelopeMapper
from application.ports import Unavailable
from domain.events import CustomerRegistered
from domain.vocabulary import Status
from infrastructure import as_of as as_of_module
from infrastructure.as_of import AsOf, ClockName, InFuture, ListedCustomer
from infrastructure.postgres import configure, service_conninfo
from infrastructure.projector import Projector
from infrastructure.reading import CustomerFilter, Moment, Pool, Reader
from projections import PROJECTIONS
from projections.customers import CustomerRow, customer_row
from tests.conftest import Server
from tests.domain.samples import NOW
from tests.domain.stored import envelope_of
from tests.projections.recorded import recorded

pytestmark = pytest.mark.anyio

PARTNERS: Final = (UUID(int=0xA), UUID(int=0xB))
CHANGES: Final = (
    "ChallengeVerified",
    "ScreeningPassed",
    "ScreeningFailed",
    "VerificationPassed",
    "VerificationHeld",
    "CustomerDeactivated",
    "CustomerReactivated",
)
CUSTOMERS: Final = 7
HEARD: Final = st.lists(
    st.tuples(st.integers(0, CUSTOMERS - 1), st.sampled_from(CHANGES), st.integers(0, 12)), min_size=1, max_size=40
)
"""Whom an event is about, what happened, and when: a customer's first one is its registration, whatever it says."""
CLOCKS: Final[tuple[ClockName, ...]] = ("recorded", "occurred")


def log_of(heard: list[tuple[int, str, int]]) -> list[Envelope]:
    """A log in which two events at a time were recorded in the same instant."""
    versions: Counter[int] = Counter()
    log = []
    for position, (number, name, hour) in enumerate(heard, 1):
        versions[number] += 1
        stream = UUID(int=0xC000 + number)
        event = envelope_of(name).event
        if versions[number] == 1:
            wallet = f"eip155:1:0x{number + 1:040x}"
            event = CustomerRegistered(partner=PARTNERS[number % 2], wallet=wallet, external_id=f"user-{number % 3}")
        envelope = recorded(event, stream=stream, after=versions[number] - 1, first_position=position)[0]
        context = envelope.context._replace(occurred_at=NOW + timedelta(hours=hour))
        log.append(replace(envelope, context=context, recorded_at=NOW + timedelta(hours=5 + position // 2)))
    return log


def replay(log: list[Envelope], moment: Moment) -> list[CustomerRow]:
    """Every customer as of a moment, newest first: the whole log folded again."""
    rows: dict[UUID, CustomerRow | None] = {}
    for envelope in log:
        occurred = moment.occurred is None or envelope.context.occurred_at <= moment.occurred
        if occurred and envelope.position <= moment.known:
            rows[envelope.stream] = customer_row(rows.get(envelope.stream), envelope)
    return sorted((row for row in rows.values() if row), key=lambda row: -row.registered_position)


def listed(rows: list[CustomerRow]) -> list[ListedCustomer]:
    """What a list shows of rows."""
    return [ListedCustomer(*(getattr(row, name) for name in ListedCustomer._fields)) for row in rows]


def matches(row: CustomerRow, wanted: CustomerFilter) -> bool:
    """Whether a list with this filter names the customer."""
    return (
        wanted.partner in (None, row.partner)
        and wanted.status in (None, row.status)
        and wanted.external_id in (None, row.external_id)
        and wanted.wallet in (None, row.wallet)
        and (wanted.created_after is None or row.created_at > wanted.created_after)
    )


def filters() -> list[CustomerFilter]:
    """Every filter alone and some together, of a partner's and of all."""
    return [
        CustomerFilter(partner, status, external_id, wallet, after)
        for partner in (None, PARTNERS[0])
        for status, external_id, wallet, after in (
            *((status.value, None, None, None) for status in Status),
            (None, None, None, None),
            (None, "user-0", None, None),
            (None, None, f"0x{1:040x}", None),
            (None, None, None, NOW + timedelta(hours=7)),
            ("active", "user-0", None, None),
            ("screening", None, None, NOW + timedelta(hours=7)),
        )
    ]


def moments(log: list[Envelope]) -> list[Moment]:
    """Every position, and every time at which something happened, as known at the end and halfway."""
    head = log[-1].position
    times = {envelope.context.occurred_at for envelope in log}
    return [Moment(known, None) for known in range(head + 1)] + [
        Moment(known, time + off)
        for time in times
        for off in (timedelta(0), timedelta(microseconds=-1))
        for known in (head, head // 2)
    ]


def write(database: str, log: list[Envelope]) -> None:
    """Store a log as it is, its times included."""
    mapper = EnvelopeMapper()
    stored = [(envelope, mapper.to_stored_event(envelope)) for envelope in log]
    with psycopg.connect(database, autocommit=True) as owner, owner.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO gatehouse.stored_events VALUES (%s, %s, %s, %s, %s, %s)",
            [(one.stream, one.version, row.topic, row.state, one.position, one.recorded_at) for one, row in stored],
        )


@asynccontextmanager
async def past(server: Server, log: list[Envelope]) -> AsyncIterator[tuple[AsOf, Pool]]:
    """The past of a log that is projected."""
    database = server.clone()
    write(database, log)
    await Projector(service_conninfo(database), PROJECTIONS).catch_up()
    pool: Pool = AsyncConnectionPool(
        service_conninfo(database), min_size=1, max_size=2, open=False, configure=configure, kwargs={"autocommit": True}
    )
    async with pool:
        yield AsOf(pool), pool
    server.drop(database)


EXAMPLES: Final = settings(
    derandomize=True, max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@EXAMPLES
@given(heard=HEARD)
def test_every_list_as_of_every_moment_is_what_a_replay_of_the_log_says(
    server: Server, heard: list[tuple[int, str, int]]
) -> None:
    log = log_of(heard)

    async def compare() -> None:
        async with past(server, log) as (as_of, _):
            for turn, moment in enumerate(moments(log)):
                rows = replay(log, moment)
                for wanted in filters()[turn % 5 :: 5]:
                    expected = listed([row for row in rows if matches(row, wanted)])
                    assert await as_of.customers(wanted, moment, before=None, limit=100) == expected
                    for before in [row.registered_position for row in rows][turn % 3 :: 3]:
                        older = [row for row in expected if row.registered_position < before]
                        assert await as_of.customers(wanted, moment, before=before, limit=2) == older[:2]

    run(compare())


@EXAMPLES
@given(heard=HEARD)
def test_the_funnel_and_its_moves_between_every_two_moments_are_what_a_replay_says(
    server: Server, heard: list[tuple[int, str, int]]
) -> None:
    log = log_of(heard)

    async def compare() -> None:
        async with past(server, log) as (as_of, _):
            for partner in (None, PARTNERS[1]):
                for moment, later in pairwise(moments(log)):
                    rows, now = (
                        {row.id: row.status for row in replay(log, one) if partner in (None, row.partner)}
                        for one in (moment, later)
                    )
                    assert await as_of.funnel(moment, partner=partner) == Counter(rows.values())
                    expected = Counter((rows.get(one), now[one]) for one in now if rows.get(one) != now[one])
                    moved = await as_of.moves(moment, later, partner=partner)
                    assert {(move.before, move.after): move.customers for move in moved} == expected

    run(compare())


@EXAMPLES
@given(heard=HEARD)
def test_a_customer_at_every_moment_is_what_a_replay_says(server: Server, heard: list[tuple[int, str, int]]) -> None:
    log = log_of(heard)

    async def compare() -> None:
        async with past(server, log) as (_, pool):
            reader, asked = Reader(pool), moments(log)
            rows = [{row.id: row for row in replay(log, moment)} for moment in asked]
            for stream in {envelope.stream for envelope in log}:
                found = await reader.customer_as_of(stream, *asked)
                assert found == [row.get(stream) for row in rows]

    run(compare())


@EXAMPLES
@given(heard=HEARD)
def test_a_time_or_a_position_is_fixed_to_what_was_on_record(server: Server, heard: list[tuple[int, str, int]]) -> None:
    log = log_of(heard)
    head = log[-1].position

    async def compare() -> None:
        async with past(server, log) as (as_of, _):
            for off in (timedelta(0), timedelta(microseconds=-1), timedelta(microseconds=1)):
                for time in {envelope.recorded_at + off for envelope in log}:
                    known = max((one.position for one in log if one.recorded_at <= time), default=0)
                    assert await as_of.moment(time, "recorded") == Moment(known, reached=head)
                    assert await as_of.moment(time, "occurred") == Moment(head, time, reached=head)
            for one in log:
                assert (await as_of.moment(one.position, "recorded")).known == one.position
                assert await as_of.moment(one.position, "occurred") == Moment(head, one.context.occurred_at, head)
            for clock in CLOCKS:
                assert (await as_of.moment(0, clock)).known == 0
                with pytest.raises(InFuture):
                    await as_of.moment(head + 1, clock)

    run(compare())


@EXAMPLES
@given(heard=HEARD)
def test_the_present_list_and_the_list_as_of_the_head_agree(server: Server, heard: list[tuple[int, str, int]]) -> None:
    log = log_of(heard)

    async def compare() -> None:
        async with past(server, log) as (as_of, pool):
            now = await as_of.moment(log[-1].position, "recorded")
            assert await as_of.now() == now
            for wanted in filters():
                present = await Reader(pool).customers(wanted, before=None, limit=100)
                assert await as_of.customers(wanted, now, before=None, limit=100) == listed(present)

    run(compare())


async def test_the_past_is_not_told_before_the_read_models_know_it(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of([(0, "ChallengeVerified", 1), (1, "ChallengeVerified", 2), (0, "ChallengeVerified", 3)])
    monkeypatch.setattr(as_of_module, "PATIENCE", 0.1)

    async with past(server, log) as (as_of, pool):
        moment = replace(await as_of.moment(3, "recorded"), reached=0)
        async with pool.connection() as connection:
            for projection in ("customers", "spans"):
                await connection.execute(
                    "UPDATE gatehouse.tracking SET position = 2 WHERE projection = %s", (projection,)
                )
                with pytest.raises(Unavailable):
                    await as_of.customers(CustomerFilter(), moment, before=None, limit=5)
                with pytest.raises(Unavailable):
                    await as_of.funnel(moment, partner=None)
                assert await as_of.now() == Moment(2, reached=2)
                await connection.execute("UPDATE gatehouse.tracking SET position = 3")
        assert len(await as_of.customers(CustomerFilter(), moment, before=None, limit=5)) == 2
