import pytest

from domain.commands import ResolveHold, StartVerification
from domain.events import (
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
    VerificationStarted,
)
from domain.refusals import NothingToDecide, WrongStatus
from domain.vocabulary import Confirmation, Event, Reason
from tests.domain.given import given
from tests.domain.histories import (
    ACTIVE,
    ASKED_TO_RETRY,
    CHALLENGE_VERIFIED,
    HELD_IN_VERIFYING,
    REGISTERED,
    REJECTED_IN_SCREENING,
    REJECTED_IN_VERIFYING,
    SCREENED,
    VERIFYING_IN_SESSION,
)
from tests.domain.samples import ALICE, ANOTHER_PERSON, APPLICANT, NOW, PERSON, digest, minutes, verification

START = StartVerification("sumsub", APPLICANT, "basic")


def passed(at: int = 30) -> VerificationPassed:
    """The provider approved at that minute."""
    return VerificationPassed(
        provider="sumsub",
        applicant=APPLICANT,
        person=PERSON,
        policy="verification-1",
        evidence=digest(f"approved at {at}"),
        reported_at=minutes(at),
        decided_by="policy:verification-1",
    )


def held(reason: Reason, answer: str) -> VerificationHeld:
    """An officer must look, because of an answer at minute 30."""
    return VerificationHeld(
        reasons=(reason,),
        policy="verification-1",
        evidence=digest(f"{answer} at 30"),
        reported_at=minutes(30),
        person=PERSON,
    )


def retried(attempt: int) -> VerificationRetryRequested:
    """The person was asked to try again, at the minute of the attempt's number."""
    return VerificationRetryRequested(
        attempt=attempt,
        reasons=(Reason.PROVIDER_RETRY,),
        labels=(),
        policy="verification-1",
        evidence=digest(f"retry at {attempt}"),
        reported_at=minutes(attempt),
        person=PERSON,
    )


def test_a_session_opens_once() -> None:
    given(*SCREENED).when(START).then(VerificationStarted(provider="sumsub", applicant=APPLICANT, level="basic"))
    given(*VERIFYING_IN_SESSION).when(START).ignored()
    given(*VERIFYING_IN_SESSION).when(StartVerification("sumsub", "applicant-8", "basic")).ignored()


def test_another_provider_begins_anew_and_the_one_before_is_not_heard_any_more() -> None:
    start = StartVerification("another", "person-1", "basic")
    started = VerificationStarted(provider="another", applicant="person-1", level="basic")

    given(*VERIFYING_IN_SESSION).when(start).then(started)
    given(*VERIFYING_IN_SESSION, started).when(start).ignored()
    given(*VERIFYING_IN_SESSION, started).when(verification("approved")).refused(NothingToDecide)
    assert given(*VERIFYING_IN_SESSION, started).when(verification("approved", applicant="person-1")).events


@pytest.mark.parametrize("history", [REGISTERED, CHALLENGE_VERIFIED, REJECTED_IN_SCREENING])
def test_no_session_opens_before_screening_has_passed(history: tuple[Event, ...]) -> None:
    given(*history).when(START).refused(WrongStatus)


def test_an_approved_person_becomes_an_active_customer() -> None:
    given(*VERIFYING_IN_SESSION).when(verification("approved")).then(passed())


def test_a_result_may_overtake_the_news_of_its_session() -> None:
    given(*SCREENED).when(verification("approved")).then(passed())


def test_a_rejected_person_is_rejected_for_good_with_the_labels_on_record() -> None:
    given(*VERIFYING_IN_SESSION).when(verification("rejected", labels=("FORGERY",))).then(
        VerificationFailed(
            reasons=(Reason.PROVIDER_REJECTED,),
            labels=("FORGERY",),
            person=PERSON,
            policy="verification-1",
            evidence=digest("rejected at 30"),
            reported_at=minutes(30),
            decided_by="policy:verification-1",
        )
    )


