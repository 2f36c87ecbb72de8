"""The journal: whole streams in one query, batches appended in one round trip."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.persistence import ApplicationRecorder
from psycopg import AsyncConnection

from application.envelope import Envelope
from application.idempotency import Entry
from application.mapper import EnvelopeMapper, read
from application.ports import Batch, Conflict, Histories, Receipt, Unavailable
from domain.events import ENDS_SUBJECT
from domain.vocabulary import Sealed
from infrastructure.arrays import Array, BigintArray, ByteaArray, TextArray, UuidArray
from infrastructure.keys.keyring import Keyring, destroy_keys
from infrastructure.keys.sealing import SubjectKey, seal_text
from infrastructure.log.recorder import APPEND, LogDatastore, LogRecorder, Staged
from infrastructure.postgres import Connection

STREAMS: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at
    FROM gatehouse.stored_events WHERE originator_id = ANY(%b) ORDER BY originator_id, originator_version
"""
"""Whole streams, in the order of `read`'s arguments."""
_RECEIPTS: Final = "SELECT command_id, stream, version FROM gatehouse.receipts WHERE command_id = ANY(%b)"
_ENTRIES: Final = """
    SELECT key, fingerprint, command_id, stream, version, refusal, sealed FROM gatehouse.idempotency
    WHERE key = ANY(%b) AND expires_at > clock_timestamp()
"""


class KeysAtHand:
    """Seals with the keys that are held for the batch under way."""

    def __init__(self) -> None:
        self.keys: dict[UUID, SubjectKey] = {}

    @contextmanager
    def holding(self, keys: dict[UUID, SubjectKey]) -> Iterator[None]:
        """Seal with these keys, and forget them."""
        self.keys = keys
        try:
            yield
        finally:
            self.keys = {}

    def seal(self, text: str, *, stream: UUID, version: int, field: str) -> Sealed:
        """Encrypt `text` so that it opens only at this place."""
        return seal_text(self.keys[stream], text, stream=stream, version=version, field=field)


class Log(Application[UUID]):
    """The library's application over our log: what writes the format, and what anybody may read it with."""

    name = "stored"

    def __init__(self, recorder: ApplicationRecorder) -> None:
        self._given = recorder
        self.sealer = KeysAtHand()
        super().__init__()

    def construct_mapper(self) -> EnvelopeMapper:
        """Envelopes as JSON, personal fields sealed."""
        return EnvelopeMapper(self.sealer)

    def construct_recorder(self) -> ApplicationRecorder:
        """The recorder that was given."""
        return self._given


