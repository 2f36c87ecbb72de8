"""A log that goes away, rivals that are faster, answers that get lost: what the caller is told in the end."""

import asyncio
from uuid import UUID

import pytest

from application.executor import Outcome
from application.ports import Unavailable
from application.streams import claim_of
from domain.commands import DeactivateCustomer, PlaceLegalHold
from domain.events import CustomerDeactivated, WalletClaimed
from domain.refusals import ChallengeAlreadySigned, CustomerExists, Refused
from domain.vocabulary import Ground
from tests.application.orders import (
    changing,
    context,
    customer,
    executing,
    registering,
    stored,
    together,
    wallet,
    written,
)
from tests.application.troubled_journal import LateJournal, Pause, TroubledJournal, lost, nothing
from tests.domain.histories import ACTIVE, REGISTERED
from tests.domain.samples import PARTNER, signed

pytestmark = pytest.mark.anyio

SUSPEND = DeactivateCustomer(Ground.ISSUE, by="officer:alice")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The executor tries again at once."""
    monkeypatch.setattr("application.executor.PAUSE", 0)


@pytest.fixture
def journal() -> TroubledJournal:
    return TroubledJournal()


async def test_a_lost_connection_before_the_append_is_tried_again(journal: TroubledJournal) -> None:
    journal.before_load = [lost]
    journal.before_append = [lost, lost]
    async with executing(journal) as executor:
        outcome = await executor.execute(registering(1), context())

    assert (outcome.version, outcome.new) == (2, 2)
    assert len(journal.batches) == 1


@pytest.mark.parametrize("failures", [0, 1, 2])
async def test_a_registration_whose_answer_was_lost_is_answered_as_it_was_done(
    journal: TroubledJournal, failures: int
) -> None:
    journal.after_append = [lost]
    journal.before_receipts = [lost] * failures
    async with executing(journal) as executor:
        outcome = await executor.execute(registering(1), context())

    assert (outcome.stream, outcome.version, outcome.new) == (customer(1), 2, 2)
    assert [envelope.position for envelope in outcome.added] == [1, 2]
    assert len(journal.batches) == 1


@pytest.mark.parametrize("failures", [0, 1, 2])
async def test_a_signature_whose_answer_was_lost_is_no_conflict(journal: TroubledJournal, failures: int) -> None:
    await stored(journal, 1, REGISTERED)
    journal.after_append = [lost]
    journal.before_receipts = [lost] * failures
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, signed()), context())
        with pytest.raises(ChallengeAlreadySigned):
            await executor.execute(changing(1, signed()), context())

    assert (outcome.version, outcome.new) == (3, 1)


async def test_of_a_batch_whose_answer_was_lost_everybody_gets_their_own(journal: TroubledJournal) -> None:
    await stored(journal, 9, ACTIVE)
    journal.after_append = [lost]
    async with executing(journal) as executor:
        answers = await together(
            executor, registering(1), registering(2, wallet(1)), registering(3), changing(9, SUSPEND)
        )

    assert [type(answer) for answer in answers] == [Outcome, CustomerExists, Outcome, Outcome]
    assert [(answer.stream, answer.new) for answer in answers if isinstance(answer, Outcome)] == [
        (customer(1), 2),
        (customer(3), 2),
        (customer(9), 1),
    ]
    assert len(journal.batches) == 3


@pytest.mark.parametrize("moment", ["before_receipts", "before_load", "before_append"])
async def test_a_commit_that_comes_to_light_late_is_answered_with_what_it_did(moment: str) -> None:
    """The connection is lost while the commit is under way: it is done when somebody looks, decides or appends."""
    journal = LateJournal()
    getattr(journal, moment).extend([nothing, journal.lands] if moment == "before_load" else [journal.lands])
    async with executing(journal) as executor:
        outcome = await executor.execute(registering(1), context())

    assert (outcome.stream, outcome.version, outcome.new) == (customer(1), 2, 2)
    assert len(journal.batches) == 1


async def test_a_repeated_command_is_answered_as_the_first_was(journal: TroubledJournal) -> None:
    command = UUID(int=0xABC)
    async with executing(journal) as executor:
        first = await executor.execute(registering(1), context(command))
        await executor.execute(changing(1, PlaceLegalHold("Central Bank", "case 12/26")), context())
        second = await executor.execute(registering(1), context(command))

    assert second == first
    assert second.version == 2


async def test_a_command_given_twice_at_once_is_done_once(journal: TroubledJournal) -> None:
    command = UUID(int=0xABC)
    async with executing(journal) as executor:
        first, second = await asyncio.gather(
            executor.execute(registering(1), context(command)), executor.execute(registering(1), context(command))
        )

    assert first == second
    assert len(journal.batches) == 1


async def test_a_command_that_lost_its_race_is_decided_again(journal: TroubledJournal) -> None:
    await stored(journal, 1, ACTIVE)
    suspended = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by="partner:acme")
    journal.before_append = [journal.rival(written(customer(1), suspended, after=len(ACTIVE)))]
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, SUSPEND), context())

    assert (outcome.version, outcome.new) == (len(ACTIVE) + 2, 1)


async def test_what_a_rival_made_true_needs_no_events_of_ours(journal: TroubledJournal) -> None:
    await stored(journal, 1, ACTIVE)
    suspended = CustomerDeactivated(ground=Ground.ISSUE, decided_by="officer:bob")
    journal.before_append = [journal.rival(written(customer(1), suspended, after=len(ACTIVE)))]
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, SUSPEND), context())

    assert (outcome.version, outcome.new) == (len(ACTIVE) + 1, 0)


async def test_who_registers_a_wallet_second_loses_the_race_for_it(journal: TroubledJournal) -> None:
    claim = claim_of(PARTNER, wallet(1))
    journal.before_append = [journal.rival(written(claim, WalletClaimed(customer=customer(8))))]
    async with executing(journal) as executor:
        (answer,) = await together(executor, registering(1))

    assert isinstance(answer, CustomerExists)
    assert answer.customer == customer(8)
    assert await journal.load([customer(1)]) == {customer(1): []}


@pytest.mark.parametrize("lanes", [1, 2])
async def test_of_many_registrations_of_one_wallet_exactly_one_is_done(journal: TroubledJournal, lanes: int) -> None:
    async with executing(journal, lanes=lanes) as executor:
        answers = await together(executor, *(registering(number, wallet(1)) for number in range(50)))

    done = [answer for answer in answers if isinstance(answer, Outcome)]
    lost_out = [answer.customer for answer in answers if isinstance(answer, CustomerExists)]
    assert len(done) == 1
    assert lost_out == [done[0].stream] * 49


async def test_after_one_lost_race_everybody_is_decided_together_again(journal: TroubledJournal) -> None:
    await stored(journal, 1, ACTIVE)
    suspended = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by="officer:bob")
    journal.before_append = [journal.rival(written(customer(1), suspended, after=len(ACTIVE)))]
    async with executing(journal) as executor:
        answers = await together(executor, changing(1, SUSPEND), registering(2), registering(3))

    assert [type(answer) for answer in answers] == [Outcome] * 3
    assert [len(batch) for batch in journal.batches[-2:]] == [1, 7]


async def test_after_two_lost_races_everybody_is_decided_alone(journal: TroubledJournal) -> None:
    await stored(journal, 1, ACTIVE)
    held = [
        written(customer(1), CustomerDeactivated(ground=ground, decided_by="officer:bob"), after=len(ACTIVE) + at)
        for at, ground in enumerate((Ground.PARTNER_REQUEST, Ground.SUSPICION))
    ]
    journal.before_append = [journal.rival(batch) for batch in held]
    async with executing(journal) as executor:
        answers = await together(executor, changing(1, SUSPEND), registering(2), registering(3))

    assert [type(answer) for answer in answers] == [Outcome] * 3
    assert [len(batch) for batch in journal.batches[-3:]] == [1, 3, 3]


async def test_a_log_that_stays_away_is_unavailable_when_patience_ends(
    journal: TroubledJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.executor.PATIENCE", 0)
    journal.away = True
    async with executing(journal) as executor:
        answers = await together(executor, registering(1), registering(2))
        journal.away = False
        after = await together(executor, registering(1))

    assert [type(answer) for answer in (*answers, *after)] == [Unavailable, Unavailable, Outcome]


async def test_who_cannot_be_told_whether_it_was_done_is_told_unavailable_and_may_repeat_it(
    journal: TroubledJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def goes_away() -> None:
        journal.away = True
        raise Unavailable

    monkeypatch.setattr("application.executor.PATIENCE", 0)
    journal.after_append = [goes_away]
    asked = context()
    async with executing(journal) as executor:
        with pytest.raises(Unavailable):
            await executor.execute(registering(1), asked)
        journal.away = False
        outcome = await executor.execute(registering(1), asked)

    assert (outcome.version, outcome.new) == (2, 2)
    assert len(journal.batches) == 1


async def test_a_command_that_has_waited_too_long_is_tried_once_and_not_again(
    journal: TroubledJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Pause()
    journal.before_append = [commit, nothing, lost]
    async with executing(journal) as executor:
        first = asyncio.create_task(executor.execute(registering(1), context()))
        await commit.entered.wait()
        monkeypatch.setattr("application.executor.PATIENCE", 0)
        second = asyncio.create_task(executor.execute(registering(2), context()))
        commit.released.set()
        assert (await first).new == (await second).new == 2
        with pytest.raises(Unavailable):
            await executor.execute(registering(3), context())

    assert len(journal.batches) == 2


async def test_who_waited_behind_a_log_that_stays_away_is_told_so_with_those_before(
    journal: TroubledJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("application.executor.PATIENCE", 0)
    monkeypatch.setattr("application.executor.LARGEST_BATCH", 2)
    journal.before_load, journal.before_receipts = [lost] * 3, [lost] * 3
    async with executing(journal) as executor:
        answers = await together(executor, *(registering(number) for number in range(1, 7)))

    assert [type(answer) for answer in answers] == [Unavailable] * 6
    assert len(journal.before_load) == 2


async def test_a_refusal_is_an_answer_though_the_log_was_away_before(journal: TroubledJournal) -> None:
    journal.before_load = [lost, lost]
    async with executing(journal) as executor:
        (answer,) = await together(executor, changing(1, SUSPEND))

    assert isinstance(answer, Refused)
