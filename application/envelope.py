"""The envelope that every event travels in: which stream and version, who did it, when, and because of what."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from domain.vocabulary import Event

UNSTAMPED: Final = datetime.min.replace(tzinfo=UTC)
"""When an event was recorded that has not been yet; never shown."""


class Context(NamedTuple):
    """Who asks for a change and why. `occurred_at` is when it happened in the world."""

    actor: str
    """`partner:…`, `officer:…`, `provider:…`, `policy:…` or `system:…`."""
    command_id: UUID
    correlation_id: UUID
    occurred_at: datetime
    causation_id: UUID | None = None


@dataclass(slots=True)
class Envelope:
    """One event with all that is known of it. The log stamps `position` and `recorded_at`."""

    stream: UUID
    version: int
    event_id: UUID
    context: Context
    event: Event
    position: int = 0
    recorded_at: datetime = UNSTAMPED

    @property
    def originator_id(self) -> UUID:
        """The stream, in the library's word."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version, in the library's word."""
        return self.version

    @property
    def type(self) -> str:
        """The stored type's name."""
        return type(self.event).__name__
