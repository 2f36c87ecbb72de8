"""The log's table by itself: append-only whoever asks, with no more privileges than the service needs."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from infrastructure.arrays import BigintArray, ByteaArray, TextArray, UuidArray, understand_arrays
from infrastructure.log.recorder import APPEND
from infrastructure.postgres import service_conninfo
from tests.conftest import Server
from tests.infrastructure.test_executor import rows

STREAM: Final = UUID(int=7)
INSERT: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)
    SELECT %s, version, 'ApiKeyRevoked', '{}' FROM unnest(%s::bigint[]) AS version
"""
RECEIPTS: Final = "SELECT * FROM gatehouse.receipts ORDER BY command_id"
LOG: Final = "SELECT notification_id, originator_version, recorded_at FROM gatehouse.stored_events ORDER BY 1"
CHANGES: Final = [
    "UPDATE gatehouse.stored_events SET state = ''",
    "UPDATE gatehouse.stored_events SET recorded_at = now() WHERE false",
    "DELETE FROM gatehouse.stored_events",
    "DELETE FROM gatehouse.stored_events WHERE false",
    "TRUNCATE gatehouse.stored_events",
    "TRUNCATE gatehouse.stored_events, gatehouse.receipts CASCADE",
    """
    INSERT INTO gatehouse.stored_events SELECT * FROM gatehouse.stored_events
    ON CONFLICT (originator_id, originator_version) DO UPDATE SET state = ''
    """,
    """
    MERGE INTO gatehouse.stored_events AS kept USING gatehouse.stored_events AS other
    ON kept.notification_id = other.notification_id WHEN MATCHED THEN DELETE
    """,
    "UPDATE gatehouse.receipts SET version = 9",
    "DELETE FROM gatehouse.receipts",
    "TRUNCATE gatehouse.receipts",
]
FORBIDDEN: Final = [
    "ALTER TABLE gatehouse.stored_events DISABLE TRIGGER append_only_rows",
    "ALTER TABLE gatehouse.stored_events DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only_rows ON gatehouse.stored_events",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION gatehouse.refuse_change() RETURNS trigger LANGUAGE sql RETURN NULL",
    "CREATE OR REPLACE FUNCTION gatehouse.next_position() RETURNS bigint LANGUAGE sql RETURN 1",
    "ALTER TABLE gatehouse.stored_events ALTER COLUMN notification_id DROP DEFAULT",
    "CREATE TABLE gatehouse.mine (n int)",
    "CREATE TABLE public.mine (n int)",
    "CREATE TABLE mine (n int)",
    "CREATE SCHEMA mine",
    "DROP TABLE gatehouse.stored_events",
    "ALTER TABLE gatehouse.stored_events OWNER TO gatehouse_service",
    "DO $$ BEGIN LOCK TABLE gatehouse.stored_events IN EXCLUSIVE MODE; END $$",
    "UPDATE gatehouse.receipts SET version = 9",
    "DELETE FROM gatehouse.receipts",
    "DELETE FROM gatehouse.evidence",
    "UPDATE gatehouse.subject_keys SET wrapped = ''",
    "DELETE FROM gatehouse.key_checks",
    "UPDATE gatehouse.key_checks SET check_value = ''",
    "INSERT INTO gatehouse.migrations (number, name, sha256) VALUES (99, '', '')",
    "DELETE FROM gatehouse.migrations",
    "DELETE FROM gatehouse.sanctioned_addresses",
    "TRUNCATE gatehouse.customers",
]
MAY: Final = {
    "stored_events": "INSERT SELECT",
    "receipts": "INSERT SELECT",
    "evidence": "INSERT SELECT",
    "key_checks": "INSERT SELECT",
    "subject_keys": "INSERT SELECT",
    "master_keys": "SELECT",
    "migrations": "SELECT",
    "tiles": "INSERT SELECT UPDATE",
    "tree": "SELECT UPDATE",
    "sanctioned_addresses": "INSERT SELECT",
    "idempotency": "DELETE INSERT SELECT UPDATE",
    "tracking": "DELETE INSERT SELECT UPDATE",
    "customers": "DELETE INSERT SELECT UPDATE",
    "worklist": "DELETE INSERT SELECT UPDATE",
    "spans": "DELETE INSERT SELECT UPDATE",
    "reviews": "DELETE INSERT SELECT UPDATE",
    "feed": "DELETE INSERT SELECT UPDATE",
    "webhook_cursors": "DELETE INSERT SELECT UPDATE",
    "webhook_deliveries": "DELETE INSERT SELECT UPDATE",
    "sandbox_scripts": "DELETE INSERT SELECT UPDATE",
}


def append(connection: Connection[Any], stream: UUID, *versions: int) -> tuple[int, datetime]:
    """Our statement, as the journal sends it: the first position, and when."""
    understand_arrays(connection)
    row = connection.execute(
        APPEND,
        (
            UuidArray([stream] * len(versions)),
            BigintArray(versions),
            TextArray(["ApiKeyRevoked"] * len(versions)),
            ByteaArray([b"{}"] * len(versions)),
            UuidArray([uuid4()]),
            UuidArray([stream]),
            BigintArray(versions[-1:]),
            UuidArray([]),
            BigintArray([]),
            ByteaArray([]),
            ByteaArray([]),
            UuidArray([]),
            UuidArray([]),
            BigintArray([]),
            TextArray([]),
            ByteaArray([]),
        ),
    ).fetchone()
    assert row
    return int(row[0]), row[1]


