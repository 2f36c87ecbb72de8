"""What a bench hands back: figures, targets, and a table for people.

The last line on stdout is the report as one JSON object; everything above it is for people.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table

SIGNS = {"at_least": "≥", "at_most": "≤", "below": "<"}


class BenchError(Exception):
    """Nothing could be measured: a server did not start, or answered something unexpected."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure and the bound it has to keep."""

    name: str
    measured: float
    sense: Literal["at_least", "at_most", "below"]
    bound: float

    @property
    def met(self) -> bool:
        """Whether the figure keeps its bound. A figure that is not a number keeps none."""
        if self.sense == "at_least":
            return self.measured >= self.bound
        if self.sense == "at_most":
            return self.measured <= self.bound
        return self.measured < self.bound


@dataclass(frozen=True, kw_only=True)
class Report:
    """One bench's outcome.

    `figures` are the bench's own fields of the JSON line (plain JSON values); `columns` and `rows` are its table.
    """

    bench: str
    figures: Mapping[str, object]
    targets: Sequence[Target]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()

    @property
    def met(self) -> bool:
        """Whether every target is met."""
        return all(target.met for target in self.targets)

    def show(self) -> None:
        """Print the tables, then the JSON line."""
        console = Console(width=None if sys.stdout.isatty() else 120)
        if self.rows:
            console.print(_table(self.bench, self.columns, self.rows))
        goals = [(t.name, f"{t.measured:g}", f"{SIGNS[t.sense]} {t.bound:g}", _word(t.met)) for t in self.targets]
        console.print(_table("targets", ("figure", "measured", "target", ""), goals))
        print(self.json(), flush=True)

    def json(self) -> str:
        """Return the report as one line of JSON."""
        targets = {t.name: {t.sense: t.bound, "measured": t.measured, "met": t.met} for t in self.targets}
        return json.dumps({"bench": self.bench, **self.figures, "met": self.met, "targets": targets})


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _word(met: bool) -> str:  # noqa: FBT001  # private, and the word is the argument
    return "met" if met else "[bold red]missed[/]"
