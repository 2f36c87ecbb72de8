"""How far a replay has come: events, rate and time left, on a terminal alone."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bar:
    """A bar that is told how much there is, and then how much more is done."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._task: TaskID | None = None

    def begin(self, events: int) -> None:
        """There are about so many events."""
        self._task = self._progress.add_task(self._name, total=events, rate=0)

    def advance(self, events: int) -> None:
        """So many more are done."""
        if self._task is not None:
            self._progress.advance(self._task, events)
            self._progress.update(self._task, rate=self._progress.tasks[0].speed or 0)


@contextmanager
def shown(name: str) -> Iterator[Bar]:
    """The bar, on standard error, gone when the context is left."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of about {task.total:,.0f} events"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield Bar(progress, name)
