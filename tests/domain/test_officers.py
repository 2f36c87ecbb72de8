from dataclasses import replace

import pytest

from domain.commands import ConfirmRejection, ProposeRejection, ResolveHold, WithdrawRejection
from domain.events import (
    CustomerDeactivated,
    CustomerReactivated,
    IllicitActivityConfirmed,
    RejectionProposed,
    RejectionWithdrawn,
    ScreeningFailed,
    ScreeningPassed,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
)
from domain.refusals import NothingToDecide, SelfConfirmation, WrongStatus
from domain.vocabulary import Confirmation, Event, Ground, Reason
from tests.domain.given import given
from tests.domain.histories import (
    ACTIVE,
    ASKED_TO_RETRY,
    DEACTIVATED_ON_SUSPICION,
    HELD_IN_SCREENING,
    HELD_IN_VERIFYING,
    REGISTERED,
    REJECTED_IN_SCREENING,
    REJECTION_PROPOSED,
    SCREENED,
    SCREENING_IN_DOUBT,
    VERIFYING_IN_SESSION,
)
from tests.domain.samples import (
    ALICE,
    APPLICANT,
    BOB,
    BY_PARTNER,
    PERSON,
    clean,
    digest,
    grave,
    minutes,
    verification,
)

PASS_SCREENING = ResolveHold("screening", "pass", ALICE, "an exchange")
FAIL_SCREENING = ResolveHold("screening", "fail", ALICE, "a mixer")
PASS_VERIFICATION = ResolveHold("verification", "pass", ALICE, "a twin")
FAIL_VERIFICATION = ResolveHold("verification", "fail", ALICE, "a mask")

PROPOSED = RejectionProposed(officer=ALICE, reason="mixes funds", evidence=(digest("a memo"),))
PROPOSE = ProposeRejection(ALICE, "mixes funds", (digest("a memo"),))


def screening_failed(by: str, *memos: str, attempt: int = 2) -> ScreeningFailed:
    """Rejected by officers on what the sources said, and on their memos."""
    return ScreeningFailed(
        attempt=attempt,
        findings=grave().findings + clean().findings,
        reasons=(Reason.OFFICER_DECISION,),
        policy="screening-1",
        evidence=(digest("ofac is grave"), digest("ofac is clean"), *memos),
        decided_by=by,
    )


def verification_failed(by: str) -> VerificationFailed:
    """Rejected by officers on the provider's last result."""
    return VerificationFailed(
        reasons=(Reason.OFFICER_DECISION,),
        person=PERSON,
        policy="verification-1",
        evidence=digest("approved at 20"),
        reported_at=minutes(20),
        decided_by=by,
    )


def test_an_officer_passes_a_screening_that_was_held() -> None:
    given(*HELD_IN_SCREENING).when(PASS_SCREENING).then(
        ScreeningPassed(
            attempt=2,
            findings=grave().findings + clean().findings,
            policy="screening-1",
            evidence=(digest("ofac is grave"), digest("ofac is clean")),
            decided_by=ALICE,
        )
    )


def test_an_officer_fails_a_screening_that_was_held() -> None:
    given(*HELD_IN_SCREENING).when(FAIL_SCREENING).then(screening_failed(ALICE))


def test_an_officer_passes_a_verification_that_was_held() -> None:
    given(*HELD_IN_VERIFYING).when(PASS_VERIFICATION).then(
        VerificationPassed(
            provider="sumsub",
            applicant=APPLICANT,
            person=PERSON,
            policy="verification-1",
            evidence=digest("approved at 20"),
            reported_at=minutes(20),
            decided_by=ALICE,
        )
    )


def test_an_officer_fails_a_verification_that_was_held() -> None:
    given(*HELD_IN_VERIFYING).when(FAIL_VERIFICATION).then(verification_failed(ALICE))


def test_a_person_stays_known_though_a_later_result_does_not_say_who_it_is() -> None:
    (nameless,) = given(*HELD_IN_VERIFYING).when(verification("on_hold", person=None)).events
    assert isinstance(nameless, VerificationHeld)

    answer = given(*HELD_IN_VERIFYING, nameless).when(FAIL_VERIFICATION)

    assert [getattr(event, "person", None) for event in answer.events] == [PERSON]


@pytest.mark.parametrize("confirmation", [Confirmation.AMBIGUOUS, Confirmation.ALWAYS])
@pytest.mark.parametrize(("history", "step"), [(HELD_IN_SCREENING, "screening"), (HELD_IN_VERIFYING, "verification")])
def test_where_a_second_officer_must_agree_a_failure_is_a_proposal(
    history: tuple[Event, ...], step: str, confirmation: Confirmation
) -> None:
    fail = ResolveHold("screening" if step == "screening" else "verification", "fail", ALICE, "a mask", confirmation)
    proposed = RejectionProposed(officer=ALICE, reason="a mask", evidence=())

    given(*history).when(fail).then(proposed)
    given(*history, proposed).when(fail).ignored()


@pytest.mark.parametrize("confirmation", Confirmation)
def test_one_officer_is_enough_to_let_somebody_pass(confirmation: Confirmation) -> None:
    for history, decision, event in (
        (HELD_IN_SCREENING, PASS_SCREENING, "ScreeningPassed"),
        (HELD_IN_VERIFYING, PASS_VERIFICATION, "VerificationPassed"),
    ):
        answer = given(*history).when(replace(decision, confirmation=confirmation))
        assert [type(event).__name__ for event in answer.events] == [event]


