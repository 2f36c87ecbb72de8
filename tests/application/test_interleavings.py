"""Callbacks, polls, retries and commands in any order, repeated and at once, end where the orderly story ends."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from application.envelope import Envelope
from application.handlers import Changes
from domain.commands import (
    Command,
    IssueChallenge,
    LiftLegalHold,
    PlaceLegalHold,
    ProposeRejection,
    ReactivateCustomer,
    RecordVerification,
    StartVerification,
    WithdrawRejection,
)
from domain.customer import fold
from domain.decide import decide
from domain.events import VerificationRetryRequested
from domain.findings import VerificationResult
from domain.refusals import Refused
from domain.vocabulary import Event, Status
from tests.application.memory_journal import MemoryJournal
from tests.application.orders import changing, context, customer, executing, together, written
from tests.domain.histories import REGISTERED
from tests.domain.samples import (
    ALICE,
    APPLICANT,
    BY_PARTNER,
    FRESH,
    NOW,
    result,
    screening,
    signed,
)

PARTS: Final = 5
STORIES: Final = 200
WAYS: Final = 10
"""Ten thousand interleavings in all, each command decided after the other; a part may run on a worker of its own."""
AT_ONCE: Final = 100
"""So many more through the executor and the journal, where what comes at once is decided at once."""

SPINE: Final[tuple[Command, ...]] = (signed(), screening(), StartVerification("sumsub", APPLICANT, "basic"))
BY: Final = context(UUID(int=1))
ASIDE: Final[tuple[Command, ...]] = (
    *SPINE,
    IssueChallenge(FRESH, NOW),
    ReactivateCustomer(BY_PARTNER, officer=False),
    PlaceLegalHold("Central Bank", "case 12/26"),
    LiftLegalHold("Central Bank", "case 12/26"),
    ProposeRejection(ALICE, "mixes funds", now=NOW),
    WithdrawRejection(ALICE, "mistaken"),
)
"""What changes no status by itself, whenever it is asked for, and what the orderly story has already."""


Batches = tuple[tuple[Command, ...], ...]


@dataclass(frozen=True)
class Story:
    """What a provider decides, in its order: each answer as it is called back with and as it is asked for."""

    called_back: tuple[VerificationResult, ...]
    asked_for: tuple[VerificationResult, ...]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """At most five retries, which are all that are granted, and nothing after a decision.

    When we ask for an answer, its evidence is another and its time up to a minute off.
    """
    answers = draw(st.lists(st.sampled_from(("retry", "on_hold")), max_size=5))
    answers += draw(st.sampled_from(([], ["approved"], ["rejected"])))
    offs = [draw(st.sampled_from((-59.0, -0.3, 0.0, 0.3, 59.0))) for _ in answers]
    return Story(
        tuple(result(answer, at=10 * number) for number, answer in enumerate(answers, 1)),
        tuple(
            result(answer, at=10 * number + off / 60, polled=True)
            for number, (answer, off) in enumerate(zip(answers, offs, strict=True), 1)
        ),
    )


def interleaved(story: Story, random: Random) -> Batches:
    """The story as we may come to hear of it. In the end nothing is lost: all work is done, and a poll finds out."""
    told = (*ASIDE, *map(RecordVerification, story.called_back + story.asked_for))
    batches: list[tuple[Command, ...]] = [(command,) for command in SPINE[: random.randint(0, len(SPINE))]]
    batches += [tuple(random.choices(told, k=random.randint(1, 4))) for _ in range(random.randint(0, 6))]
    batches += [(command,) for command in (*SPINE, *map(RecordVerification, story.asked_for[-1:]))]
    return tuple(batches)


def orderly(story: Story) -> Status:
    """Where the customer ends if everything happens once, and in its order."""
    history: tuple[Event, ...] = REGISTERED
    for command in (*SPINE, *map(RecordVerification, story.called_back)):
        history = (*history, *decide(fold(history), command))
    found = fold(history)
    assert found is not None
    return found.status


def one_by_one(batches: Batches) -> Sequence[Event]:
    """What happens, decided by the handlers alone."""
    streams: defaultdict[UUID, list[Envelope]] = defaultdict(list)
    keep(streams, [(customer(1), REGISTERED)])
    for command in chain.from_iterable(batches):
        handling = changing(1, command)()
        asked = next(handling)
        try:
            while True:
                asked = handling.send({stream: streams[stream] for stream in asked})
        except StopIteration as done:
            keep(streams, done.value)
        except Refused:
            pass
    return [envelope.event for envelope in streams[customer(1)]]


def keep(streams: defaultdict[UUID, list[Envelope]], changes: Changes) -> None:
    """Append, as the log would."""
    for stream, events in changes:
        for event in events:
            streams[stream].append(Envelope(stream, len(streams[stream]) + 1, UUID(int=1), BY, event))


async def at_once(batches: Batches) -> Sequence[Event]:
    """The same through the executor, a batch at once."""
    journal = MemoryJournal()
    await journal.append(written(customer(1), *REGISTERED))
    async with executing(journal, lanes=2) as executor:
        for batch in batches:
            answers = await together(executor, *(changing(1, command) for command in batch))
            assert all(not isinstance(answer, BaseException) or isinstance(answer, Refused) for answer in answers)
    return [envelope.event for envelope in (await journal.load([customer(1)]))[customer(1)]]


def check(story: Story, events: Sequence[Event]) -> None:
    """The status is the orderly story's, and no answer counted twice."""
    found = fold(events)
    assert found is not None
    assert found.status is orderly(story)
    retries = sum(isinstance(event, VerificationRetryRequested) for event in events)
    assert retries <= sum(told.answer == "retry" for told in story.called_back)


@pytest.mark.parametrize("part", range(PARTS))
def test_disorder_ends_where_order_does(part: int) -> None:
    @seed(part)
    @settings(max_examples=STORIES, deadline=None, database=None)
    @given(story=stories(), random=st.randoms(use_true_random=True))
    def holds(story: Story, random: Random) -> None:
        for _ in range(WAYS):
            check(story, one_by_one(interleaved(story, random)))

    holds()


@settings(derandomize=True, max_examples=AT_ONCE, deadline=None)
@given(story=stories(), random=st.randoms(use_true_random=True))
def test_what_comes_at_once_ends_where_order_does(story: Story, random: Random) -> None:
    check(story, asyncio.run(at_once(interleaved(story, random))))
