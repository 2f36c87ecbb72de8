"""Entries as an object-centric event log for process mining: OCEL 2.0 in its JSON format.

https://www.ocel-standard.org/2.0/ocel20_specification.pdf · Objects are what several events are about: customers,
partners, API keys, sanctions lists. Wallets and persons are none, so that nothing personal becomes an id. All values
are texts, as the standard's schema asks for; the types' attributes say what they stand for.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from domain.events import EVENTS
from infrastructure.exports.reading_entries import Entries, ReadEntry
from projections.projection import CUSTOMER_EVENTS

FILE: Final = "log.ocel.json"
OBJECT_TYPES: Final = ("api key", "customer", "partner", "sanctions list")
SUBJECT: Final = "subject"
"""How an event is related to the object that its stream is about; else the field that names the object says it."""

_SUBJECTS: Final = {event.__name__: "customer" for event in CUSTOMER_EVENTS} | {
    "ApiKeyIssued": "api key",
    "ApiKeyRevoked": "api key",
    "ApiKeyRotated": "api key",
    "RequestKeyRegistered": "api key",
    "RequestKeyRemoved": "api key",
    "SanctionsListPublished": "sanctions list",
}
_NAMED: Final = {"customer": "customer", "partner": "partner", "reader": "api key", "apiKey": "api key"}
"""Fields that name objects, and of which type those are."""
_ENVELOPE: Final = {
    "position": "integer",
    "version": "integer",
    "recordedAt": "time",
    "actor": "string",
    "correlationId": "string",
    "commandId": "string",
}
_OUTCOME: Final = {
    "attempt": "integer",
    "verdict": "string",
    "policy": "string",
    "provider": "string",
    "method": "string",
    "step": "string",
    "outcome": "string",
    "ground": "string",
    "role": "string",
}
"""Fields that tell one course of a process from another; what else an event says is in the entries."""

_TABLE: Final = "CREATE TABLE objects (id TEXT PRIMARY KEY, type TEXT NOT NULL, partner TEXT) WITHOUT ROWID"
_ADD: Final = """
    INSERT INTO objects VALUES (?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET partner = excluded.partner WHERE excluded.partner IS NOT NULL
"""


class Related(NamedTuple):
    """An object, and how an event is related to it."""

    id: str
    type: str
    qualifier: str


def ocel(entries: Entries) -> Iterator[bytes]:
    """The file, in blocks. Objects wait on the disk until all events are written."""
    yield b'{"objectTypes":%b,\n"eventTypes":%b,\n"events":[' % (to_json(_object_types()), to_json(_event_types()))
    with closing(sqlite3.connect("")) as objects:  # a file of its own that nobody sees
        objects.execute(_TABLE)
        before = b"\n"
        for batch in entries.batches():
            told = [(entry, from_json(entry.data)) for entry in batch]
            objects.executemany(_ADD, _found(told))
            yield before + b",\n".join(_event(entry, data) for entry, data in told)
            before = b",\n"
        yield b'],\n"objects":['
        before = b"\n"
        for found in objects.execute("SELECT id, type, partner FROM objects ORDER BY id"):
            yield before + _object(*found)
            before = b",\n"
    yield b"]}\n"


def related(entry: ReadEntry, data: dict[str, Any]) -> Iterator[Related]:
    """The objects that an event is about."""
    subject = _SUBJECTS.get(entry.type)
    if subject:
        yield Related(entry.stream, subject, SUBJECT)
    for field, kind in _NAMED.items():
        if field in data:
            yield Related(data[field], kind, field)


def _found(told: Iterable[tuple[ReadEntry, dict[str, Any]]]) -> Iterator[tuple[str, str, str | None]]:
    """The objects of events, each with its partner where that is told."""
    for entry, data in told:
        for found in related(entry, data):
            registered = entry.type == "CustomerRegistered" and found.qualifier == SUBJECT
            yield found.id, found.type, data["partner"] if registered else None


def _event(entry: ReadEntry, data: dict[str, Any]) -> bytes:
    attributes: list[tuple[str, object]] = [
        ("position", entry.position),
        ("version", entry.version),
        ("recordedAt", entry.recorded_at),
        ("actor", entry.actor),
        ("correlationId", entry.correlation_id),
        ("commandId", entry.command_id),
        *((field, data[field]) for field in _OUTCOME if field in data),
    ]
    return to_json(
        {
            "id": entry.event_id,
            "type": entry.type,
            "time": entry.occurred_at,
            "attributes": [{"name": name, "value": str(value)} for name, value in attributes],
            "relationships": [{"objectId": one.id, "qualifier": one.qualifier} for one in related(entry, data)],
        }
    )


def _object(id_: str, kind: str, partner: str | None) -> bytes:
    relationships = [{"objectId": partner, "qualifier": "partner"}] if partner else []
    return to_json({"id": id_, "type": kind, "attributes": [], "relationships": relationships})


def _object_types() -> list[dict[str, Any]]:
    return [{"name": name, "attributes": []} for name in OBJECT_TYPES]


def _event_types() -> list[dict[str, Any]]:
    """Every type of event, with the attributes that it may have."""
    return [
        {"name": name, "attributes": [{"name": field, "type": kind} for field, kind in (_ENVELOPE | outcome).items()]}
        for name, outcome in (
            (name, {field: kind for field, kind in _OUTCOME.items() if field in event.model_fields})
            for name, event in sorted(EVENTS.items())
        )
    ]
