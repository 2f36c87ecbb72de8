"""How each command becomes events on streams.

A handler is a generator: it yields the streams that it wants to see, is sent their histories, and returns what is to
be appended. It may run again, so it keeps nothing.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Literal
from uuid import UUID

from application.envelope import Envelope
from application.ports import Fingerprint, Histories
from application.retention import ended_at
from application.streams import bar_of, claim_of
from domain.commands import Command, EraseSubject, RecordScreening, RecordVerification, RegisterCustomer
from domain.customer import LEADS_TO, Customer, fold
from domain.decide import decide
from domain.events import (
    OnboardingBarred,
    PersonRecognised,
    ScreeningPassed,
    SubjectErased,
    VerificationPassed,
    WalletClaimed,
)
from domain.refusals import CustomerExists, OnboardingIsBarred, UnknownCustomer, VersionMismatch
from domain.vocabulary import Event, Status
from domain.wallet import canonical

Changes = list[tuple[UUID, Sequence[Event]]]
"""New events by stream; the first stream is the one that the answer is about."""


class Presumed(tuple[UUID, ...]):
    """Streams that are empty almost always: decided on as if they were, and appended only if they are."""

    __slots__ = ()


Handling = Generator[tuple[UUID, ...], Histories, Changes]
Handler = Callable[[], Handling]
Condition = Callable[[Sequence[Envelope]], bool]


def register(customer_id: UUID, command: RegisterCustomer, *, fingerprint: Fingerprint) -> Handling:
    """Open a customer's stream, unless the wallet is barred or the partner has it already.

    A customer that was erased is not told of again, nor in the way: the wallet's owner may come back.
    """
    claim = claim_of(command.partner, command.wallet)
    bar = bar_of(fingerprint(canonical(command.wallet)))
    streams = yield Presumed((claim, bar))
    if _barred(streams[bar]):
        raise OnboardingIsBarred
    claims = [envelope.event for envelope in streams[claim] if isinstance(envelope.event, WalletClaimed)]
    if claims and not _erased((yield (claims[-1].customer,))[claims[-1].customer]):
        raise CustomerExists(claims[-1].customer)
    return [(customer_id, decide(None, command)), (claim, (WalletClaimed(customer=customer_id),))]


def change(
    customer_id: UUID,
    command: Command,
    *,
    fingerprint: Fingerprint,
    partner: UUID | None = None,
    if_match: Condition | None = None,
) -> Handling:
    """Decide a command for a customer. `partner` limits it to that partner's own; `if_match` to one as it was seen."""
    streams = yield (customer_id,)
    history = streams[customer_id]
    customer = fold(envelope.event for envelope in history)
    if customer is None or partner not in (None, customer.partner):
        raise UnknownCustomer
    if if_match is not None and not if_match(history):
        raise VersionMismatch
    if isinstance(command, EraseSubject):
        command = replace(command, ended_at=ended_at(history, now=command.now))
    return (yield from decided(customer_id, customer, command, fingerprint=fingerprint))


def decided(customer_id: UUID, customer: Customer, command: Command, *, fingerprint: Fingerprint) -> Handling:
    """What a command comes to for a customer as it stands, and what that leads to on other streams."""
    person = _person(customer, command)
    wallet = bar_of(fingerprint(canonical(customer.wallet)))
    known = (wallet, bar_of(person)) if person else (wallet,)
    if isinstance(command, RecordScreening | RecordVerification):
        command = _informed(command, customer_id, (yield known), known)
    events = decide(customer, command)
    changes: Changes = [(customer_id, events)]
    if any(LEADS_TO.get(type(event)) is Status.REJECTED for event in events):
        changes += _bars(customer_id, (yield known), known)
    elif any(isinstance(event, ScreeningPassed | VerificationPassed) for event in events):
        changes += _recognition(customer_id, (yield known), known)
    return changes


def append(stream: UUID, decide_events: Callable[[Sequence[Event]], Sequence[Event]]) -> Handling:
    """Decide for a stream that is no customer's, such as an API key's."""
    streams = yield (stream,)
    return [(stream, decide_events([envelope.event for envelope in streams[stream]]))]


def where(stream: UUID, condition: Condition, handling: Handling) -> Handling:
    """Decide where a stream's history meets a condition; elsewhere nothing happens, as for what is true already."""
    streams = yield (stream,)
    if not condition(streams[stream]):
        return [(stream, ())]
    return (yield from handling)


def alone(stream: UUID, event: Event) -> Handling:
    """Record a fact that stands on a stream of its own, which is new: nothing is read for it."""
    yield Presumed((stream,))
    return [(stream, (event,))]


def _person(customer: Customer, command: Command) -> str | None:
    """The person's fingerprint, as the result says or as the customer was verified."""
    if isinstance(command, RecordVerification) and command.result.person:
        return command.result.person
    return customer.person


def _informed(
    command: RecordScreening | RecordVerification, customer_id: UUID, streams: Histories, known: tuple[UUID, ...]
) -> Command:
    """The command with what the log knows of its wallet and person: the streams `known`."""
    barred = any(_barred(streams[stream]) for stream in known)
    if isinstance(command, RecordScreening):
        return replace(command, barred=barred)
    return replace(command, barred=barred, known_elsewhere=_owner(streams, known) not in (None, customer_id))


def _bars(customer_id: UUID, streams: Histories, known: tuple[UUID, ...]) -> Changes:
    """What keeps a rejected customer out, whatever name or chain they come back with."""
    subjects: tuple[Literal["wallet", "person"], ...] = ("wallet", "person")
    return [
        (stream, (OnboardingBarred(customer=customer_id, subject=subject),))
        for stream, subject in zip(known, subjects, strict=False)
        if not _barred(streams[stream])
    ]


def _recognition(customer_id: UUID, streams: Histories, known: tuple[UUID, ...]) -> Changes:
    """The person's own stream remembers which customer they are. Nobody passes a bar, whoever decides."""
    if any(_barred(streams[stream]) for stream in known):
        raise OnboardingIsBarred
    persons = known[1:]
    return [(stream, (PersonRecognised(customer=customer_id),)) for stream in persons if _owner(streams, known) is None]


def _owner(streams: Histories, known: tuple[UUID, ...]) -> UUID | None:
    """The customer that the person was recognised as."""
    events = (envelope.event for stream in known for envelope in streams[stream])
    return next((event.customer for event in events if isinstance(event, PersonRecognised)), None)


def _erased(history: list[Envelope]) -> bool:
    return any(isinstance(envelope.event, SubjectErased) for envelope in history)


def _barred(history: list[Envelope]) -> bool:
    return any(isinstance(envelope.event, OnboardingBarred) for envelope in history)