def test_a_person_who_was_rejected_before_is_rejected_though_the_provider_approves() -> None:
    given(*VERIFYING_IN_SESSION).when(verification("approved", barred=True)).then(
        VerificationFailed(
            reasons=(Reason.PREVIOUSLY_REJECTED,),
            person=PERSON,
            policy="verification-1",
            evidence=digest("approved at 30"),
            reported_at=minutes(30),
            decided_by="policy:verification-1",
        )
    )


def test_a_person_who_is_another_customer_waits_for_an_officer() -> None:
    given(*VERIFYING_IN_SESSION).when(verification("approved", known_elsewhere=True)).then(
        held(Reason.DUPLICATE_PERSON, "approved")
    )


def test_a_provider_that_holds_makes_us_hold() -> None:
    given(*VERIFYING_IN_SESSION).when(verification("on_hold")).then(held(Reason.PROVIDER_HOLD, "on_hold"))


def test_a_person_may_try_again_five_times_and_then_waits_for_an_officer() -> None:
    history: tuple[Event, ...] = VERIFYING_IN_SESSION
    for attempt in range(1, 6):
        given(*history).when(verification("retry", at=attempt)).then(retried(attempt))
        history = (*history, retried(attempt))

    given(*history).when(verification("retry")).then(held(Reason.RETRIES_EXHAUSTED, "retry"))
    given(*history).when(verification("approved")).then(passed())


@pytest.mark.parametrize("answer", ["approved", "retry", "rejected", "on_hold"])
@pytest.mark.parametrize("at", [10, 20], ids=["older", "of the same time"])
def test_a_result_that_is_not_newer_than_the_one_on_record_is_ignored(answer: str, at: int) -> None:
    given(*ASKED_TO_RETRY).when(verification(answer, at=at)).ignored()
    given(*HELD_IN_VERIFYING).when(verification(answer, at=at)).ignored()


@pytest.mark.parametrize("history", [ACTIVE, REJECTED_IN_VERIFYING])
@pytest.mark.parametrize("answer", ["approved", "retry", "rejected", "on_hold"])
def test_what_a_provider_says_after_the_decision_is_ignored(history: tuple[Event, ...], answer: str) -> None:
    given(*history).when(verification(answer, at=40)).ignored()


@pytest.mark.parametrize("history", [REGISTERED, CHALLENGE_VERIFIED, REJECTED_IN_SCREENING])
def test_nobody_is_verified_out_of_turn(history: tuple[Event, ...]) -> None:
    given(*history).when(verification("approved")).refused(WrongStatus)


def test_a_result_for_another_applicant_decides_nothing() -> None:
    given(*VERIFYING_IN_SESSION).when(verification("approved", applicant="applicant-8")).refused(NothingToDecide)


def test_what_the_provider_held_it_may_decide_later() -> None:
    given(*HELD_IN_VERIFYING).when(verification("approved")).then(passed())


@pytest.mark.parametrize(
    "reason",
    [Reason.DUPLICATE_PERSON, Reason.RETRIES_EXHAUSTED, Reason.CONFIRMATION_REQUIRED, Reason.PROVIDER_REJECTED],
)
@pytest.mark.parametrize("answer", ["approved", "retry", "rejected", "on_hold"])
def test_what_we_held_ourselves_no_provider_decides(reason: Reason, answer: str) -> None:
    history = (*VERIFYING_IN_SESSION, held(reason, "rejected"))

    given(*history).when(verification(answer, at=31)).ignored()


def test_where_every_rejection_is_confirmed_a_failure_waits_for_officers() -> None:
    command = verification("rejected", confirmation=Confirmation.ALWAYS)

    given(*VERIFYING_IN_SESSION).when(command).then(
        held(Reason.PROVIDER_REJECTED, "rejected").model_copy(
            update={"reasons": (Reason.PROVIDER_REJECTED, Reason.CONFIRMATION_REQUIRED)}
        )
    )


@pytest.mark.parametrize("confirmation", Confirmation)
def test_nobody_has_to_confirm_that_a_person_passes(confirmation: Confirmation) -> None:
    given(*VERIFYING_IN_SESSION).when(verification("approved", confirmation=confirmation)).then(passed())


