import asyncio
from uuid import UUID

import pytest

from application import executor as executor_module
from application.executor import LARGEST_BATCH, WORTH_A_LANE, Outcome
from application.handlers import Handler, Handling
from application.ports import Receipt, Unavailable
from domain.commands import DeactivateCustomer, PlaceLegalHold, ReactivateCustomer
from domain.events import WalletClaimed
from domain.refusals import CustomerExists, UnknownCustomer, VersionMismatch
from domain.vocabulary import Ground
from tests.application.memory_journal import MemoryJournal
from tests.application.orders import (
    changing,
    context,
    customer,
    executing,
    names,
    registering,
    stored,
    together,
    wallet,
)
from tests.application.troubled_journal import Pause, TroubledJournal
from tests.domain.histories import ACTIVE

pytestmark = pytest.mark.anyio

SUSPEND = DeactivateCustomer(Ground.PARTNER_REQUEST, by="partner:somebody")
RESUME = ReactivateCustomer(by="partner:somebody", officer=False)
HOLD = PlaceLegalHold("Central Bank", "case 12/26")
REGISTERED = ["CustomerRegistered", "ChallengeIssued", "WalletClaimed"]


class Bug(Exception):
    """Something that nobody thought of."""


def broken_when_called() -> Handling:
    raise Bug


def broken_at_once() -> Handling:
    raise Bug
    yield ()


def broken_after_reading() -> Handling:
    yield (customer(1),)
    raise Bug


def broken_changes() -> Handling:
    yield (customer(1),)
    return []


async def test_an_outcome_is_the_stream_so_far_as_the_log_has_it() -> None:
    journal = MemoryJournal()
    async with executing(journal) as executor:
        asked = context(actor="partner:acme")
        outcome = await executor.execute(registering(1), asked)

    assert (outcome.stream, outcome.version, outcome.new) == (customer(1), 2, 2)
    assert outcome.history == outcome.added == tuple((await journal.load([customer(1)]))[customer(1)])
    assert [envelope.position for envelope in outcome.history] == [1, 2]
    assert {envelope.context for envelope in outcome.history} == {asked}
    assert len({envelope.event_id for envelope in outcome.history}) == 2


async def test_what_is_true_already_adds_nothing_and_writes_nothing() -> None:
    journal = MemoryJournal()
    await stored(journal, 1, ACTIVE)
    before = list(journal.batches)
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, RESUME), context())

    assert (outcome.version, outcome.new, outcome.added) == (len(ACTIVE), 0, ())
    assert journal.batches == before


async def test_commands_that_wait_while_a_commit_is_under_way_are_one_batch() -> None:
    journal, commit = TroubledJournal(), Pause()
    journal.before_append = [commit]
    async with executing(journal) as executor:
        first = asyncio.create_task(executor.execute(registering(0), context()))
        await commit.entered.wait()
        others = [asyncio.create_task(executor.execute(registering(number), context())) for number in range(1, 8)]
        commit.released.set()
        answers = [await answer for answer in (first, *others)]

    assert journal.batches == [REGISTERED, REGISTERED * 7]
    assert [answer.stream for answer in answers] == [customer(number) for number in range(8)]


@pytest.mark.parametrize("lanes", [1, 2])
async def test_a_thousand_commands_are_few_batches_none_of_them_too_large(lanes: int) -> None:
    journal = MemoryJournal()
    async with executing(journal, lanes=lanes) as executor:
        answers = await together(executor, *(registering(number) for number in range(1000)))

    assert all(isinstance(answer, Outcome) and answer.new == 2 for answer in answers)
    assert len(journal.batches) <= 5
    assert max(len(batch) for batch in journal.batches) <= 3 * LARGEST_BATCH


async def test_a_second_lane_takes_what_is_worth_a_commit_of_its_own() -> None:
    journal, commit = TroubledJournal(), Pause()
    journal.before_append = [commit]
    async with executing(journal, lanes=2) as executor:
        first = asyncio.create_task(executor.execute(registering(0), context()))
        await commit.entered.wait()
        await together(executor, *(registering(number) for number in range(1, WORTH_A_LANE + 1)))
        assert not first.done()
        commit.released.set()
        await first

    assert journal.batches == [REGISTERED * WORTH_A_LANE, REGISTERED]


async def test_a_few_commands_wait_for_the_lane_that_is_busy() -> None:
    journal, commit = TroubledJournal(), Pause()
    journal.before_append = [commit]
    async with executing(journal, lanes=2) as executor:
        first = asyncio.create_task(executor.execute(registering(0), context()))
        await commit.entered.wait()
        others = [
            asyncio.create_task(executor.execute(registering(number), context())) for number in range(1, WORTH_A_LANE)
        ]
        commit.released.set()
        await asyncio.gather(first, *others)

    assert journal.batches == [REGISTERED, REGISTERED * (WORTH_A_LANE - 1)]


async def test_the_first_to_come_back_after_many_wait_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "LINGER", 3600.0)
    journal = MemoryJournal()
    async with executing(journal, lanes=2) as executor:
        await together(executor, registering(50))  # from now on both lanes wait to be called
        await together(executor, *(registering(number) for number in range(WORTH_A_LANE)))
        first = asyncio.create_task(executor.execute(registering(99), context()))
        await asyncio.wait([first], timeout=0)
        await together(executor, *(registering(100 + number) for number in range(1, WORTH_A_LANE)))
        await first

    assert journal.batches == [REGISTERED, *[REGISTERED * WORTH_A_LANE] * 2]


async def test_but_not_for_long() -> None:
    journal = MemoryJournal()
    async with executing(journal, lanes=2) as executor:
        await together(executor, *(registering(number) for number in range(WORTH_A_LANE)))
        await together(executor, registering(99))
        await together(executor, registering(100))

    assert journal.batches == [REGISTERED * WORTH_A_LANE, REGISTERED, REGISTERED]


