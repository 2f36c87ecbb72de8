"""Entries read back from entries.jsonl, for the formats that are made of them.

What an event says is kept as the very bytes that are stored; only what stands before it is taken apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from application.transparency.entry import IllegibleEntry
from domain.events import EVENTS
from infrastructure.event_schemas import ID

ENTRIES: Final = "entries.jsonl"
AT_ONCE: Final = 1000
_DATA: Final = b',"data":'
_CLOSED: Final = b"}}"
_AFTER_DATA: Final = len(b"}}\n")


class ReadEntry(NamedTuple):
    """One entry. Times and ids are as the line has them."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: str
    event_id: str
    occurred_at: str
    actor: str
    correlation_id: str
    causation_id: str | None
    command_id: str
    data: bytes
    """What happened, as JSON."""


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of a log that are exported, which can be gone through as often as needed."""

    path: Path
    origin: str
    """The log's name."""

    def batches(self) -> Iterator[list[ReadEntry]]:
        """All of them, in order. Raises `IllegibleEntry` for a line that is no event of ours."""
        number = 0
        with self.path.open("rb") as lines:
            while some := list(islice(lines, AT_ONCE)):
                yield [_read(line, number + offset) for offset, line in enumerate(some, 1)]
                number += len(some)


def version_of(entry: ReadEntry) -> int:
    """The version of the schema that describes it: today's, which takes in what was stored before."""
    return EVENTS[entry.type].schema_version


def schema_of(entry: ReadEntry) -> str:
    """The schema of what the event says, inside the one that docs/schemas has for the whole event."""
    return f"{ID}:{entry.type}:v{version_of(entry)}#/properties/data"


def _read(line: bytes, number: int) -> ReadEntry:
    head, _, data = line.partition(_DATA)
    try:
        told: dict[str, Any] = from_json(head + _CLOSED)
        event: dict[str, Any] = told["event"]
        entry = ReadEntry(
            told["position"],
            told["stream"],
            told["version"],
            told["type"],
            told["recordedAt"],
            event["eventId"],
            event["occurredAt"],
            event["actor"],
            event["correlationId"],
            event.get("causationId"),
            event["commandId"],
            data[:-_AFTER_DATA],
        )
    except (ValueError, KeyError, TypeError):
        raise IllegibleEntry(f"line {number} of entries.jsonl is no event of ours") from None
    if entry.type not in EVENTS:
        raise IllegibleEntry(f"line {number} of entries.jsonl is of a type that this version does not know")
    return entry
