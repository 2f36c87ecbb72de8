"""The lines of entries.jsonl, stretch by stretch of the log: by two processes in turn where there are many.

Each reads and puts together one stretch while the other one's is written and hashed, which keeps two cores at work.
Threads would wait for each other at every packet that comes from PostgreSQL.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection

from infrastructure.arrays import understand_arrays
from infrastructure.collector import spared_collector
from infrastructure.exports.asked import Asked
from infrastructure.exports.beside import each_beside
from infrastructure.exports.chain import Chain
from infrastructure.exports.selection import Selection

STRETCH: Final = 4096
"""Positions that are looked at at once."""
WORTH_A_PROCESS: Final = 16 * STRETCH
"""So many positions take longer than a process takes to start."""
PROCESSES: Final = 2


class Stretch(NamedTuple):
    """The entries of a stretch: their lines, how many they are, and its last position."""

    lines: bytes
    entries: int
    last: int


@dataclass(frozen=True, slots=True)
class Stretches:
    """What was asked for behind a position, up to another."""

    conninfo: str
    asked: Asked
    after: int
    upto: int

    def all(self) -> Generator[Stretch, None, None]:
        """All of them, in order. Raises `psycopg.Error`, `TilesMissing`, and `Died` at a killed process."""
        if self.asked.customer or self.upto - self.after < WORTH_A_PROCESS:
            yield from self.each(1, of=1)
            return
        with ExitStack() as stack:
            turns = [
                stack.enter_context(each_beside(partial(self.each, turn, of=PROCESSES)))
                for turn in range(1, PROCESSES + 1)
            ]
            for stretches in cycle(turns):
                if (stretch := next(stretches, None)) is None:
                    return
                yield stretch

    def each(self, turn: int, *, of: int) -> Iterator[Stretch]:
        """Every second one, if they are made `of` two processes, and so on; made in this process."""
        length = self.upto if self.asked.customer else STRETCH  # a customer's few events are found by their stream
        with spared_collector(), reading(self.conninfo) as connection:
            selection = Selection(connection, self.asked, self.upto)
            chain = Chain(selection)
            for before in range(self.after + (turn - 1) * length, self.upto, of * length):
                last = min(before + length, self.upto)
                page = selection.page(before, last)
                yield Stretch(chain.lines(page), len(page.rows), last)


@contextmanager
def reading(conninfo: str) -> Iterator[Connection[Any]]:
    """A connection that finds pages by their keys, whatever the planner thinks of a table."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        understand_arrays(connection)
        connection.execute("SET enable_seqscan = off")
        yield connection
