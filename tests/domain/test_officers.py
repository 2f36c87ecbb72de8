from dataclasses import replace
from datetime import timedelta

import pytest

from domain.commands import (
    Command,
    ConfirmRejection,
    ExpireRejection,
    ProposeRejection,
    RefuseRejection,
    ResolveHold,
    WithdrawRejection,
)
from domain.events import (
    CustomerDeactivated,
    CustomerReactivated,
    HoldResolved,
    IllicitActivityConfirmed,
    RejectionExpired,
    RejectionProposed,
    RejectionRefused,
    RejectionWithdrawn,
    ScreeningFailed,
    ScreeningPassed,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
)
from domain.refusals import NothingToDecide, NotTheProposer, SelfConfirmation, SelfRefusal, WrongStatus
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

PASS_SCREENING = ResolveHold("screening", "pass", ALICE, "an exchange", now=minutes(40))
FAIL_SCREENING = ResolveHold("screening", "fail", ALICE, "a mixer", now=minutes(40))
PASS_VERIFICATION = ResolveHold("verification", "pass", ALICE, "a twin", now=minutes(40))
FAIL_VERIFICATION = ResolveHold("verification", "fail", ALICE, "a mask", now=minutes(40))

MOMENT = timedelta(microseconds=1)
IN_TIME = minutes(40) + timedelta(days=7)
PROPOSED = RejectionProposed(officer=ALICE, reason="mixes funds", evidence=(digest("a memo"),), expires_at=IN_TIME)
PROPOSE = ProposeRejection(ALICE, "mixes funds", (digest("a memo"),), now=minutes(40))
CONFIRM = ConfirmRejection(BOB, now=minutes(50))


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
        HoldResolved(step="screening", outcome="pass", officer=ALICE, reason="an exchange"),
        ScreeningPassed(
            attempt=2,
            findings=grave().findings + clean().findings,
            policy="screening-1",
            evidence=(digest("ofac is grave"), digest("ofac is clean")),
            decided_by=ALICE,
        ),
    )


def test_an_officer_fails_a_screening_that_was_held() -> None:
    given(*HELD_IN_SCREENING).when(FAIL_SCREENING).then(
        HoldResolved(step="screening", outcome="fail", officer=ALICE, reason="a mixer"), screening_failed(ALICE)
    )


def test_an_officer_passes_a_verification_that_was_held() -> None:
    given(*HELD_IN_VERIFYING).when(PASS_VERIFICATION).then(
        HoldResolved(step="verification", outcome="pass", officer=ALICE, reason="a twin"),
        VerificationPassed(
            provider="sumsub",
            applicant=APPLICANT,
            person=PERSON,
            policy="verification-1",
            evidence=digest("approved at 20"),
            reported_at=minutes(20),
            decided_by=ALICE,
        ),
    )


def test_an_officer_fails_a_verification_that_was_held() -> None:
    given(*HELD_IN_VERIFYING).when(FAIL_VERIFICATION).then(
        HoldResolved(step="verification", outcome="fail", officer=ALICE, reason="a mask"), verification_failed(ALICE)
    )


def test_a_person_stays_known_though_a_later_result_does_not_say_who_it_is() -> None:
    (nameless,) = given(*HELD_IN_VERIFYING).when(verification("on_hold", person=None)).events
    assert isinstance(nameless, VerificationHeld)

    answer = given(*HELD_IN_VERIFYING, nameless).when(FAIL_VERIFICATION)

    assert [getattr(event, "person", None) for event in answer.events] == [None, PERSON]


@pytest.mark.parametrize("confirmation", [Confirmation.AMBIGUOUS, Confirmation.ALWAYS])
@pytest.mark.parametrize(("history", "step"), [(HELD_IN_SCREENING, "screening"), (HELD_IN_VERIFYING, "verification")])
def test_where_a_second_officer_must_agree_a_failure_is_a_proposal(
    history: tuple[Event, ...], step: str, confirmation: Confirmation
) -> None:
    fail = replace(
        FAIL_SCREENING if step == "screening" else FAIL_VERIFICATION, confirmation=confirmation, reason="a mask"
    )
    proposed = RejectionProposed(officer=ALICE, reason="a mask", evidence=(), expires_at=IN_TIME)

    given(*history).when(fail).then(proposed)
    given(*history, proposed).when(fail).ignored()


