"""The journal's fake: the library's in-memory recorder behind the port, the bytes that the log would hold included."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import ApplicationRecorder, IntegrityError
from eventsourcing.popo import POPOApplicationRecorder

from application.envelope import Envelope
from application.idempotency import Entry
from application.mapper import EnvelopeMapper
from application.ports import Batch, Conflict, Histories, Receipt
from domain.vocabulary import Sealed

BEGINNING: Final = datetime(2026, 1, 5, tzinfo=UTC)


class LabelSealer:
    """Seals nothing: says where the text would have been sealed."""

    def seal(self, text: str, *, stream: UUID, version: int, field: str) -> Sealed:
        """A label in place of the text."""
        return Sealed(sealed=f"{len(text)} letters of {stream}/{version}/{field}")


class MemoryLog(Application[UUID]):
    """The library's application over its recorder in memory."""

    name = "memory"

    def construct_mapper(self) -> EnvelopeMapper:
        """Our format."""
        return EnvelopeMapper(LabelSealer())

    def construct_recorder(self) -> ApplicationRecorder:
        """The library's own fake."""
        return POPOApplicationRecorder()


class MemoryJournal:
    """Keeps the port's contract, and counts what it is asked for."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.batches: list[list[str]] = []
        """The types of the events of each append that was done."""
        self._receipts: dict[UUID, Receipt] = {}
        self._entries: dict[bytes, Entry] = {}
        self._stamps: dict[tuple[UUID, int], tuple[int, datetime]] = {}

    async def load(self, streams: Collection[UUID]) -> Histories:
        """Read whole streams; one that does not exist is an empty list."""
        return {stream: list(self._read(stream)) for stream in streams}

    async def append(self, batch: Batch) -> None:
        """Append, all or nothing, and stamp the envelopes. Raises `Conflict`."""
        commands = [receipt.command_id for receipt in batch.receipts]
        if len(set(commands)) < len(commands) or self._receipts.keys() & set(commands):
            raise Conflict
        keys = [entry.key for entry in batch.entries]
        if len(set(keys)) < len(keys) or self._entries.keys() & set(keys):
            raise Conflict
        if any(len(list(self._read(stream))) != version for stream, version in batch.seen.items()):
            raise Conflict
        try:
            recordings = self.log.save(batch)  # type: ignore[arg-type] # collected like an aggregate's events
        except IntegrityError as fault:
            raise Conflict from fault
        recorded_at = BEGINNING + timedelta(seconds=len(self.batches))
        for envelope, recording in zip(batch.envelopes, recordings, strict=True):
            envelope.position, envelope.recorded_at = recording.notification.id, recorded_at
            self._stamps[envelope.stream, envelope.version] = envelope.position, recorded_at
        self._receipts |= {receipt.command_id: receipt for receipt in batch.receipts}
        self._entries |= {entry.key: entry for entry in batch.entries}
        self.batches.append([envelope.type for envelope in batch.envelopes])

    async def receipts(self, command_ids: Collection[UUID]) -> dict[UUID, Receipt]:
        """What is on record of these commands."""
        return {command: self._receipts[command] for command in command_ids if command in self._receipts}

    async def entries(self, keys: Collection[bytes]) -> dict[bytes, Entry]:
        """What is on record of these idempotency keys."""
        return {key: self._entries[key] for key in keys if key in self._entries}

    def _read(self, stream: UUID) -> Iterable[Envelope]:
        for stored in self.log.recorder.select_events(stream):
            envelope = self.log.mapper.to_domain_event(stored)
            assert isinstance(envelope, Envelope)
            envelope.position, envelope.recorded_at = self._stamps[stream, envelope.version]
            yield envelope
