"""The formats beside the entries: each is made of entries.jsonl, and says nothing that is not in it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from infrastructure.exports.asked import Format
from infrastructure.exports.cloudevents import FILE as CLOUDEVENTS
from infrastructure.exports.cloudevents import cloudevents
from infrastructure.exports.ocel import FILE as OCEL
from infrastructure.exports.ocel import ocel
from infrastructure.exports.parquet import FILE as PARQUET
from infrastructure.exports.parquet import parquet
from infrastructure.exports.parts import Parts
from infrastructure.exports.progress import Progress
from infrastructure.exports.reading_entries import ENTRIES, Entries
from infrastructure.exports.spreadsheet import FILE as CSV
from infrastructure.exports.spreadsheet import spreadsheet

Conversion = Callable[[Entries], Iterator[bytes]]

CONVERSIONS: Final[dict[Format, tuple[str, Conversion]]] = {
    "cloudevents": (CLOUDEVENTS, cloudevents),
    "csv": (CSV, spreadsheet),
    "ocel": (OCEL, ocel),
    "parquet": (PARQUET, parquet),
}
"""The file of each, and what makes it, a block at a time."""


def convert(parts: Parts, formats: Iterable[Format], origin: str, progress: Progress) -> None:
    """Write the formats that were asked for. Raises `IllegibleEntry`, and `CannotStart` where one cannot be written."""
    entries = Entries(parts.folder / ENTRIES, origin)
    for name in formats:
        if name in CONVERSIONS:
            file, conversion = CONVERSIONS[name]
            parts.put_blocks(file, _told(conversion(entries), progress))


def _told(blocks: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    for block in blocks:
        progress(0)
        yield block