@pytest.mark.parametrize("confirmation", Confirmation)
def test_one_officer_is_enough_to_let_somebody_pass(confirmation: Confirmation) -> None:
    for history, decision, event in (
        (HELD_IN_SCREENING, PASS_SCREENING, "ScreeningPassed"),
        (HELD_IN_VERIFYING, PASS_VERIFICATION, "VerificationPassed"),
    ):
        answer = given(*history).when(replace(decision, confirmation=confirmation))
        assert [type(event).__name__ for event in answer.events] == ["HoldResolved", event]


def test_an_officer_decides_a_hold_that_overtook_the_news_of_its_session() -> None:
    _, passed = given(*SCREENED, HELD_IN_VERIFYING[-1]).when(PASS_VERIFICATION).events

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
    given(*history, PROPOSED).when(ProposeRejection(BOB, "so say I", now=minutes(50))).ignored()


@pytest.mark.parametrize("history", [REGISTERED, REJECTED_IN_SCREENING])
def test_who_is_not_being_decided_on_cannot_be_proposed(history: tuple[Event, ...]) -> None:
    given(*history).when(PROPOSE).refused(WrongStatus)


def test_whoever_proposed_takes_it_back_once() -> None:
    withdrawn = RejectionWithdrawn(officer=ALICE, reason="mistaken")

    given(*REJECTION_PROPOSED).when(WithdrawRejection(ALICE, "mistaken")).then(withdrawn)
    given(*REJECTION_PROPOSED, withdrawn).when(WithdrawRejection(ALICE, "mistaken")).ignored()
    given(*REJECTION_PROPOSED, withdrawn).when(CONFIRM).refused(NothingToDecide)


def test_nobody_takes_back_what_another_proposed() -> None:
    given(*REJECTION_PROPOSED).when(WithdrawRejection(BOB, "mistaken")).refused(NotTheProposer)


def test_a_second_officer_refuses_once() -> None:
    refused = RejectionRefused(officer=BOB, reason="a namesake")

    given(*REJECTION_PROPOSED).when(RefuseRejection(BOB, "a namesake")).then(refused)
    given(*REJECTION_PROPOSED, refused).when(RefuseRejection(BOB, "a namesake")).ignored()
    given(*REJECTION_PROPOSED, refused).when(CONFIRM).refused(NothingToDecide)


def test_whoever_proposed_does_not_refuse_it() -> None:
    given(*REJECTION_PROPOSED).when(RefuseRejection(ALICE, "on second thoughts")).refused(SelfRefusal)


@pytest.mark.parametrize("too_late", [RefuseRejection(BOB, "a namesake"), WithdrawRejection(ALICE, "mistaken")])
def test_what_was_confirmed_is_neither_refused_nor_taken_back(too_late: Command) -> None:
    confirmed = given(*REJECTION_PROPOSED).when(CONFIRM).events

    given(*REJECTION_PROPOSED, *confirmed).when(too_late).refused(NothingToDecide)


@pytest.mark.parametrize("ended", [RefuseRejection(BOB, "a namesake"), WithdrawRejection(ALICE, "mistaken")])
def test_a_rejection_can_be_proposed_again(ended: Command) -> None:
    history = (*ACTIVE, PROPOSED, *given(*ACTIVE, PROPOSED).when(ended).events)

    given(*history).when(PROPOSE).then(PROPOSED)


def test_a_hold_outlives_the_refusal_to_reject() -> None:
    refused = RejectionRefused(officer=BOB, reason="a namesake")

    (_, passed) = given(*HELD_IN_SCREENING, PROPOSED, refused).when(PASS_SCREENING).events

    assert isinstance(passed, ScreeningPassed)