class PostgresJournal:
    """The executor's journal, on a connection for each batch under way."""

    def __init__(self, connection: Connection, log: Log, keyring: Keyring) -> None:
        self._connection = connection
        self._log = log
        self._keyring = keyring

    async def load(self, streams: Collection[UUID]) -> Histories:
        """Read whole streams in one round trip; one that does not exist is an empty list."""
        histories: Histories = {stream: [] for stream in streams}
        if streams:
            async with self._use() as connection:
                cursor = await connection.execute(STREAMS, (UuidArray(streams),), prepare=True, binary=True)
                for row in await cursor.fetchall():
                    histories[row[0]].append(read(*row))
        return histories

    async def append(self, batch: Batch) -> None:
        """Append durably, all or nothing, and stamp the envelopes. Raises `Conflict` or `Unavailable`."""
        staged = await self._sealed(batch)
        others = (
            UuidArray(receipt.command_id for receipt in batch.receipts),
            UuidArray(receipt.stream for receipt in batch.receipts),
            BigintArray(receipt.version for receipt in batch.receipts),
            UuidArray(batch.seen.keys()),
            BigintArray(batch.seen.values()),
            *_columns(batch.entries),
        )
        erased = {envelope.stream for envelope in batch.envelopes if isinstance(envelope.event, ENDS_SUBJECT)}
        async with self._use() as connection, _erasing(connection, erased):
            cursor = await connection.execute(APPEND, (*staged.arrays(), *others), prepare=True, binary=True)
            row = await cursor.fetchone()
        if row is None:
            raise Unavailable
        stamp(batch.envelopes, *row)

    async def _sealed(self, batch: Batch) -> Staged:
        """The batch as it is stored, personal text sealed. Keys are let go before anything waits for the log's lock."""
        staged = Staged()
        subjects = {envelope.stream for envelope in batch.envelopes if envelope.event.personal}
        with _told():
            async with self._keyring.keys(subjects) as keys:
                if subjects - keys.keys():  # erased since the batch was decided
                    raise Conflict
                with self._log.sealer.holding(keys):
                    self._log.save(batch, into=staged)  # type: ignore[arg-type] # collected as an aggregate's events
        return staged

    async def receipts(self, command_ids: Collection[UUID]) -> dict[UUID, Receipt]:
        """What is on record of these commands."""
        async with self._use() as connection:
            cursor = await connection.execute(_RECEIPTS, (UuidArray(command_ids),), prepare=True, binary=True)
            return {row[0]: Receipt(*row) for row in await cursor.fetchall()}

    async def entries(self, keys: Collection[bytes]) -> dict[bytes, Entry]:
        """What is on record of these idempotency keys, and has not expired."""
        if not keys:
            return {}
        async with self._use() as connection:
            cursor = await connection.execute(_ENTRIES, (ByteaArray(keys),), prepare=True, binary=True)
            return {row[0]: Entry(*row) for row in await cursor.fetchall()}

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[AsyncConnection[tuple[Any, ...]]]:
        with _told():
            async with self._connection.use() as connection:
                yield connection


@asynccontextmanager
async def _erasing(connection: AsyncConnection[tuple[Any, ...]], subjects: Collection[UUID]) -> AsyncIterator[None]:
    """One transaction for the erasures that are to be appended and the keys that they destroy.

    Where a key is in use for long, that is a `Conflict`: the batch is decided one by one then, and nobody else waits.
    """
    if not subjects:
        yield
        return
    async with connection.transaction():
        try:
            await destroy_keys(connection, subjects)
        except psycopg.errors.LockNotAvailable:
            raise Conflict from None
        yield


def _columns(entries: Sequence[Entry]) -> tuple[Array, ...]:
    """The entries as `gatehouse.append` takes them."""
    if not entries:
        return _NO_ENTRIES
    keys, fingerprints, commands, streams, versions, refusals, seals = zip(*entries, strict=True)
    return (
        ByteaArray(keys),
        ByteaArray(fingerprints),
        UuidArray(commands),
        UuidArray(streams),
        BigintArray(versions),
        TextArray(refusals),
        ByteaArray(seals),
    )


_NO_ENTRIES: Final = (
    ByteaArray(()),
    ByteaArray(()),
    UuidArray(()),
    UuidArray(()),
    BigintArray(()),
    TextArray(()),
    ByteaArray(()),
)


@contextmanager
def _told() -> Iterator[None]:
    """PostgreSQL's faults in the port's words."""
    try:
        yield
    except (psycopg.errors.UniqueViolation, psycopg.errors.CardinalityViolation) as fault:
        raise Conflict from fault
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as fault:
        raise Unavailable from fault


def stamp(envelopes: list[Envelope], first_position: int, recorded_at: datetime) -> None:
    """Write onto envelopes what the log knows of them now."""
    for position, envelope in enumerate(envelopes, first_position):
        envelope.position, envelope.recorded_at = position, recorded_at


def log_on(conninfo: str) -> Log:
    """The library's application over a database. Connects only when its own reading is used."""
    given: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(conninfo)
    datastore = LogDatastore(
        dbname=given.get("dbname") or "",
        host=given.get("host") or "",
        port=given.get("port") or "5432",
        user=given.get("user") or "",
        password=given.get("password") or "",
        schema="gatehouse",
        connect_timeout=2,
        lock_timeout=2,
    )
    return Log(LogRecorder(datastore))