def test_an_officer_decides_a_hold_that_overtook_the_news_of_its_session() -> None:
    (passed,) = given(*SCREENED, HELD_IN_VERIFYING[-1]).when(PASS_VERIFICATION).events

    assert isinstance(passed, VerificationPassed)
    assert (passed.person, passed.decided_by) == (PERSON, ALICE)


def test_what_was_decided_is_not_decided_again() -> None:
    given(*SCREENED).when(FAIL_SCREENING).ignored()
    given(*REJECTED_IN_SCREENING).when(PASS_SCREENING).ignored()
    given(*ACTIVE).when(FAIL_VERIFICATION).ignored()


@pytest.mark.parametrize("decision", [PASS_SCREENING, FAIL_SCREENING, PASS_VERIFICATION, FAIL_VERIFICATION])
@pytest.mark.parametrize("history", [REGISTERED, SCREENING_IN_DOUBT])
def test_where_nothing_is_held_there_is_nothing_to_decide(history: tuple[Event, ...], decision: ResolveHold) -> None:
    given(*history).when(decision).refused(NothingToDecide)


def test_a_hold_ends_with_the_step_that_it_was_in() -> None:
    passed = given(*HELD_IN_SCREENING).when(PASS_SCREENING).events

    given(*HELD_IN_SCREENING, *passed).when(FAIL_VERIFICATION).refused(NothingToDecide)


def test_a_hold_ends_when_the_provider_asks_for_a_retry() -> None:
    given(*HELD_IN_VERIFYING, *ASKED_TO_RETRY[-1:]).when(FAIL_VERIFICATION).refused(NothingToDecide)


def test_a_verification_is_not_resolved_while_screening_is_what_is_held() -> None:
    given(*HELD_IN_SCREENING).when(FAIL_VERIFICATION).refused(NothingToDecide)
    given(*HELD_IN_SCREENING).when(PASS_VERIFICATION).refused(NothingToDecide)


@pytest.mark.parametrize("history", [SCREENED, VERIFYING_IN_SESSION, ACTIVE, DEACTIVATED_ON_SUSPICION])
def test_an_officer_proposes_a_rejection_once(history: tuple[Event, ...]) -> None:
    given(*history).when(PROPOSE).then(PROPOSED)
    given(*history, PROPOSED).when(PROPOSE).ignored()
    given(*history, PROPOSED).when(ProposeRejection(BOB, "so say I")).ignored()


@pytest.mark.parametrize("history", [REGISTERED, REJECTED_IN_SCREENING])
def test_who_is_not_being_decided_on_cannot_be_proposed(history: tuple[Event, ...]) -> None:
    given(*history).when(PROPOSE).refused(WrongStatus)


def test_a_proposal_is_withdrawn_once() -> None:
    withdrawn = RejectionWithdrawn(officer=BOB, reason="mistaken")

    given(*REJECTION_PROPOSED).when(WithdrawRejection(BOB, "mistaken")).then(withdrawn)
    given(*REJECTION_PROPOSED, withdrawn).when(WithdrawRejection(BOB, "mistaken")).ignored()
    given(*REJECTION_PROPOSED, withdrawn).when(ConfirmRejection(BOB)).refused(NothingToDecide)


def test_whoever_proposes_a_rejection_cannot_confirm_it() -> None:
    given(*REJECTION_PROPOSED).when(ConfirmRejection(ALICE)).refused(SelfConfirmation)


def test_two_officers_reject_a_customer_that_is_in() -> None:
    given(*REJECTION_PROPOSED).when(ConfirmRejection(BOB)).then(
        IllicitActivityConfirmed(
            reasons=(Reason.OFFICER_DECISION,),
            evidence=(digest("trm is grave"), digest("a memo")),
            policy="monitoring-1",
            decided_by=(ALICE, BOB),
        )
    )


def test_two_officers_reject_in_screening() -> None:
    given(*HELD_IN_SCREENING, PROPOSED).when(ConfirmRejection(BOB)).then(
        screening_failed(f"{ALICE} and {BOB}", digest("a memo"))
    )


def test_two_officers_reject_in_verifying() -> None:
    given(*HELD_IN_VERIFYING, PROPOSED).when(ConfirmRejection(BOB)).then(verification_failed(f"{ALICE} and {BOB}"))


def test_confirming_twice_changes_nothing() -> None:
    given(*REJECTED_IN_SCREENING).when(ConfirmRejection(BOB)).ignored()


def test_there_is_nothing_to_confirm_without_a_proposal() -> None:
    given(*ACTIVE).when(ConfirmRejection(BOB)).refused(NothingToDecide)


def test_a_partner_that_suspends_and_resumes_does_not_shake_off_a_proposal() -> None:
    suspended = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)
    resumed = CustomerReactivated(decided_by=BY_PARTNER)

    for switched in ((suspended,), (suspended, resumed)):
        answer = given(*ACTIVE, PROPOSED, *switched).when(ConfirmRejection(BOB))
        assert [type(event).__name__ for event in answer.events] == ["IllicitActivityConfirmed"]


def test_a_proposal_ends_with_the_step_that_it_was_made_in() -> None:
    passed = given(*HELD_IN_SCREENING, PROPOSED).when(PASS_SCREENING).events

    given(*HELD_IN_SCREENING, PROPOSED, *passed).when(ConfirmRejection(BOB)).refused(NothingToDecide)
