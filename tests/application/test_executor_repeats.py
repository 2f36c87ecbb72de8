"""Requests that come again, in whatever order, to whichever process, answers lost: done once, answered alike."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.executor import Executor, Outcome
from application.handlers import Handler
from application.idempotency import KeyReused, Once, RefusedBefore
from application.ports import Batch, Histories, Unavailable
from domain.commands import DeactivateCustomer, EraseSubject, ReactivateCustomer
from domain.refusals import CustomerErased, CustomerExists, Refused
from domain.vocabulary import Ground, LegalBasis
from tests.application.memory_journal import MemoryJournal
from tests.application.orders import changing, context, customer, executing, registering, stored, wallet, written
from tests.application.troubled_journal import Pause, TroubledJournal, lost
from tests.domain.histories import ACTIVE
from tests.domain.samples import NOW

pytestmark = pytest.mark.anyio

SUSPEND: Final = DeactivateCustomer(Ground.ISSUE, by="officer:alice")
RESUME: Final = ReactivateCustomer(by="officer:alice", officer=True)
KNOWN: Final = 9
"""The customer that is in from the beginning, with a wallet of its own."""


def once(key: int = 1, asked: int = 1) -> Once:
    return Once(b"key %d" % key, b"asked %d" % asked, context().command_id)


async def ask(executor: Executor, handler: Handler, by: Once) -> Outcome:
    return await executor.execute(handler, context(by.command_id), by)


def told(answer: Outcome | BaseException) -> object:
    """What a caller can tell of an answer."""
    if isinstance(answer, Outcome):
        return answer.stream, answer.version, [envelope.event_id for envelope in answer.added], answer.sealed
    assert isinstance(answer, Refused), repr(answer)
    named = answer.customer if isinstance(answer, CustomerExists | RefusedBefore) else None
    return answer.code, named


async def test_a_repeat_has_the_first_ones_outcome_and_happens_no_more() -> None:
    journal = MemoryJournal()
    async with executing(journal) as executor:
        first = await ask(executor, registering(1), once())
        again = await ask(executor, registering(2, wallet(1)), once())

    assert told(again) == told(first)
    assert again.history == first.history
    assert len(journal.batches) == 1


async def test_a_repeat_sees_the_stream_as_it_was() -> None:
    journal = MemoryJournal()
    await stored(journal, KNOWN, ACTIVE)
    async with executing(journal) as executor:
        first = await ask(executor, changing(KNOWN, SUSPEND), once(1))
        unchanged = await ask(executor, changing(KNOWN, SUSPEND), once(2))
        await ask(executor, changing(KNOWN, RESUME), once(3))

        assert told(await ask(executor, changing(KNOWN, SUSPEND), once(1))) == told(first)
        assert told(await ask(executor, changing(KNOWN, SUSPEND), once(2))) == told(unchanged)
    assert (first.new, unchanged.new) == (1, 0)


async def test_another_request_under_the_key_is_refused() -> None:
    async with executing(MemoryJournal()) as executor:
        await ask(executor, registering(1), once(1, asked=1))
        with pytest.raises(KeyReused):
            await ask(executor, registering(2), once(1, asked=2))


async def test_a_refusal_stays_one_when_its_reason_is_gone() -> None:
    journal = MemoryJournal()
    async with executing(journal) as executor:
        with pytest.raises(Refused) as refused:
            await ask(executor, changing(KNOWN, SUSPEND), once())
        await stored(journal, KNOWN, ACTIVE)
        with pytest.raises(Refused) as again:
            await ask(executor, changing(KNOWN, SUSPEND), once())

    assert told(refused.value) == told(again.value) == ("customer_not_found", None)


async def test_a_fault_is_not_kept() -> None:
    journal = TroubledJournal()

    def broken() -> Handler:
        raise ZeroDivisionError

    async with executing(journal) as executor:
        with pytest.raises(ZeroDivisionError):
            await ask(executor, broken, once())  # type: ignore[arg-type] # it never becomes a handling
        assert (await ask(executor, registering(1), once())).new == 2


async def test_what_was_sealed_comes_back_with_the_outcome() -> None:
    async with executing(MemoryJournal()) as executor:
        secret, other = once(), once()
        secret.sealed, other.sealed = b"first", b"second"

        assert (await ask(executor, registering(1), secret)).sealed == b"first"
        assert (await ask(executor, registering(2, wallet(1)), other)).sealed == b"first"


async def test_whoever_was_erased_since_is_not_shown_again_but_the_erasure_is() -> None:
    journal = MemoryJournal()
    erase = EraseSubject(LegalBasis.DATA_SUBJECT_REQUEST, "key", now=NOW, retention=NOW - NOW)
    async with executing(journal) as executor:
        await ask(executor, registering(1), once(1))
        erased = await ask(executor, changing(1, erase), once(2))

        with pytest.raises(CustomerErased):
            await ask(executor, registering(1), once(1))
        assert told(await ask(executor, changing(1, erase), once(2))) == told(erased)


async def test_it_is_said_whether_a_request_is_on_record() -> None:
    journal = TroubledJournal()
    async with executing(journal) as executor:
        done, refused, failed = once(1), once(2), once(3)
        await ask(executor, registering(1), done)
        with pytest.raises(CustomerExists):
            await ask(executor, registering(2, wallet(1)), refused)
        journal.away = True
        journal_call = asyncio.create_task(ask(executor, registering(3), failed))
        await asyncio.sleep(0)
        journal_call.cancel()

    assert (done.settled, refused.settled, failed.settled) == (True, True, False)


async def test_of_two_processes_the_first_to_append_has_the_word() -> None:
    journal, pause = TroubledJournal(), Pause()
    journal.before_append = [pause]
    async with executing(journal) as slow, executing(journal) as fast:
        waiting = asyncio.create_task(ask(slow, registering(1), once()))
        await pause.entered.wait()
        first = await ask(fast, registering(2, wallet(1)), once())
        pause.released.set()

        assert told(await waiting) == told(first)
    assert first.stream == customer(2)


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_refusal_whose_answer_was_lost_is_the_refusal(failures: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("application.executor.PAUSE", 0)
    journal = TroubledJournal()
    async with executing(journal) as executor:
        await executor.execute(registering(1), context())
        journal.after_append, journal.before_receipts = [lost], [lost] * failures
        with pytest.raises(Refused) as refused:
            await ask(executor, registering(2, wallet(1)), once())

    assert told(refused.value) == ("customer_exists", customer(1))


class Asked(NamedTuple):
    """One request: under which key, what for, and which process gets it."""

    key: int
    what: int
    process: int


class WaveringJournal(MemoryJournal):
    """Lets others go first at random, and loses a part of its answers."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance

    async def load(self, streams: Collection[UUID]) -> Histories:
        """Read, sooner or later."""
        await self._waver()
        return await super().load(streams)

    async def append(self, batch: Batch) -> None:
        """Append, or not, and say so, or not."""
        await self._waver()
        if self._chance.random() < 0.1:
            raise Unavailable
        await super().append(batch)
        if self._chance.random() < 0.2:
            raise Unavailable

    async def _waver(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)


