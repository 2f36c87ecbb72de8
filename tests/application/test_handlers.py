import pytest

from application.executor import Outcome
from application.handlers import append
from application.streams import bar_of, claim_of, sanctions_list_of
from domain.commands import DeactivateCustomer, ResolveHold, StartVerification
from domain.events import ApiKeyRevoked, WalletClaimed
from domain.refusals import CustomerExists, UnknownCustomer, VersionMismatch
from domain.vocabulary import Ground
from domain.wallet import canonical
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
from tests.domain.histories import ACTIVE, CHALLENGE_VERIFIED
from tests.domain.samples import ADDRESS, APPLICANT, NOW, PARTNER, STRANGER, WALLET

pytestmark = pytest.mark.anyio

OTHER_PARTNER = customer(0xFFFF)
SUSPEND = DeactivateCustomer(Ground.PARTNER_REQUEST, by="partner:somebody")


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


async def test_a_registration_opens_the_customers_stream_and_claims_the_wallet(journal: MemoryJournal) -> None:
    async with executing(journal) as executor:
        outcome = await executor.execute(registering(1, WALLET), context())

    claim = claim_of(PARTNER, WALLET)
    streams = await journal.load([customer(1), claim])
    assert names(streams[customer(1)]) == ["CustomerRegistered", "ChallengeIssued"]
    assert [envelope.event for envelope in streams[claim]] == [WalletClaimed(customer=customer(1))]
    assert journal.batches == [["CustomerRegistered", "ChallengeIssued", "WalletClaimed"]]
    assert outcome.stream == customer(1)


@pytest.mark.parametrize("again", [WALLET, WALLET.lower(), f"eip155:137:{ADDRESS}"])
async def test_a_partner_registers_a_wallet_once_whatever_chain_or_case(journal: MemoryJournal, again: str) -> None:
    async with executing(journal) as executor:
        first, second = await together(executor, registering(1, WALLET), registering(2, again))
        (third,) = await together(executor, registering(3, again))

    assert isinstance(first, Outcome)
    for refusal in (second, third):
        assert isinstance(refusal, CustomerExists)
        assert refusal.customer == customer(1)
    assert await journal.load([customer(2), customer(3)]) == {customer(2): [], customer(3): []}


async def test_another_partner_may_register_the_same_wallet_and_the_same_partner_another(
    journal: MemoryJournal,
) -> None:
    async with executing(journal) as executor:
        answers = await together(
            executor,
            registering(1, WALLET),
            registering(2, WALLET, partner=OTHER_PARTNER),
            registering(3, f"eip155:1:{STRANGER}"),
        )

    assert [type(answer) for answer in answers] == [Outcome] * 3


async def test_another_partners_customer_does_not_exist(journal: MemoryJournal) -> None:
    await stored(journal, 1, ACTIVE)
    async with executing(journal) as executor:
        answers = await together(
            executor,
            changing(1, SUSPEND, partner=OTHER_PARTNER),
            changing(2, SUSPEND, partner=PARTNER),
            changing(1, SUSPEND, partner=PARTNER),
        )

    assert [type(answer) for answer in answers] == [UnknownCustomer, UnknownCustomer, Outcome]


async def test_a_stream_that_is_not_a_customers_is_not_a_customer(journal: MemoryJournal) -> None:
    await stored(journal, 1, ACTIVE)
    number = claim_of(PARTNER, WALLET).int - customer(0).int
    async with executing(journal) as executor:
        (answer,) = await together(executor, changing(number, SUSPEND))

    assert isinstance(answer, UnknownCustomer)


async def test_a_command_for_a_version_is_refused_when_the_customer_has_changed(journal: MemoryJournal) -> None:
    await stored(journal, 1, ACTIVE)
    version = len(ACTIVE)
    async with executing(journal) as executor:
        answers = await together(
            executor,
            changing(1, SUSPEND, if_version=version - 1),
            changing(1, SUSPEND, if_version=version + 1),
            changing(1, SUSPEND, if_version=version),
            changing(1, SUSPEND, if_version=version),
        )

    assert [type(answer) for answer in answers] == [VersionMismatch, VersionMismatch, Outcome, VersionMismatch]


async def test_whose_customer_it_is_matters_more_than_its_version(journal: MemoryJournal) -> None:
    await stored(journal, 1, ACTIVE)
    async with executing(journal) as executor:
        (answer,) = await together(executor, changing(1, SUSPEND, partner=OTHER_PARTNER, if_version=1))

    assert isinstance(answer, UnknownCustomer)


async def test_a_stream_of_another_kind_is_decided_on_its_own_history(journal: MemoryJournal) -> None:
    stream = sanctions_list_of("ofac")
    seen: list[int] = []

    def revoke_once(history: object) -> tuple[ApiKeyRevoked, ...]:
        assert isinstance(history, list)
        seen.append(len(history))
        return () if history else (ApiKeyRevoked(),)

    async with executing(journal) as executor:
        first, second = await together(
            executor, lambda: append(stream, revoke_once), lambda: append(stream, revoke_once)
        )

    assert seen == [0, 1]
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert (first.stream, first.new, second.new) == (stream, 1, 0)


async def test_events_that_decide_nothing_touch_no_other_stream(journal: MemoryJournal) -> None:
    await stored(journal, 1, CHALLENGE_VERIFIED)
    async with executing(journal) as executor:
        answers = await together(
            executor,
            changing(1, StartVerification("sumsub", APPLICANT, "basic")),
            changing(1, ResolveHold("screening", "pass", "officer:alice", "an exchange", now=NOW)),
        )

    assert not [answer for answer in answers if isinstance(answer, Outcome)]
    assert len(journal.batches) == 2


def test_streams_are_told_apart_and_found_again() -> None:
    streams = [
        claim_of(PARTNER, WALLET),
        claim_of(OTHER_PARTNER, WALLET),
        claim_of(PARTNER, wallet(1)),
        bar_of(canonical(WALLET)),
        bar_of(canonical(wallet(1))),
        sanctions_list_of("ofac"),
        sanctions_list_of("eu"),
    ]

    assert len(set(streams)) == len(streams)
    assert claim_of(PARTNER, WALLET) == claim_of(PARTNER, f"eip155:10:{ADDRESS.lower()}")


def test_stream_ids_never_change() -> None:
    assert str(claim_of(PARTNER, WALLET)) == "85f37b41-bb42-536f-9bd8-8cde0dfefb6a"
    assert str(bar_of("a fingerprint")) == "30d5a8f8-e78e-56e6-b6fa-b876b8617e79"
    assert str(sanctions_list_of("ofac")) == "4784e065-e232-5c97-b5be-4b2a97ebcb63"


async def test_a_customers_events_carry_who_asked_and_why(journal: MemoryJournal) -> None:
    asked = context(actor="officer:alice")
    await stored(journal, 1, ACTIVE)
    async with executing(journal) as executor:
        outcome = await executor.execute(changing(1, SUSPEND), asked)

    assert [envelope.context for envelope in outcome.added] == [asked]
