"""Decisions taken again, one customer's stream at a time: by the version that took them, or by another one on trial.

Nothing is read but what the decision itself could read: the customer's past, what other streams held by then, and the
evidence. What officers decided is not taken again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from pydantic.alias_generators import to_camel

from application.decisions import Decision, OfficersCommand, PolicyCommand, command_of, decision_at, officers_command
from application.envelope import Envelope
from application.handlers import Changes, Handling, decided
from application.ports import Fingerprint, Histories
from application.rereading import Evidence, Readers, Rereading
from domain.commands import ConfirmRejection, ResolveHold
from domain.customer import Customer, evolve
from domain.events import MonitoringAttempted, OnboardingBarred
from domain.policies.registry import STEPS
from domain.refusals import Refused
from domain.vocabulary import Event

UNLIKE: Final = frozenset({"due"})
"""Fields that depend on the moment and on chance: only whether they are set is compared."""


class OtherStreams(Protocol):
    """The streams that decisions read beside the customer's own."""

    def before(self, streams: tuple[UUID, ...], position: int) -> Histories:
        """What they held before a position."""

    def whole(self, stream: UUID) -> list[Envelope]:
        """What one holds."""


class Retaken(NamedTuple):
    """A decision, what it comes to now, and where that is not what was recorded."""

    decision: Decision
    differs: tuple[str, ...] = ()
    command: PolicyCommand | OfficersCommand | None = None
    """What was decided on; None where nothing could have led to it."""
    events: tuple[Event, ...] = ()
    refusal: str | None = None
    """The code of the rule that forbids what the policy would do."""
    erased: bool = False
    """Whether its evidence was erased, so that what was recorded had to be believed."""


class Retaking:
    """Takes decisions again."""

    def __init__(self, *, readers: Readers, fingerprint: Fingerprint, others: OtherStreams) -> None:
        self._readers = readers
        self._fingerprint = fingerprint
        self._others = others

    def retake(
        self, history: Sequence[Envelope], evidence: Evidence, *, policy: str | None = None
    ) -> Iterator[Retaken]:
        """Every decision of a stream, in order. `policy` on trial judges the decisions of its step, and no others.

        Each is taken in the state that was recorded up to it, whatever the ones before it come to now.
        """
        customer: Customer | None = None
        done = 0
        for index, envelope in enumerate(history):
            decision = decision_at(history, index) if index >= done else None
            if decision is not None:
                done = index + len(decision.recorded)
                if policy is None or (decision.by_policy and STEPS[policy] == decision.step):
                    yield self._retaken(decision, customer, evidence, policy)
            customer = evolve(customer, envelope.event)

    def _retaken(
        self, decision: Decision, customer: Customer | None, evidence: Evidence, policy: str | None
    ) -> Retaken:
        reading = Rereading(self._readers, self._fingerprint, evidence)
        command: PolicyCommand | OfficersCommand | None = None
        if customer is not None:
            command = command_of(decision, customer, reading) if decision.by_policy else officers_command(decision)
        if customer is None or command is None:
            return Retaken(decision, ("unfounded",))
        if not isinstance(command, ResolveHold | ConfirmRejection):
            if STEPS.get(command.policy) != decision.step:
                return Retaken(decision, ("policy unknown",))
            command = replace(command, policy=policy or command.policy)
        stream, position = decision.opening.stream, decision.opening.position
        try:
            changes = self._handled(decided(stream, customer, command, fingerprint=self._fingerprint), position)
        except Refused as refusal:
            differs = (*reading.faults, f"refused: {refusal.code}")
            return Retaken(decision, differs, command, refusal=refusal.code, erased=reading.erased)
        events = tuple(changes[0][1])
        if not isinstance(decision.opening.event, MonitoringAttempted):  # before each look was an event of its own
            events = tuple(event for event in events if not isinstance(event, MonitoringAttempted))
        differs = (*reading.faults, *differences(events, [envelope.event for envelope in decision.recorded]))
        differs = differs or tuple(self._missing_beside(decision, changes))
        return Retaken(decision, differs, command, events, erased=reading.erased)

    def _handled(self, handling: Handling, position: int) -> Changes:
        """Run a handler on what other streams held before a position."""
        try:
            asked = next(handling)
            while True:
                asked = handling.send(self._others.before(asked, position))
        except StopIteration as done:
            changes: Changes = done.value
            return changes

    def _missing_beside(self, decision: Decision, changes: Changes) -> Iterator[str]:
        """A rejection and its bars are recorded together, and so are a pass and who was recognised."""
        command = decision.opening.context.command_id
        for stream, events in changes[1:]:
            recorded = [past.event for past in self._others.whole(stream) if past.context.command_id == command]
            if recorded != list(events):
                yield "bar missing" if isinstance(events[0], OnboardingBarred) else "recognition missing"


def differences(expected: Sequence[Event], recorded: Sequence[Event]) -> Iterator[str]:
    """What recorded events are otherwise than expected: fields by their stored names, or whole events."""
    for should, is_ in zip_longest(expected, recorded):
        if type(should) is not type(is_):
            if should is not None:
                yield f"{type(should).__name__} missing"
            if is_ is not None:
                yield f"{type(is_).__name__} unfounded"
        elif should != is_:
            for name in type(should).model_fields:
                pair = getattr(should, name), getattr(is_, name)
                if (pair[0] is None) != (pair[1] is None) if name in UNLIKE else pair[0] != pair[1]:
                    yield to_camel(name)
