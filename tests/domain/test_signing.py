from dataclasses import replace

import pytest

from domain.commands import IssueChallenge, SignChallenge, WalletProof
from domain.events import ChallengeFailed, ChallengeVerified, CustomerRegistered
from domain.refusals import ChallengeAlreadySigned, UnknownCustomer
from tests.domain.given import given
from tests.domain.histories import ACTIVE, CHALLENGE_FAILED, CHALLENGE_VERIFIED, REGISTERED, REJECTED_IN_SCREENING
from tests.domain.samples import (
    ADDRESS,
    CHALLENGE,
    FRESH,
    PARTNER,
    REGISTRATION,
    STRANGER,
    WALLET,
    challenge,
    digest,
    minutes,
    signed,
)

VERIFIED = ChallengeVerified(message=CHALLENGE.message, signature="0x51c4", method="eip191", chain="eip155:1")


def test_a_partner_registers_a_wallet_and_gets_a_challenge() -> None:
    given().when(REGISTRATION).then(
        CustomerRegistered(partner=PARTNER, wallet=WALLET, external_id="user-4711"), CHALLENGE
    )


def test_registering_again_changes_nothing() -> None:
    given(*REGISTERED).when(REGISTRATION).ignored()


def test_nobody_signs_before_registering() -> None:
    given().when(signed()).refused(UnknownCustomer)


def test_a_challenge_that_is_open_is_not_replaced() -> None:
    given(*REGISTERED).when(IssueChallenge(FRESH, minutes(59.9))).ignored()


def test_a_challenge_is_replaced_from_the_moment_it_expires() -> None:
    given(*REGISTERED).when(IssueChallenge(FRESH, minutes(60))).then(FRESH)


def test_where_there_is_no_challenge_there_is_nothing_to_sign_and_one_to_ask_for() -> None:
    given(*REGISTERED[:1]).when(IssueChallenge(FRESH, minutes(5))).then(FRESH)
    given(*REGISTERED[:1]).when(signed()).refused(ChallengeAlreadySigned)


def test_a_challenge_that_failed_is_replaced() -> None:
    given(*CHALLENGE_FAILED).when(IssueChallenge(FRESH, minutes(6))).then(FRESH)


def test_a_fresh_challenge_is_open_again() -> None:
    given(*CHALLENGE_FAILED, FRESH).when(IssueChallenge(challenge("another000000000"), minutes(62))).ignored()


@pytest.mark.parametrize("history", [CHALLENGE_VERIFIED, ACTIVE, REJECTED_IN_SCREENING])
def test_there_is_no_challenge_once_it_was_signed(history: tuple[CustomerRegistered, ...]) -> None:
    given(*history).when(IssueChallenge(FRESH, minutes(90))).refused(ChallengeAlreadySigned)


def test_the_owner_signs_the_challenge() -> None:
    given(*REGISTERED).when(signed()).then(VERIFIED)


def test_a_contract_wallet_signs_at_a_pinned_block() -> None:
    proof = WalletProof(signer=ADDRESS, method="eip1271", block_number=19_000_000, block_hash="0xb10c")

    given(*REGISTERED).when(signed(proof=proof)).then(
        VERIFIED.model_copy(update={"method": "eip1271", "block_number": 19_000_000, "block_hash": "0xb10c"})
    )


def test_signing_again_is_refused_as_the_api_says() -> None:
    given(*CHALLENGE_VERIFIED).when(signed()).refused(ChallengeAlreadySigned)


@pytest.mark.parametrize(
    "wallet",
    [f"eip155:137:{ADDRESS}", WALLET.lower(), f"eip155:1:0x{ADDRESS[2:].upper()}"],
    ids=["on another chain", "in lower case", "in upper case"],
)
def test_the_same_wallet_may_be_written_differently(wallet: str) -> None:
    given(*REGISTERED).when(signed(wallet=wallet)).then(VERIFIED)


FAULTY = {
    "another message was signed": (signed(message=FRESH.message), "other_message"),
    "the message lacks its last letter": (signed(message=CHALLENGE.message[:-1]), "other_message"),
    "the message is no text": (signed(message=None), "other_message"),
    "it is for another wallet": (signed(wallet=f"eip155:1:{STRANGER}"), "other_message"),
    "it comes when the challenge expires": (signed(now=minutes(60)), "expired"),
    "it comes after that": (signed(now=minutes(600)), "expired"),
    "the signature is malformed": (signed(proof=WalletProof(signer=None, fault="malformed")), "malformed"),
    "the contract is unknown": (signed(proof=WalletProof(None, "unknown_contract")), "unknown_contract"),
    "a malformed one names the owner": (signed(proof=WalletProof(ADDRESS, "malformed")), "malformed"),
    "a stranger signed": (signed(proof=WalletProof(signer=STRANGER)), "wrong_signer"),
    "nobody signed": (signed(proof=WalletProof(signer=None)), "wrong_signer"),
}


@pytest.mark.parametrize(("answer", "reason"), FAULTY.values(), ids=FAULTY)
def test_an_answer_that_proves_nothing_fails(answer: SignChallenge, reason: str) -> None:
    failed = ChallengeFailed.model_validate({"reason": reason, "submitted": digest("an answer")})

    given(*REGISTERED).when(answer).then(failed)
    given(*CHALLENGE_FAILED).when(answer).then(failed)


def test_a_signature_counts_until_the_challenge_expires() -> None:
    given(*REGISTERED).when(signed(now=minutes(59.9))).then(VERIFIED)


def test_a_failed_answer_does_not_keep_the_owner_from_the_right_one() -> None:
    given(*CHALLENGE_FAILED).when(signed()).then(VERIFIED)


def test_a_challenge_that_was_replaced_proves_nothing_any_more() -> None:
    history = (*REGISTERED, FRESH)

    given(*history).when(signed(now=minutes(62))).then(
        ChallengeFailed(reason="other_message", submitted=digest("an answer"))
    )
    given(*history).when(replace(signed(now=minutes(62)), message=FRESH.message)).then(
        VERIFIED.model_copy(update={"message": FRESH.message})
    )
