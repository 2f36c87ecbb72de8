"""How far an export has come, for whoever waits for it. Who does not wait any more ends it there."""

from collections.abc import Callable

Progress = Callable[[int], None]
"""Told how many more positions of the log are done, none while other formats are made. What it raises ends it all."""


def unheard(_positions: int) -> None:
    """Tell nobody."""
