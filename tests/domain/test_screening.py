from datetime import timedelta

import pytest

from domain.events import ScreeningAttempted, ScreeningFailed, ScreeningPassed
from domain.refusals import WrongStatus
from domain.vocabulary import Confirmation, Event, Reason
from tests.domain.given import given
from tests.domain.histories import (
    ACTIVE,
    CHALLENGE_VERIFIED,
    HELD_IN_SCREENING,
    REGISTERED,
    REJECTED_IN_SCREENING,
    SCREENED,
    SCREENING_IN_DOUBT,
)
from tests.domain.samples import NOW, clean, digest, grave, listed, minutes, screening, silent


def attempted(verdict: str, *reports: object, attempt: int = 1, **fields: object) -> ScreeningAttempted:
    """An attempt under `screening-1`."""
    return ScreeningAttempted.model_validate(
        {"attempt": attempt, "reports": reports, "verdict": verdict, "policy": "screening-1"} | fields
    )


def test_a_clean_wallet_passes_in_one_decision() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(clean("ofac"), clean("trm"))).then(
        attempted("clear", clean("ofac"), clean("trm")),
        ScreeningPassed(
            attempt=1,
            findings=clean("ofac").findings + clean("trm").findings,
            policy="screening-1",
            evidence=(digest("ofac is clean"), digest("trm is clean")),
            decided_by="policy:screening-1",
        ),
    )


def test_a_listed_wallet_fails_in_one_decision_with_the_list_on_record() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(listed())).then(
        attempted("fail", listed(), reasons=[Reason.SANCTIONS_MATCH]),
        ScreeningFailed(
            attempt=1,
            findings=listed().findings,
            reasons=(Reason.SANCTIONS_MATCH,),
            policy="screening-1",
            evidence=(digest("ofac has it listed"),),
            decided_by="policy:screening-1",
        ),
    )
    assert listed().list_version
    assert listed().list_hash


def test_a_wallet_that_was_rejected_once_fails() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(clean(), barred=True)).then(
        attempted("fail", clean(), reasons=[Reason.WALLET_BARRED]),
        ScreeningFailed(
            attempt=1,
            findings=clean().findings,
            reasons=(Reason.WALLET_BARRED,),
            policy="screening-1",
            evidence=(digest("ofac is clean"),),
            decided_by="policy:screening-1",
        ),
    )


def test_an_outage_neither_passes_nor_rejects() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(silent(), barred=True)).then(
        attempted("retry", silent(), reasons=[Reason.SOURCE_UNAVAILABLE], due=minutes(1))
    )


def test_an_outage_of_one_source_holds_up_what_the_other_would_pass() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(clean("ofac"), silent("trm"))).then(
        attempted("retry", clean("ofac"), silent("trm"), reasons=[Reason.SOURCE_UNAVAILABLE], due=minutes(1))
    )


def test_the_longest_wait_that_a_source_asks_for_is_kept() -> None:
    reports = (silent("ofac", 300), silent("trm", 600), silent("chainalysis"))

    given(*CHALLENGE_VERIFIED).when(screening(*reports)).then(
        attempted("retry", *reports, reasons=[Reason.SOURCE_UNAVAILABLE], due=minutes(10))
    )


def test_no_source_makes_us_wait_for_more_than_an_hour() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(silent("ofac", 86_400))).then(
        attempted("retry", silent("ofac", 86_400), reasons=[Reason.SOURCE_UNAVAILABLE], due=minutes(60))
    )


def test_jitter_moves_the_next_attempt_by_up_to_a_quarter() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(silent(), jitter=0.8)).then(
        attempted("retry", silent(), reasons=[Reason.SOURCE_UNAVAILABLE], due=NOW + timedelta(seconds=72))
    )


def test_an_outage_goes_on_for_as_long_as_it_takes() -> None:
    outage: tuple[Event, ...] = tuple(
        attempted("retry", silent(), attempt=attempt, reasons=[Reason.SOURCE_UNAVAILABLE]) for attempt in range(1, 200)
    )

    given(*CHALLENGE_VERIFIED, *outage).when(screening(silent(), attempt=200)).then(
        attempted("retry", silent(), attempt=200, reasons=[Reason.SOURCE_UNAVAILABLE], due=minutes(60))
    )
    given(*CHALLENGE_VERIFIED, *outage).when(screening(clean(), attempt=200)).then(
        attempted("clear", clean(), attempt=200),
        ScreeningPassed(
            attempt=200,
            findings=clean().findings,
            policy="screening-1",
            evidence=(digest("ofac is clean"),),
            decided_by="policy:screening-1",
        ),
    )