async def test_what_adds_nothing_leaves_no_receipt_though_its_batch_mates_do() -> None:
    journal = MemoryJournal()
    await stored(journal, 1, ACTIVE)
    nothing, something = context(), context()
    async with executing(journal) as executor:
        await asyncio.gather(
            executor.execute(changing(1, RESUME), nothing), executor.execute(registering(2), something)
        )

    receipts = await journal.receipts([nothing.command_id, something.command_id])
    assert receipts == {something.command_id: Receipt(something.command_id, customer(2), 2)}


async def test_two_commands_for_one_customer_fold_one_after_the_other() -> None:
    journal = MemoryJournal()
    await stored(journal, 1, ACTIVE)
    async with executing(journal) as executor:
        answers = await together(executor, *(changing(1, command) for command in (SUSPEND, SUSPEND, RESUME, SUSPEND)))

    outcomes = [(answer.version, answer.new) for answer in answers if isinstance(answer, Outcome)]
    version = len(ACTIVE)
    assert outcomes == [(version + 1, 1), (version + 1, 0), (version + 2, 1), (version + 3, 1)]
    assert journal.batches[-1] == ["CustomerDeactivated", "CustomerReactivated", "CustomerDeactivated"]


async def test_a_refused_command_never_harms_its_batch_mates() -> None:
    journal = MemoryJournal()
    async with executing(journal) as executor:
        answers = await together(
            executor, registering(1), changing(9, SUSPEND), registering(2, wallet(1)), registering(3)
        )

    assert [type(answer) for answer in answers] == [Outcome, UnknownCustomer, CustomerExists, Outcome]
    assert journal.batches == [REGISTERED * 2]


@pytest.mark.parametrize("broken", [broken_when_called, broken_at_once, broken_after_reading, broken_changes])
async def test_a_command_with_a_bug_never_harms_its_batch_mates(broken: Handler) -> None:
    journal = MemoryJournal()
    async with executing(journal) as executor:
        answers = await together(executor, registering(1), broken, registering(2))
        alone = await together(executor, broken)
        after = await together(executor, registering(3))

    kind = IndexError if broken is broken_changes else Bug
    assert [type(answer) for answer in (*answers, *alone, *after)] == [Outcome, kind, Outcome, kind, Outcome]
    assert sorted(name for batch in journal.batches for name in batch) == sorted(REGISTERED * 3)


async def test_an_event_that_cannot_be_written_never_harms_its_batch_mates() -> None:
    journal = MemoryJournal()
    unwritable = context(actor="partner:\ud800")
    async with executing(journal) as executor:
        first, second, third = await asyncio.gather(
            executor.execute(registering(1), context()),
            executor.execute(registering(2), unwritable),
            executor.execute(registering(3), context()),
            return_exceptions=True,
        )

    assert isinstance(first, Outcome)
    assert isinstance(second, ValueError)
    assert isinstance(third, Outcome)
    assert await journal.load([customer(2)]) == {customer(2): []}


async def test_a_refusal_based_on_a_batch_mate_that_was_not_appended_is_not_delivered() -> None:
    """The suspension loses its race; the resumption, refused because of it, must be decided again without it."""
    journal = TroubledJournal()
    await stored(journal, 1, ACTIVE)
    async with executing(journal) as rival, executing(journal) as executor:

        async def somebody_is_faster() -> None:
            await rival.execute(changing(1, HOLD), context())

        journal.before_append = [somebody_is_faster]
        suspend = changing(1, DeactivateCustomer(Ground.ISSUE, by="officer:alice"), if_version=len(ACTIVE))
        suspended, resumed = await together(executor, suspend, changing(1, RESUME))

    assert isinstance(suspended, VersionMismatch)
    assert isinstance(resumed, Outcome)
    assert (resumed.version, resumed.new) == (len(ACTIVE) + 1, 0)


async def test_whoever_waits_when_the_executor_ends_is_told_so() -> None:
    journal, commit = TroubledJournal(), Pause()
    journal.before_append = [commit]
    async with executing(journal) as executor:
        under_way = asyncio.create_task(executor.execute(registering(1), context()))
        await commit.entered.wait()
        waiting = [asyncio.create_task(executor.execute(registering(number), context())) for number in (2, 3)]

    answers = await asyncio.gather(under_way, *waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3


async def test_a_caller_who_leaves_harms_nobody() -> None:
    journal, commit = TroubledJournal(), Pause()
    journal.before_append = [commit]
    async with executing(journal) as executor:
        leaving = asyncio.create_task(executor.execute(registering(1), context()))
        await commit.entered.wait()
        leaving.cancel()
        commit.released.set()
        after = await executor.execute(registering(2), context())

    assert leaving.cancelled()
    assert after.new == 2
    assert journal.batches == [REGISTERED, REGISTERED]


async def test_no_command_waits_for_a_second_one() -> None:
    async with executing(MemoryJournal()) as executor:
        for number in range(3):
            assert (await executor.execute(registering(number), context())).version == 2


async def test_what_a_handler_reads_later_is_read_once_for_all_its_batch_mates() -> None:
    journal, stream = TroubledJournal(), UUID(int=5)
    seen: list[list[str]] = []

    def claiming() -> Handling:
        yield ()
        streams = yield (stream,)
        seen.append(names(streams[stream]))
        return [(stream, () if streams[stream] else (WalletClaimed(customer=customer(1)),))]

    async with executing(journal) as executor:
        answers = await together(executor, claiming, claiming)

    assert seen == [[], ["WalletClaimed"]]
    assert [(answer.version, answer.new) for answer in answers if isinstance(answer, Outcome)] == [(1, 1), (1, 0)]