@pytest.mark.parametrize("confirmation", Confirmation)
def test_nobody_has_to_confirm_that_a_person_may_try_again(confirmation: Confirmation) -> None:
    given(*VERIFYING_IN_SESSION).when(verification("retry", at=1, confirmation=confirmation)).then(retried(1))


def test_where_holds_alone_are_confirmed_the_policy_rejects() -> None:
    answer = given(*VERIFYING_IN_SESSION).when(verification("rejected", confirmation=Confirmation.AMBIGUOUS))

    assert [type(event).__name__ for event in answer.events] == ["VerificationFailed"]


def test_two_persons_are_two_fingerprints() -> None:
    answer = given(*VERIFYING_IN_SESSION).when(verification("approved", person=ANOTHER_PERSON))

    assert answer.events == (passed().model_copy(update={"person": ANOTHER_PERSON}),)


@pytest.mark.parametrize("later", [0, 0.3, 0.9])
@pytest.mark.parametrize("answer", ["retry", "on_hold"])
@pytest.mark.parametrize("polled_first", [True, False])
def test_a_result_that_was_asked_for_and_called_back_with_is_one_result(
    answer: str,
    later: float,
    polled_first: bool,  # noqa: FBT001 -- a parameter
) -> None:
    first = given(*VERIFYING_IN_SESSION).when(verification(answer, at=30, polled=polled_first)).events

    again = verification(answer, at=30 + later, polled=not polled_first)
    given(*VERIFYING_IN_SESSION, *first).when(again).ignored()
    given(*VERIFYING_IN_SESSION, *first, *first).when(verification("approved", at=31)).then(passed(31))


def test_two_callbacks_are_two_results_however_close() -> None:
    first = given(*VERIFYING_IN_SESSION).when(verification("retry", at=1)).events
    second = given(*VERIFYING_IN_SESSION, *first).when(verification("retry", at=1.01)).events

    assert [getattr(event, "attempt", None) for event in (*first, *second)] == [1, 2]


def test_the_next_result_counts_though_the_one_before_was_asked_for() -> None:
    first = given(*VERIFYING_IN_SESSION).when(verification("retry", at=1, polled=True)).events
    (second,) = given(*VERIFYING_IN_SESSION, *first).when(verification("retry", at=2)).events

    assert isinstance(second, VerificationRetryRequested)
    assert (second.attempt, second.polled) == (2, None)


@pytest.mark.parametrize("answer", ["approved", "rejected"])
def test_another_answer_is_no_repetition(answer: str) -> None:
    first = given(*VERIFYING_IN_SESSION).when(verification("retry", at=30, polled=True)).events

    assert given(*VERIFYING_IN_SESSION, *first).when(verification(answer, at=30.1)).events


def test_a_decision_names_the_evidence_of_who_the_person_is() -> None:
    identity = digest("a passport")
    for answer in ("approved", "rejected", "on_hold"):
        (event,) = given(*VERIFYING_IN_SESSION).when(verification(answer, identity=identity)).events
        assert getattr(event, "identity", None) == identity


def test_an_officer_decides_on_the_same_evidence() -> None:
    identity = digest("a passport")
    held_with = held(Reason.DUPLICATE_PERSON, "approved").model_copy(update={"identity": identity})
    for outcome in ("pass", "fail"):
        command = ResolveHold("verification", outcome, ALICE, "a twin", now=NOW)
        _, event = given(*VERIFYING_IN_SESSION, held_with).when(command).events
        assert (getattr(event, "evidence", None), getattr(event, "identity", None)) == (held_with.evidence, identity)


def test_whom_an_earlier_result_stated_a_later_one_is_about_as_well() -> None:
    given(*HELD_IN_VERIFYING).when(verification("approved", person=None)).then(passed())


def test_nobody_passes_of_whom_nobody_says_who_it_is() -> None:
    given(*VERIFYING_IN_SESSION).when(verification("approved", person=None)).then(
        held(Reason.UNIDENTIFIED_PERSON, "approved").model_copy(update={"person": None})
    )
