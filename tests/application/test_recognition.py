"""A person is one customer: who was verified is known from then on, whatever wallet they come with."""

import pytest

from application.executor import Outcome
from application.ports import Receipt
from application.streams import bar_of
from domain.commands import ResolveHold
from domain.events import PersonRecognised, VerificationHeld
from domain.vocabulary import Reason
from tests.application.orders import (
    barred,
    changing,
    context,
    customer,
    executing,
    status_of,
    stored,
    together,
    wallet,
    written,
)
from tests.application.troubled_journal import TroubledJournal
from tests.domain.histories import HELD_IN_VERIFYING, VERIFYING_IN_SESSION
from tests.domain.samples import ALICE, ANOTHER_PERSON, NOW, PERSON, listed, monitoring, verification

pytestmark = pytest.mark.anyio

PERSON_BAR = bar_of(PERSON)


@pytest.fixture
def journal() -> TroubledJournal:
    return TroubledJournal()


async def test_who_is_verified_is_recognised_from_then_on(journal: TroubledJournal) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION)
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, verification("approved")), context())

    assert journal.batches[-1] == ["VerificationPassed", "PersonRecognised"]
    assert [envelope.event for envelope in (await journal.load([PERSON_BAR]))[PERSON_BAR]] == [
        PersonRecognised(customer=customer(1))
    ]
    receipt = Receipt(outcome.added[0].context.command_id, customer(1), outcome.version)
    assert await journal.receipts([receipt.command_id]) == {receipt.command_id: receipt}


@pytest.mark.parametrize("lanes", [1, 2])
async def test_one_person_with_two_wallets_is_held_the_second_time(journal: TroubledJournal, lanes: int) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION, wallet(1))
    await stored(journal, 2, VERIFYING_IN_SESSION, wallet(2))
    await stored(journal, 3, VERIFYING_IN_SESSION, wallet(3))
    async with executing(journal, lanes=lanes) as executor:
        answers = await together(
            executor,
            changing(1, verification("approved")),
            changing(2, verification("approved")),
            changing(3, verification("approved", person=ANOTHER_PERSON)),
        )

    assert [await status_of(journal, number) for number in (1, 2, 3)] == ["active", "verifying", "active"]
    second = answers[1]
    assert isinstance(second, Outcome)
    held = second.added[0].event
    assert isinstance(held, VerificationHeld)
    assert held.reasons == (Reason.DUPLICATE_PERSON,)


async def test_a_person_who_is_recognised_by_a_rival_first_is_held(journal: TroubledJournal) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION)
    journal.before_append = [journal.rival(written(PERSON_BAR, PersonRecognised(customer=customer(9))))]
    async with executing(journal) as executor:
        await executor.execute(changing(1, verification("approved")), context())

    assert await status_of(journal, 1) == "verifying"


async def test_a_person_who_is_barred_by_a_rival_first_is_rejected(journal: TroubledJournal) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION)
    journal.before_append = [journal.rival(written(PERSON_BAR, barred(9, "person")))]
    async with executing(journal) as executor:
        await executor.execute(changing(1, verification("approved")), context())

    assert await status_of(journal, 1) == "rejected"


async def test_an_officer_may_let_a_twin_pass_and_the_first_stays_the_one_that_is_recognised(
    journal: TroubledJournal,
) -> None:
    await stored(journal, 2, HELD_IN_VERIFYING)
    await journal.append(written(PERSON_BAR, PersonRecognised(customer=customer(1))))
    async with executing(journal) as executor:
        await executor.execute(changing(2, ResolveHold("verification", "pass", ALICE, "a twin", now=NOW)), context())

    assert await status_of(journal, 2) == "active"
    assert len((await journal.load([PERSON_BAR]))[PERSON_BAR]) == 1


async def test_a_person_is_no_duplicate_of_themselves(journal: TroubledJournal) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION)
    await journal.append(written(PERSON_BAR, PersonRecognised(customer=customer(1))))
    async with executing(journal) as executor:
        await executor.execute(changing(1, verification("approved")), context())

    assert await status_of(journal, 1) == "active"
    assert journal.batches[-1] == ["VerificationPassed"]


async def test_a_person_who_was_known_once_is_barred_though_the_last_result_did_not_name_them(
    journal: TroubledJournal,
) -> None:
    await stored(journal, 1, HELD_IN_VERIFYING)
    async with executing(journal) as executor:
        await executor.execute(changing(1, verification("approved", person=None)), context())
        await executor.execute(changing(1, monitoring(listed())), context())

    assert [batch[0] for batch in journal.batches[-2:]] == ["VerificationPassed", "MonitoringAttempted"]
    assert [envelope.event for envelope in (await journal.load([PERSON_BAR]))[PERSON_BAR]] == [
        PersonRecognised(customer=customer(1)),
        barred(1, "person"),
    ]


async def test_who_does_not_say_who_they_are_waits_for_an_officer_and_is_barred_as_nobody(
    journal: TroubledJournal,
) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION, wallet(1))
    await stored(journal, 2, VERIFYING_IN_SESSION, wallet(2))
    async with executing(journal) as executor:
        await executor.execute(changing(1, verification("approved", person=None)), context())
        await executor.execute(changing(2, verification("rejected", person=None)), context())

    assert journal.batches[-2:] == [["VerificationHeld"], ["VerificationFailed", "OnboardingBarred"]]
