"""The customers that `queries` reads, loaded by COPY: the same ids, wallets and times on every side."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg import sql

from bench.traffic import SEED

COUNT: Final = 100_000
VERSION: Final = 7  # events that lead to `active`
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
            status="active",
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
    """Fill Gatehouse's read model as if `partner` had registered them all. The log has nothing of them."""
    columns = (*CustomerRow._fields, "partner", "wallet", "detail", "version", "registered_position")
    rows = (
        (*row, partner, row.chain_id, "", VERSION, VERSION * number) for number, row in enumerate(customers(count), 1)
    )
    copy(conninfo, ["gatehouse", "customers"], columns, rows)


def copy(conninfo: str, table: Sequence[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table, and let the planner know."""
    name = sql.Identifier(*table)
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(name, sql.SQL(", ").join(map(sql.Identifier, columns)))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        with connection.cursor().copy(into) as sink:
            for row in rows:
                sink.write_row(row)
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(name))
