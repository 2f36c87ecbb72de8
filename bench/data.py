"""The customers that `queries` reads, loaded by COPY: the same ids, wallets and times on every side."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from application.envelope import Context, Envelope
from application.mapper import EnvelopeMapper
from bench.traffic import SEED
from domain.challenge import Site, issue
from domain.events import CustomerRegistered
from domain.wallet import Wallet, canonical
from projections import PROJECTIONS

COUNT: Final = 100_000
VERSION: Final = 2  # events of a registration
SINCE: Final = datetime(2025, 1, 1, tzinfo=UTC)


class CustomerRow(NamedTuple):
    """What a partner sees of a customer."""

    id: UUID
    external_id: str
    chain_id: str
    status: str
    created_at: datetime
    updated_at: datetime


def customers(count: int) -> Iterator[CustomerRow]:
    """Yield made-up customers, one registered each second."""
    source = random.Random(SEED)  # noqa: S311  # the same customers in every run
    for number in range(count):
        at = SINCE + timedelta(seconds=number)
        yield CustomerRow(
            id=UUID(int=source.getrandbits(128), version=4),
            external_id=f"user-{number}",
            chain_id=f"eip155:1:0x{source.randbytes(20).hex()}",
            status="initiating",
            created_at=at,
            updated_at=at,
        )


def customer_ids(count: int) -> list[UUID]:
    """Return the ids of the first `count` customers."""
    return [customer.id for customer in customers(count)]


def load_peer_customers(conninfo: str, count: int) -> None:
    """Fill the SQLAlchemy side's table, which has exactly these columns."""
    copy(conninfo, ["customers"], CustomerRow._fields, customers(count))


def load_customers(conninfo: str, count: int, *, partner: UUID) -> None:
    """Fill Gatehouse's log and read model as if `partner` had registered them all."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events").fetchone()
    head: int = found[0] if found else 0
    columns = ("originator_id", "originator_version", "topic", "state", "notification_id", "recorded_at")
    copy(conninfo, ["gatehouse", "stored_events"], columns, _events(count, partner=partner, head=head))
    shown = (*CustomerRow._fields, "partner", "wallet", "detail", "version", "registered_position")
    rows = (
        (*row, partner, canonical(row.chain_id), "awaiting_signature", VERSION, head + VERSION * number - 1)
        for number, row in enumerate(customers(count), 1)
    )
    copy(conninfo, ["gatehouse", "customers"], shown, rows)
    with psycopg.connect(conninfo) as connection:
        for projection in PROJECTIONS:
            connection.execute(
                "INSERT INTO gatehouse.tracking (projection, position) VALUES (%s, %s)"
                " ON CONFLICT (projection) DO UPDATE SET position = excluded.position",
                (projection.name, head + VERSION * count),
            )


def _events(count: int, *, partner: UUID, head: int) -> Iterator[tuple[Any, ...]]:
    """The two events of each registration, as the log stores them."""
    mapper, site = EnvelopeMapper(), Site("bench.example", "https://bench.example")
    for number, row in enumerate(customers(count)):
        context = Context(f"partner:{partner}", row.id, row.id, row.created_at)
        wallet = Wallet("1", row.chain_id.rpartition(":")[2])
        registered = CustomerRegistered(partner=partner, wallet=row.chain_id, external_id=row.external_id)
        challenge = issue(site, wallet, customer=row.id, nonce=f"{number:016}", now=row.created_at)
        for version, event in enumerate((registered, challenge), 1):
            stored = mapper.to_stored_event(Envelope(row.id, version, row.id, context, event))
            position = head + VERSION * number + version
            yield row.id, version, stored.topic, stored.state, position, row.created_at


def copy(conninfo: str, table: Sequence[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table, and let the planner know."""
    name = sql.Identifier(*table)
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(name, sql.SQL(", ").join(map(sql.Identifier, columns)))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        with connection.cursor().copy(into) as sink:
            for row in rows:
                sink.write_row(row)
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(name))
