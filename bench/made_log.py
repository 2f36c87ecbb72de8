"""A log that is made by the product's own handlers, in memory, and loaded by COPY with its sealed evidence."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql

from application.envelope import Context, Envelope
from application.handlers import Changes, Handling
from application.mapper import EnvelopeMapper
from application.ports import Histories
from bench.lives import COLUMNS, recorded_at
from domain.customer import Customer, evolve
from domain.vocabulary import Event
from infrastructure.keys.deployment import BEGIN_MASTER, Keys
from infrastructure.keys.sealing import MasterKey, seal_evidence
from infrastructure.log.journal import KeysAtHand

CHUNK: Final = 20_000
"""Events that are loaded at once."""
_TABLES: Final = {
    "stored_events": COLUMNS,
    "subject_keys": ("subject", "wrapped"),
    "evidence": ("subject", "digest", "sealed"),
}


class MadeLog:
    """Streams, and what of them is not loaded yet."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.position = 0
        self.streams: Histories = {}
        self.customers: dict[UUID, Customer] = {}
        """What the streams of those who are under way lead to."""
        self.middle = UUID(int=0)
        """A customer from the midst."""
        self._rows: dict[str, list[Sequence[Any]]] = {name: [] for name in _TABLES}
        self._kept: dict[UUID, set[bytes]] = {}
        self._sealer = KeysAtHand()
        self._master = MasterKey(keys.master)
        self._mapper = EnvelopeMapper(self._sealer)

    @property
    def now(self) -> datetime:
        """The log's clock."""
        return recorded_at(self.position)

    def begin(self, subject: UUID) -> None:
        """Give a customer its key."""
        wrapped = self._master.fresh(subject)
        self._sealer.keys[subject] = self._master.unwrap(subject, wrapped)
        self._kept[subject] = set()
        self._rows["subject_keys"].append((subject, wrapped))

    def end(self, subject: UUID) -> None:
        """Forget a customer that nothing happens to any more."""
        self.streams.pop(subject, None)
        self.customers.pop(subject, None)
        self._sealer.keys.pop(subject, None)
        self._kept.pop(subject, None)

    def keep(self, subject: UUID, payload: bytes) -> None:
        """Seal a payload, unless it is kept already."""
        digest, kept = sha256(payload).digest(), self._kept[subject]
        if digest not in kept:
            kept.add(digest)
            sealed = seal_evidence(self._sealer.keys[subject], subject, payload)
            self._rows["evidence"].append((subject, digest, sealed))

    def run(self, handling: Handling, actor: str, command_id: UUID, correlation_id: UUID) -> None:
        """Decide as the executor does, and append. Raises the refusal."""
        context = Context(actor, command_id, correlation_id, self.now)
        for stream, events in self._decided(handling):
            for event in events:
                self._append(stream, event, context)

    def _append(self, stream: UUID, event: Event, context: Context) -> None:
        self.position += 1
        history, event_id = self.streams.setdefault(stream, []), UUID(int=context.command_id.int ^ self.position)
        envelope = Envelope(stream, len(history) + 1, event_id, context, event, self.position, self.now)
        history.append(envelope)
        if (customer := evolve(self.customers.get(stream), event)) is not None:
            self.customers[stream] = customer
        stored = self._mapper.to_stored_event(envelope)
        row = (stream, envelope.version, stored.topic, stored.state, self.position, self.now)
        self._rows["stored_events"].append(row)

    def load(self, connection: psycopg.Connection[Any], *, at_least: int = 1) -> None:
        """COPY what is not loaded yet, if it is so much."""
        if len(self._rows["stored_events"]) < at_least:
            return
        connection.execute(BEGIN_MASTER, (self._master.id,))
        for name, columns in _TABLES.items():
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier("gatehouse", name), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with connection.cursor().copy(into) as sink:
                for row in self._rows[name]:
                    sink.write_row(row)
            self._rows[name].clear()

    def _decided(self, handling: Handling) -> Changes:
        try:
            asked = next(handling)
            while True:
                asked = handling.send({stream: self.streams.get(stream, []) for stream in asked})
        except StopIteration as done:
            changes: Changes = done.value
            return changes