def insert(connection: Connection[Any], stream: UUID, *versions: int) -> None:
    """Anybody else's statement."""
    connection.execute(INSERT, (stream, list(versions)))


WRITERS: Final[dict[str, Callable[..., object]]] = {"append": append, "a plain INSERT": insert}


@pytest.fixture
def owner(database: str) -> Iterator[Connection[Any]]:
    """The database's owner, who is a superuser as well."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def service(database: str) -> Iterator[Connection[Any]]:
    """The service's connection."""
    with psycopg.connect(service_conninfo(database), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def kept(server: Server) -> Iterator[str]:
    """A database for tests that change nothing."""
    conninfo = server.clone()
    with psycopg.connect(conninfo) as connection:
        append(connection, STREAM, 1, 2)
    yield conninfo
    server.drop(conninfo)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: " ".join(change.split()[:5]))
def test_nobody_changes_what_is_recorded_not_even_the_owner(kept: str, change: LiteralString) -> None:
    before = rows(kept, LOG), rows(kept, RECEIPTS)
    assert (len(before[0]), len(before[1])) == (2, 1)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the event log is append-only"):
        rows(kept, change)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the event log is append-only"):
        rows(make_conninfo(kept, options="-c session_replication_role=replica"), change)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(service_conninfo(kept), change)

    assert (rows(kept, LOG), rows(kept, RECEIPTS)) == before


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_service_may_not(kept: str, statement: LiteralString) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(service_conninfo(kept), statement)


def test_the_service_has_exactly_the_privileges_it_needs(database: str) -> None:
    granted = """
        SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)
        FROM information_schema.role_table_grants WHERE grantee IN ('gatehouse_service', 'PUBLIC')
        AND table_schema NOT IN ('pg_catalog', 'information_schema') GROUP BY table_name
    """
    assert dict(rows(database, granted)) == MAY
    attributes = """
        SELECT rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
            has_schema_privilege('gatehouse_service', 'gatehouse', 'CREATE')
        FROM pg_roles WHERE rolname = 'gatehouse_service'
    """
    assert rows(database, attributes) == [(False,) * 7]


def test_the_service_may_append_with_our_statement_and_with_a_plain_insert(
    database: str, service: Connection[Any]
) -> None:
    append(service, STREAM, 1, 2)
    insert(service, STREAM, 3, 4)

    assert [row[:2] for row in rows(database, LOG)] == [(1, 1), (2, 2), (3, 3), (4, 4)]


@pytest.mark.parametrize("how", ["rolled back", "conflicting", "another's, rolled back"])
def test_an_append_that_came_to_nothing_leaves_no_gap(database: str, service: Connection[Any], how: str) -> None:
    append(service, STREAM, 1)
    with psycopg.connect(service_conninfo(database)) as other:
        if how == "rolled back":
            append(other, uuid4(), 1, 2, 3)
        elif how == "conflicting":
            with pytest.raises(psycopg.errors.UniqueViolation):
                append(other, STREAM, 1)
        else:
            insert(other, uuid4(), 1, 2, 3)
        other.rollback()
    append(service, STREAM, 2, 3)

    assert [row[0] for row in rows(database, LOG)] == [1, 2, 3]
    assert rows(database, "SELECT count(*) FROM gatehouse.receipts") == [(2,)]


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("holder", WRITERS)
def test_every_writer_waits_for_the_one_that_has_positions(
    database: str, service: Connection[Any], holder: str, writer: str
) -> None:
    """Positions follow commits only if nobody takes one while another's are not committed."""
    with psycopg.connect(database) as first:
        WRITERS[holder](first, uuid4(), 1)
        service.execute("SET lock_timeout = '1ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            WRITERS[writer](service, STREAM, 1)
        first.commit()

    assert [row[0] for row in rows(database, LOG)] == [1]


def test_time_stands_still_while_the_machines_clock_is_set_back(database: str, owner: Connection[Any]) -> None:
    ahead = datetime.now().astimezone() + timedelta(hours=1)
    owner.execute(
        """
        INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state, recorded_at)
        VALUES (%s, 1, 'ApiKeyRevoked', '{}', %s)
        """,
        (STREAM, ahead),
    )
    assert append(owner, STREAM, 2) == (2, ahead)
    insert(owner, STREAM, 3, 4)

    assert rows(database, LOG) == [(1, 1, ahead), (2, 2, ahead), (3, 3, ahead), (4, 4, ahead)]


def test_all_events_of_one_append_have_one_moment_and_it_is_now(database: str, service: Connection[Any]) -> None:
    [(before,)] = rows(database, "SELECT clock_timestamp()")
    position, recorded_at = append(service, STREAM, 1, 2, 3)
    [(after,)] = rows(database, "SELECT clock_timestamp()")

    assert rows(database, LOG) == [(position + n, 1 + n, recorded_at) for n in range(3)]
    assert before <= recorded_at <= after


def test_a_receipt_is_kept_once(database: str, service: Connection[Any]) -> None:
    append(service, STREAM, 1)
    [receipt] = rows(database, "SELECT command_id, stream, version FROM gatehouse.receipts")
    with pytest.raises(psycopg.errors.UniqueViolation):
        service.execute("INSERT INTO gatehouse.receipts VALUES (%s, %s, 2)", (receipt[0], uuid4()))

    assert receipt[1:] == (STREAM, 1)
