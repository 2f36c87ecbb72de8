"""How much a process gives: requests a minute to one key, and connections to all. Every process counts for itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the settings say."""

    reads_per_minute: int
    """0 is no bound."""
    writes_per_minute: int
    """The same."""
    connections: int
