r"""Entries as CSV (RFC 4180), for people who open it in a spreadsheet: nothing in it can become a formula there.

A cell that would is led by an apostrophe, as OWASP advises against "CSV Injection". Where a program takes the semicolon
for the separator, a cell could begin in the midst of an event's JSON: there it is `\u003b`, which says the same.
"""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Final

from infrastructure.exports.reading_entries import Entries, ReadEntry

FILE: Final = "events.csv"
COLUMNS: Final = (
    *("position", "stream", "version", "type", "recordedAt", "occurredAt"),
    *("actor", "eventId", "correlationId", "causationId", "commandId", "data"),
)
FORMULA: Final = re.compile("""[\\s"'\\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\\t\\r]""")
"""How a cell begins that a spreadsheet may compute, or pass to another program."""


def spreadsheet(entries: Entries) -> Iterator[bytes]:
    """The file, in blocks."""
    yield _written([COLUMNS])
    for batch in entries.batches():
        yield _written([_row(entry) for entry in batch])


def defused(cell: str) -> str:
    """The cell as text that nothing computes."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _row(entry: ReadEntry) -> tuple[object, ...]:
    return (
        entry.position,
        defused(entry.stream),
        entry.version,
        defused(entry.type),
        defused(entry.recorded_at),
        defused(entry.occurred_at),
        defused(entry.actor),
        defused(entry.event_id),
        defused(entry.correlation_id),
        defused(entry.causation_id or ""),
        defused(entry.command_id),
        entry.data.decode().replace(";", "\\u003b"),
    )


def _written(rows: list[tuple[object, ...]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
