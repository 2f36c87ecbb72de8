"""`given(*history).when(command).then(*events)`: what a command comes to, as a sentence."""

from dataclasses import dataclass

from domain.commands import Command
from domain.customer import fold
from domain.decide import decide
from domain.refusals import Refused
from domain.vocabulary import Event


@dataclass(frozen=True)
class Answer:
    """What was decided: events, or a refusal."""

    events: tuple[Event, ...] = ()
    refusal: Refused | None = None

    def then(self, *expected: Event) -> None:
        """It happens: exactly these events."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert expected, "say `ignored` where nothing is to happen"
        assert self.events == expected

    def ignored(self) -> None:
        """It is so already: no events, and no refusal."""
        assert self.refusal is None, f"refused: {self.refusal!r}"
        assert self.events == ()

    def refused(self, kind: type[Refused]) -> None:
        """It may not happen, for this very reason."""
        assert type(self.refusal) is kind, f"decided: {self.refusal or self.events!r}"


@dataclass(frozen=True)
class Given:
    """What has happened so far."""

    history: tuple[Event, ...]

    def when(self, command: Command) -> Answer:
        """Decide `command` now."""
        try:
            return Answer(decide(fold(self.history), command))
        except Refused as refusal:
            return Answer(refusal=refusal)


def given(*history: Event) -> Given:
    """What has happened so far."""
    return Given(history)