def test_a_proposal_expires_seven_days_after_it_was_made_and_once() -> None:
    expired = RejectionExpired(proposed_by=ALICE)

    given(*ACTIVE, PROPOSED).when(ExpireRejection(IN_TIME - MOMENT)).ignored()
    given(*ACTIVE, PROPOSED).when(ExpireRejection(IN_TIME)).then(expired)
    given(*ACTIVE, PROPOSED, expired).when(ExpireRejection(IN_TIME)).ignored()
    given(*ACTIVE).when(ExpireRejection(IN_TIME)).ignored()


def test_nobody_confirms_too_late_though_the_expiry_is_not_on_record_yet() -> None:
    given(*ACTIVE, PROPOSED).when(ConfirmRejection(BOB, now=IN_TIME)).refused(NothingToDecide)
    (confirmed,) = given(*ACTIVE, PROPOSED).when(ConfirmRejection(BOB, now=IN_TIME - MOMENT)).events
    assert isinstance(confirmed, IllicitActivityConfirmed)


def test_a_new_proposal_says_that_the_one_before_expired() -> None:
    again = ProposeRejection(BOB, "so say I", now=IN_TIME)

    given(*ACTIVE, PROPOSED).when(again).then(
        RejectionExpired(proposed_by=ALICE),
        RejectionProposed(officer=BOB, reason="so say I", evidence=(), expires_at=IN_TIME + timedelta(days=7)),
    )


def test_a_proposal_of_the_first_version_does_not_expire() -> None:
    given(*REJECTION_PROPOSED).when(ExpireRejection(IN_TIME)).ignored()


def test_whoever_proposes_a_rejection_cannot_confirm_it() -> None:
    given(*REJECTION_PROPOSED).when(ConfirmRejection(ALICE, now=minutes(50))).refused(SelfConfirmation)


def test_two_officers_reject_a_customer_that_is_in() -> None:
    given(*REJECTION_PROPOSED).when(CONFIRM).then(
        IllicitActivityConfirmed(
            reasons=(Reason.OFFICER_DECISION,),
            evidence=(digest("trm is grave"), digest("a memo")),
            policy="monitoring-1",
            decided_by=(ALICE, BOB),
        )
    )


def test_two_officers_reject_in_screening() -> None:
    given(*HELD_IN_SCREENING, PROPOSED).when(CONFIRM).then(screening_failed(f"{ALICE} and {BOB}", digest("a memo")))


def test_two_officers_reject_in_verifying() -> None:
    failed = verification_failed(f"{ALICE} and {BOB}").model_copy(update={"further": PROPOSED.evidence})

    assert PROPOSED.evidence
    given(*HELD_IN_VERIFYING, PROPOSED).when(CONFIRM).then(failed)


def test_confirming_twice_changes_nothing() -> None:
    given(*REJECTED_IN_SCREENING).when(CONFIRM).ignored()


def test_there_is_nothing_to_confirm_without_a_proposal() -> None:
    given(*ACTIVE).when(CONFIRM).refused(NothingToDecide)


def test_a_partner_that_suspends_and_resumes_does_not_shake_off_a_proposal() -> None:
    suspended = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)
    resumed = CustomerReactivated(decided_by=BY_PARTNER)

    for switched in ((suspended,), (suspended, resumed)):
        answer = given(*ACTIVE, PROPOSED, *switched).when(CONFIRM)
        assert [type(event).__name__ for event in answer.events] == ["IllicitActivityConfirmed"]


def test_a_proposal_stands_though_a_step_is_passed_meanwhile() -> None:
    passed = given(*HELD_IN_SCREENING, PROPOSED).when(PASS_SCREENING).events

    answer = given(*HELD_IN_SCREENING, PROPOSED, *passed).when(CONFIRM)
    assert [type(event).__name__ for event in answer.events] == ["VerificationFailed"]
    answer = given(*VERIFYING_IN_SESSION, PROPOSED, ACTIVE[-1]).when(CONFIRM)
    assert [type(event).__name__ for event in answer.events] == ["IllicitActivityConfirmed"]
