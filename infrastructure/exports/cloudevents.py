"""Entries as CloudEvents 1.0 in their JSON format, one in a line.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md · What has no attribute there is an
extension; numbers are texts in them, since theirs have 32 bits.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from pydantic_core import to_json

from infrastructure.exports.reading_entries import Entries, ReadEntry, schema_of, version_of

FILE: Final = "events.cloudevents.jsonl"


def cloudevents(entries: Entries) -> Iterator[bytes]:
    """The file, in blocks."""
    source = f"urn:gatehouse:{quote(entries.origin, safe='/:.')}"
    for batch in entries.batches():
        yield b"".join(_line(entry, source) for entry in batch)


def _line(entry: ReadEntry, source: str) -> bytes:
    told = {
        "specversion": "1.0",
        "id": entry.event_id,
        "source": source,
        "type": f"gatehouse.{entry.type}.v{version_of(entry)}",
        "subject": entry.stream,
        "time": entry.occurred_at,
        "dataschema": schema_of(entry),
        "datacontenttype": "application/json",
        "position": str(entry.position),
        "version": str(entry.version),
        "recordedat": entry.recorded_at,
        "actor": entry.actor,
        "correlationid": entry.correlation_id,
        "commandid": entry.command_id,
    }
    if entry.causation_id is not None:
        told["causationid"] = entry.causation_id
    return b'%b,"data":%b}\n' % (to_json(told)[:-1], entry.data)
