"""Never again: neither this wallet nor this person, whatever they come back with."""

import pytest

from application.executor import Outcome
from application.streams import bar_of
from domain.commands import Command, ConfirmRejection, ResolveHold
from domain.events import OnboardingBarred, VerificationFailed
from domain.refusals import CustomerExists, OnboardingIsBarred
from domain.vocabulary import Reason
from domain.wallet import canonical
from tests.application.orders import (
    barred,
    changing,
    context,
    customer,
    executing,
    fingerprint,
    names,
    registering,
    status_of,
    stored,
    together,
    wallet,
    written,
)
from tests.application.troubled_journal import TroubledJournal
from tests.domain.histories import (
    ACTIVE,
    CHALLENGE_VERIFIED,
    HELD_IN_SCREENING,
    HELD_IN_VERIFYING,
    REJECTION_PROPOSED,
    VERIFYING_IN_SESSION,
    History,
)
from tests.domain.samples import (
    ADDRESS,
    ALICE,
    BOB,
    NOW,
    PERSON,
    WALLET,
    clean,
    listed,
    monitoring,
    screening,
    verification,
)

pytestmark = pytest.mark.anyio

OTHER_PARTNER = customer(0xFFFF)
WALLET_BAR = bar_of(fingerprint(canonical(WALLET)))
PERSON_BAR = bar_of(PERSON)


@pytest.fixture
def journal() -> TroubledJournal:
    return TroubledJournal()


async def test_a_bar_that_falls_while_a_registration_is_written_is_seen(journal: TroubledJournal) -> None:
    bar = OnboardingBarred(customer=customer(9), subject="wallet")
    journal.before_append = [journal.rival(written(bar_of(fingerprint(canonical(wallet(1)))), bar))]
    async with executing(journal) as executor:
        answers = await together(executor, registering(1, wallet(1)), registering(2, wallet(2)))

    barred_one, other = answers
    assert isinstance(barred_one, OnboardingIsBarred)
    assert isinstance(other, Outcome)
    assert names(other.added) == ["CustomerRegistered", "ChallengeIssued"]


REJECTIONS: dict[str, tuple[History, Command, list[str]]] = {
    "by screening": (CHALLENGE_VERIFIED, screening(listed()), ["ScreeningAttempted", "ScreeningFailed"]),
    "by an officer in screening": (
        HELD_IN_SCREENING,
        ResolveHold("screening", "fail", ALICE, "a mixer", now=NOW),
        ["HoldResolved", "ScreeningFailed"],
    ),
    "by verification": (VERIFYING_IN_SESSION, verification("rejected"), ["VerificationFailed"]),
    "by an officer in verifying": (
        HELD_IN_VERIFYING,
        ResolveHold("verification", "fail", ALICE, "a mask", now=NOW),
        ["HoldResolved", "VerificationFailed"],
    ),
    "by monitoring": (ACTIVE, monitoring(listed()), ["MonitoringAttempted", "IllicitActivityConfirmed"]),
    "by two officers": (REJECTION_PROPOSED, ConfirmRejection(BOB, now=NOW), ["IllicitActivityConfirmed"]),
}


@pytest.mark.parametrize("how", REJECTIONS)
async def test_a_rejection_and_its_bars_are_one_batch(journal: TroubledJournal, how: str) -> None:
    history, command, events = REJECTIONS[how]
    await stored(journal, 1, history)
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, command), context())

    known = "screening" not in how
    assert journal.batches[-1] == events + ["OnboardingBarred"] * (1 + known)
    streams = await journal.load([WALLET_BAR, PERSON_BAR])
    assert [envelope.event for envelope in streams[WALLET_BAR]] == [barred(1, "wallet")]
    assert [envelope.event for envelope in streams[PERSON_BAR]] == [barred(1, "person")] * known
    assert (outcome.stream, outcome.new) == (customer(1), len(events))


async def test_a_rejection_that_loses_its_race_leaves_no_bar(journal: TroubledJournal) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION)
    rival = written(customer(1), *ACTIVE[-1:], after=len(VERIFYING_IN_SESSION))
    journal.before_append = [journal.rival(rival)]
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, verification("rejected")), context())

    assert outcome.new == 0
    assert await journal.load([WALLET_BAR, PERSON_BAR]) == {WALLET_BAR: [], PERSON_BAR: []}


