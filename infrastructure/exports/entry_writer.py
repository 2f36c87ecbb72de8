"""Writing entries.jsonl: read from the log span by span, and on by a process of its own where there are many.

What reads and writes is as busy as PostgreSQL, and as what hashes: side by side they keep two cores at work. Threads
would wait for each other at every packet that comes from PostgreSQL.
"""

import fcntl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import psycopg
from psycopg import Connection

from infrastructure.arrays import understand_arrays
from infrastructure.collector import spared_collector
from infrastructure.exports.asked import Asked
from infrastructure.exports.beside import each_beside
from infrastructure.exports.chain import Chain
from infrastructure.exports.growing_file import BLOCK
from infrastructure.exports.selection import SPAN, Selection

WORTH_A_PROCESS: Final = 16 * SPAN
"""So many positions take longer than a process takes to start."""


class Written(NamedTuple):
    """A span whose entries are in the file: how many bytes and entries they are, and its last position."""

    bytes: int
    entries: int
    last: int


@dataclass(frozen=True, slots=True)
class EntryWriter:
    """Writes what was asked for behind a position, and behind a file's first bytes."""

    conninfo: str
    asked: Asked
    upto: int
    after: int
    path: Path
    offset: int

    def write(self) -> Generator[Written, None, None]:
        """Span by span, in order. Raises `OSError`, `psycopg.Error`, `TilesMissing`, and `Died` at a killed process."""
        if self.upto - self.after < WORTH_A_PROCESS:
            yield from self.spans()
            return
        with each_beside(self.spans) as spans:
            yield from spans

    def spans(self) -> Iterator[Written]:
        """The same, in this process."""
        with spared_collector(), reading(self.conninfo) as connection, self._locked() as file:
            selection = Selection(connection, self.asked, self.upto)
            chain = Chain(selection)
            for page in selection.pages(self.after):
                text = chain.lines(page)
                append(file, text)
                yield Written(len(text), len(page.rows), page.last)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file, for us alone: a process whose beginner was killed may be writing there for a moment yet."""
        with self.path.open("r+b", buffering=BLOCK) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(self.offset)
            file.seek(self.offset)
            yield file


def append(file: BinaryIO, text: bytes) -> None:
    """Write for others to see."""
    file.write(text)
    file.flush()


@contextmanager
def reading(conninfo: str) -> Iterator[Connection[Any]]:
    """A connection that finds pages by their keys, whatever the planner thinks of a table."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        understand_arrays(connection)
        connection.execute("SET enable_seqscan = off")
        yield connection
