"""Entries as Parquet, with types, for those who compute. Needs pyarrow, which is installed for this alone.

The same entries give the same bytes with the same pyarrow, whose version requirements/parquet.txt fixes: the file names
it, and has no time in it.
"""

from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from itertools import chain, islice
from typing import Any, Final

from infrastructure.exports.reading_entries import Entries, ReadEntry
from infrastructure.faults import CannotStart

FILE: Final = "events.parquet"
GROUP: Final = 16
"""Batches of entries in a row group, which is in memory as a whole."""


def parquet(entries: Entries) -> Iterator[bytes]:
    """The file, in blocks. Raises `CannotStart` where pyarrow is not installed."""
    check_installed()
    import pyarrow as pa  # type: ignore[import-untyped] # noqa: PLC0415 -- only who asks for this format has it
    from pyarrow.parquet import ParquetWriter  # type: ignore[import-untyped] # noqa: PLC0415 -- the same

    schema = _schema(pa)
    sink, batches = _Sink(), entries.batches()
    with ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        while group := list(chain.from_iterable(islice(batches, GROUP))):
            columns = [pa.array(column, type=field.type) for column, field in zip(_columns(group), schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=len(group))
            yield sink.taken()
    yield sink.taken()


def check_installed() -> None:
    """Raise `CannotStart` where this format cannot be written."""
    if find_spec("pyarrow") is None:
        raise CannotStart("Parquet needs pyarrow, which requirements/parquet.txt has: `./run export` installs it")


def _schema(pa: Any) -> Any:  # noqa: ANN401 -- pyarrow has no types of its own
    """What the columns are called and hold."""
    time = pa.timestamp("us", tz="UTC")
    fields = [
        *(("position", pa.int64()), ("stream", pa.string()), ("version", pa.int64()), ("type", pa.string())),
        *(("recordedAt", time), ("occurredAt", time), ("actor", pa.string()), ("eventId", pa.string())),
        *(("correlationId", pa.string()), ("causationId", pa.string()), ("commandId", pa.string())),
        ("data", pa.string()),
    ]
    return pa.schema([pa.field(name, kind, nullable=name == "causationId") for name, kind in fields])


def _columns(entries: list[ReadEntry]) -> Iterator[list[object]]:
    """The entries' values, a column at a time."""
    yield [entry.position for entry in entries]
    yield [entry.stream for entry in entries]
    yield [entry.version for entry in entries]
    yield [entry.type for entry in entries]
    yield [datetime.fromisoformat(entry.recorded_at) for entry in entries]
    yield [datetime.fromisoformat(entry.occurred_at) for entry in entries]
    yield [entry.actor for entry in entries]
    yield [entry.event_id for entry in entries]
    yield [entry.correlation_id for entry in entries]
    yield [entry.causation_id for entry in entries]
    yield [entry.command_id for entry in entries]
    yield [entry.data.decode() for entry in entries]


class _Sink:
    """What pyarrow takes for a file: keeps what is written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._length = 0

    def write(self, data: bytes) -> int:
        """Keep a block."""
        self._blocks.append(bytes(data))
        self._length += len(data)
        return len(data)

    def tell(self) -> int:
        """How much was written at all."""
        return self._length

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""

    def taken(self) -> bytes:
        """What was written since this was last asked for."""
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)
