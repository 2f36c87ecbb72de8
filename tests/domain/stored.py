"""The stored examples: `examples/<type>.json` is a row of the log, its state spliced in byte for byte.

They are never changed. A new version of an event adds `<type>.<version>.json`, and a field that is added to one keeps
the example without it as `<type>.first.json`; all load forever.
"""

from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from application.envelope import Envelope
from application.mapper import EnvelopeMapper
from domain.events import EVENTS

STREAM: Final = UUID("0198a002-0000-7000-8000-000000000002")
FOLDER: Final = Path(__file__).parent / "examples"


def example(path: Path) -> StoredEvent:
    """The row in an example's file."""
    topic, _, _ = path.name.partition(".")
    head, tail = b'{"topic":"%b","state":' % topic.encode(), b"}\n"
    line = path.read_bytes()
    assert line.startswith(head), path.name
    assert line.endswith(tail), path.name
    return StoredEvent(STREAM, 1, topic, line[len(head) : -len(tail)])


def file_of(name: str) -> Path:
    """Where the example of an event's current version is."""
    version = EVENTS[name].schema_version
    return FOLDER / (f"{name}.json" if version == 1 else f"{name}.{version}.json")


@cache
def envelope_of(name: str) -> Envelope:
    """The envelope in an event's current example."""
    return EnvelopeMapper().to_domain_event(example(file_of(name)))