def order(number: int, what: int) -> Handler:
    """A request's command. Ids that a caller does not choose are others each time."""
    match what:
        case 0 | 1:
            return registering(number, wallet(what))
        case 2:
            return changing(KNOWN, SUSPEND)
        case 3:
            return changing(KNOWN, RESUME)
    return changing(KNOWN, SUSPEND, if_version=len(ACTIVE))


async def answered(asked: Sequence[Asked], chance: Random) -> tuple[MemoryJournal, list[Outcome | BaseException]]:
    """All requests, some at once."""
    journal, answers = WaveringJournal(chance), list[Outcome | BaseException]()
    await MemoryJournal.append(journal, written(customer(KNOWN), *ACTIVE))
    async with executing(journal, lanes=2) as one, executing(journal, lanes=2) as other:
        left = list(enumerate(asked))
        while left:
            taken, left = left[: (some := chance.randint(1, 6))], left[some:]
            answers += await asyncio.gather(
                *(
                    ask((one, other)[each.process], order(100 + number, each.what), once(each.key, each.what))
                    for number, each in taken
                ),
                return_exceptions=True,
            )
    return journal, answers


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    asked=st.lists(st.builds(Asked, st.integers(1, 3), st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=24),
    chance=st.randoms(use_true_random=True),
)
def test_in_any_disorder_each_key_is_executed_once_and_answered_alike(asked: Sequence[Asked], chance: Random) -> None:
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr("application.executor.PAUSE", 0)
        journal, answers = asyncio.run(answered(asked, chance))

    by_key: defaultdict[int, dict[int, list[object]]] = defaultdict(lambda: defaultdict(list))
    for request, answer in zip(asked, answers, strict=True):
        by_key[request.key][request.what].append("reused" if isinstance(answer, KeyReused) else told(answer))
    for requests in by_key.values():
        (first,) = [what for what, heard in requests.items() if heard != ["reused"] * len(heard)]
        assert all(heard == ["reused"] * len(heard) for what, heard in requests.items() if what != first)
        assert all(each == requests[first][0] for each in requests[first])
    assert sum("CustomerRegistered" in types for types in journal.batches) - 1 <= len(by_key)