def test_a_finding_of_one_source_is_asked_for_again() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(grave(), clean("trm"))).then(
        attempted("retry", grave(), clean("trm"), reasons=[Reason.SINGLE_SOURCE_FINDINGS], due=minutes(1))
    )


def test_a_finding_that_another_source_confirms_fails_on_the_evidence_of_both() -> None:
    given(*SCREENING_IN_DOUBT).when(screening(grave("trm"), attempt=2)).then(
        attempted("fail", grave("trm"), attempt=2, reasons=[Reason.CONFIRMED_BY_TWO_SOURCES]),
        ScreeningFailed(
            attempt=2,
            findings=grave("ofac").findings + grave("trm").findings,
            reasons=(Reason.CONFIRMED_BY_TWO_SOURCES,),
            policy="screening-1",
            evidence=(digest("ofac is grave"), digest("trm is grave")),
            decided_by="policy:screening-1",
        ),
    )


def test_a_finding_that_is_contradicted_waits_for_an_officer() -> None:
    given(*SCREENING_IN_DOUBT).when(screening(clean(), attempt=2)).then(
        attempted("hold", clean(), attempt=2, reasons=[Reason.CONTRADICTED_FINDINGS])
    )


def test_a_finding_that_nobody_confirms_waits_for_an_officer_at_the_third_attempt() -> None:
    again = attempted("retry", grave(), attempt=2, reasons=[Reason.SINGLE_SOURCE_FINDINGS], due=minutes(3))

    given(*SCREENING_IN_DOUBT).when(screening(grave(), attempt=2, now=minutes(1))).then(again)
    given(*SCREENING_IN_DOUBT, again).when(screening(grave(), attempt=3)).then(
        attempted("hold", grave(), attempt=3, reasons=[Reason.UNCONFIRMED_FINDINGS])
    )


def test_where_every_rejection_is_confirmed_a_failure_waits_for_officers() -> None:
    given(*CHALLENGE_VERIFIED).when(screening(listed(), confirmation=Confirmation.ALWAYS)).then(
        attempted("hold", listed(), reasons=[Reason.SANCTIONS_MATCH, Reason.CONFIRMATION_REQUIRED])
    )


@pytest.mark.parametrize("confirmation", [Confirmation.NEVER, Confirmation.AMBIGUOUS])
def test_otherwise_the_policy_alone_decides(confirmation: Confirmation) -> None:
    answer = given(*CHALLENGE_VERIFIED).when(screening(listed(), confirmation=confirmation))

    assert [type(event).__name__ for event in answer.events] == ["ScreeningAttempted", "ScreeningFailed"]


@pytest.mark.parametrize("confirmation", Confirmation)
def test_nobody_has_to_confirm_that_a_wallet_passes(confirmation: Confirmation) -> None:
    answer = given(*CHALLENGE_VERIFIED).when(screening(clean(), confirmation=confirmation))

    assert [type(event).__name__ for event in answer.events] == ["ScreeningAttempted", "ScreeningPassed"]


@pytest.mark.parametrize("confirmation", Confirmation)
def test_nobody_has_to_confirm_that_a_source_is_asked_again(confirmation: Confirmation) -> None:
    given(*CHALLENGE_VERIFIED).when(screening(silent(), confirmation=confirmation)).then(
        attempted("retry", silent(), reasons=[Reason.SOURCE_UNAVAILABLE], due=minutes(1))
    )


@pytest.mark.parametrize("attempt", [0, 1, 3])
def test_an_attempt_that_is_not_the_next_is_ignored(attempt: int) -> None:
    given(*SCREENING_IN_DOUBT).when(screening(listed(), attempt=attempt)).ignored()


def test_a_screening_on_hold_is_decided_by_nobody_but_an_officer() -> None:
    given(*HELD_IN_SCREENING).when(screening(clean(), attempt=3)).ignored()
    given(*HELD_IN_SCREENING).when(screening(listed(), attempt=3)).ignored()


@pytest.mark.parametrize("history", [SCREENED, ACTIVE, REJECTED_IN_SCREENING])
def test_the_result_on_record_stands_and_a_late_one_changes_nothing(history: tuple[Event, ...]) -> None:
    given(*history).when(screening(listed(), attempt=1)).ignored()
    given(*history).when(screening(listed(), attempt=2)).refused(WrongStatus)


def test_a_wallet_is_not_screened_before_its_owner_has_signed() -> None:
    given(*REGISTERED).when(screening(clean())).refused(WrongStatus)
