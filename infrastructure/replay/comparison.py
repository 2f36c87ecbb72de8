"""Folds streams again and compares with the read models: one range of streams at a time, in bounded memory.

Events are read stream by stream, rows in the same order: what is held is a page of events and the rows of its streams.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from application.envelope import Envelope
from application.mapper import read
from infrastructure.replay.streams import PAGE, IllegibleEvent, Row, customers_rows
from projections.projection import Projection

LISTED: Final = 1000
"""Divergences that are listed of one range; all are counted."""


class Divergence(NamedTuple):
    """A row that is not what the log leads to. Values are not told: they may be personal."""

    projection: str
    key: tuple[str, ...]
    what: Literal["missing", "extra", "different"]
    columns: tuple[str, ...] = ()
    """The columns that differ, where the row is there on both sides."""


@dataclass(slots=True)
class Findings:
    """What came of a range."""

    events: int = 0
    rows: int = 0
    divergent: int = 0
    listed: list[Divergence] = field(default_factory=list)

    def add(self, found: Iterable[Divergence]) -> None:
        """Count divergences, and list them while there is room."""
        for divergence in found:
            self.divergent += 1
            if len(self.listed) < LISTED:
                self.listed.append(divergence)

    def join(self, other: "Findings") -> None:
        """Take in what came of the next range."""
        self.events += other.events
        self.rows += other.rows
        self.divergent += other.divergent
        self.listed += other.listed[: LISTED - len(self.listed)]


class Comparison:
    """Compares the read models with the log, as of the positions that they have reached in one snapshot."""

    def __init__(
        self,
        connection: Connection[Any],
        projections: Sequence[Projection[Any]],
        positions: dict[str, int],
        page: int = PAGE,
    ) -> None:
        self._connection = connection
        self._page = page
        self._sides = [_Side(projection, positions.get(projection.name, 0)) for projection in projections]
        self._least = min(side.position for side in self._sides)
        self._most = max(side.position for side in self._sides)

    def compare(self, lowest: int, highest: int, *, progress: Callable[[int], None]) -> Findings:
        """Compare all rows of the streams with ids from `lowest` to `highest`. `progress` is told how many events."""
        findings, begin, held = Findings(), lowest, 0
        for stream, history in groupby(self._history(lowest, highest), attrgetter("stream")):
            held += self._fold(list(history))
            if held >= self._page:
                self._compare_rows(begin, stream.int, findings)
                begin, findings.events = stream.int + 1, findings.events + held
                progress(held)
                held = 0
        self._compare_rows(begin, highest, findings)
        findings.events += held
        progress(held)
        return findings

    def _history(self, lowest: int, highest: int) -> Iterator[Envelope]:
        """The events of customers' streams, stream by stream."""
        for row in customers_rows(self._connection, lowest, highest, upto=self._most, page=self._page):
            try:
                envelope = read(*row)
            except Exception as fault:
                raise IllegibleEvent(row[4], fault) from fault
            yield envelope

    def _fold(self, history: list[Envelope]) -> int:
        """Note the rows that a stream leads to, for each projection as far as it has come."""
        reached = history[-1].position <= self._least
        for side in self._sides:
            side.fold(history if reached else [past for past in history if past.position <= side.position])
        return len(history)

    def _compare_rows(self, lowest: int, highest: int, findings: Findings) -> None:
        """Compare what was folded with the rows that there are."""
        for side in self._sides:
            there = side.rows(self._connection, lowest, highest)
            findings.rows += len(there)
            if side.expected != there:
                findings.add(side.divergences(there))
            side.expected = []


class _Side:
    """One projection: the rows that it should have, and those that it has; of numbers, no range of streams can tell."""

    def __init__(self, projection: Projection[Any], position: int) -> None:
        self.projection, self.position = projection, position
        self.expected: list[Row] = []
        numbering = projection.numbering
        self._compared = len(projection.columns) - (numbering.columns if numbering else 0)
        self._columns = projection.columns[: self._compared]
        names = [Identifier(column) for column in self._columns]
        self._select: Composed = SQL(
            "SELECT {names} FROM gatehouse.{table} WHERE {first} BETWEEN %b AND %b ORDER BY {keys}"
        ).format(
            names=SQL(", ").join(names),
            table=Identifier(projection.name),
            first=names[0],
            keys=SQL(", ").join(names[: projection.primary_key]),
        )

    def fold(self, history: list[Envelope]) -> None:
        """Note the row that a stream leads to, which may be of many parts."""
        if (row := reduce(self.projection.evolve, history, None)) is not None:
            self.expected += [part[: self._compared] for part in row[-1]] if self.projection.part else [row]

    def rows(self, connection: Connection[Any], lowest: int, highest: int) -> list[Row]:
        """The rows that there are, in the order of their keys."""
        asked = (UUID(int=lowest), UUID(int=highest))
        return connection.execute(self._select, asked, prepare=True, binary=True).fetchall()

    def divergences(self, there: list[Row]) -> Iterator[Divergence]:
        """What is missing, too many or different, in the order of the keys."""
        name, keys, columns = self.projection.name, self.projection.primary_key, self._columns
        expected, found = ({row[:keys]: row for row in rows} for rows in (self.expected, there))
        for key in sorted(expected.keys() | found.keys()):
            text = tuple(map(str, key))
            if key not in found:
                yield Divergence(name, text, "missing")
            elif key not in expected:
                yield Divergence(name, text, "extra")
            elif expected[key] != found[key]:
                pairs = zip(columns, expected[key], found[key], strict=True)
                yield Divergence(name, text, "different", tuple(column for column, a, b in pairs if a != b))