async def test_a_bar_says_neither_wallet_nor_person(journal: TroubledJournal) -> None:
    await stored(journal, 1, ACTIVE)
    async with executing(journal) as executor:
        await executor.execute(changing(1, monitoring(listed())), context())

    for stream in (WALLET_BAR, PERSON_BAR):
        for row in journal.log.recorder.select_events(stream):
            assert ADDRESS[2:].lower() not in row.state.decode().lower()
            assert PERSON not in row.state.decode()
            assert ADDRESS[2:].lower() not in stream.hex


@pytest.mark.parametrize("again", [WALLET, WALLET.lower(), f"eip155:8453:{ADDRESS}"])
async def test_a_barred_wallet_cannot_register_again(journal: TroubledJournal, again: str) -> None:
    await journal.append(written(WALLET_BAR, barred(1, "wallet")))
    async with executing(journal) as executor:
        answers = await together(executor, registering(2, again), registering(3, again, partner=OTHER_PARTNER))

    assert [type(answer) for answer in answers] == [OnboardingIsBarred] * 2


async def test_its_own_partner_hears_of_the_bar_and_not_of_the_customer_it_had(journal: TroubledJournal) -> None:
    await stored(journal, 1, CHALLENGE_VERIFIED)
    async with executing(journal) as executor:
        (before,) = await together(executor, registering(2, WALLET))
        await executor.execute(changing(1, screening(listed())), context())
        (after,) = await together(executor, registering(2, WALLET))

    assert isinstance(before, CustomerExists)
    assert isinstance(after, OnboardingIsBarred)


async def test_a_rejection_bars_who_registers_in_the_same_batch(journal: TroubledJournal) -> None:
    await stored(journal, 1, CHALLENGE_VERIFIED)
    async with executing(journal) as executor:
        _, answer = await together(
            executor, changing(1, screening(listed())), registering(2, WALLET, partner=OTHER_PARTNER)
        )

    assert isinstance(answer, OnboardingIsBarred)


async def test_a_wallet_that_was_barred_since_it_registered_fails_screening(journal: TroubledJournal) -> None:
    await stored(journal, 1, CHALLENGE_VERIFIED)
    await journal.append(written(WALLET_BAR, barred(9, "wallet")))
    async with executing(journal) as executor:
        await executor.execute(changing(1, screening(clean())), context())

    assert await status_of(journal, 1) == "rejected"
    assert journal.batches[-1] == ["ScreeningAttempted", "ScreeningFailed"]


async def test_a_barred_person_fails_verification_whatever_wallet_they_come_with(journal: TroubledJournal) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION, wallet(7))
    await journal.append(written(PERSON_BAR, barred(9, "person")))
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, verification("approved")), context())

    failed = outcome.added[0].event
    assert isinstance(failed, VerificationFailed)
    assert failed.reasons == (Reason.PREVIOUSLY_REJECTED,)
    assert journal.batches[-1] == ["VerificationFailed", "OnboardingBarred"]
    (bar,) = (await journal.load([bar_of(fingerprint(canonical(wallet(7))))])).values()
    assert [envelope.event for envelope in bar] == [barred(1, "wallet")]


async def test_a_barred_wallet_fails_verification_whoever_comes_with_it(journal: TroubledJournal) -> None:
    await stored(journal, 1, VERIFYING_IN_SESSION)
    await journal.append(written(WALLET_BAR, barred(9, "wallet")))
    async with executing(journal) as executor:
        await executor.execute(changing(1, verification("approved")), context())

    assert await status_of(journal, 1) == "rejected"


PASS_SCREENING = ResolveHold("screening", "pass", ALICE, "all right", now=NOW)
PASS_VERIFICATION = ResolveHold("verification", "pass", ALICE, "all right", now=NOW)


@pytest.mark.parametrize(
    ("history", "decision", "subject"),
    [
        (HELD_IN_SCREENING, PASS_SCREENING, "wallet"),
        (HELD_IN_VERIFYING, PASS_VERIFICATION, "wallet"),
        (HELD_IN_VERIFYING, PASS_VERIFICATION, "person"),
    ],
)
async def test_no_officer_lets_anybody_pass_a_bar(
    journal: TroubledJournal, history: History, decision: ResolveHold, subject: str
) -> None:
    await stored(journal, 1, history)
    await journal.append(written(WALLET_BAR if subject == "wallet" else PERSON_BAR, barred(9, subject)))
    async with executing(journal) as executor:
        (answer,) = await together(executor, changing(1, decision))

    assert isinstance(answer, OnboardingIsBarred)
    assert names((await journal.load([customer(1)]))[customer(1)]) == [type(event).__name__ for event in history]
