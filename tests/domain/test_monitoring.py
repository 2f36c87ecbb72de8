import pytest

from domain.commands import ClearAlert
from domain.events import (
    AlertCleared,
    AlertRaised,
    CustomerDeactivated,
    CustomerReactivated,
    IllicitActivityConfirmed,
)
from domain.findings import Severity, SourceReport
from domain.refusals import WrongStatus
from domain.vocabulary import Confirmation, Event, Ground, Reason
from tests.domain.given import given
from tests.domain.histories import (
    ACTIVE,
    ACTIVE_UNDER_ALERT,
    ALERT_CLEARED,
    CHALLENGE_VERIFIED,
    DEACTIVATED_BY_PARTNER,
    DEACTIVATED_FOR_AN_ISSUE,
    DEACTIVATED_ON_SUSPICION,
    REJECTED_FOR_ILLICIT_ACTIVITY,
    REJECTED_IN_SCREENING,
    SCREENED,
)
from tests.domain.samples import (
    ALERT,
    ALICE,
    BY_PARTNER,
    SECOND_ALERT,
    clean,
    digest,
    grave,
    listed,
    monitoring,
    silent,
)

SUSPENDED = CustomerDeactivated(ground=Ground.SUSPICION, decided_by="policy:monitoring-1")
CLEARED = AlertCleared(alert=ALERT, decided_by=ALICE, reason="another wallet")
CLEAR = ClearAlert(ALERT, ALICE, "another wallet")


def raised(*reports: SourceReport, reason: Reason = Reason.SINGLE_SOURCE_FINDINGS, second: bool = False) -> AlertRaised:
    """An alert under `monitoring-1`."""
    alert = SECOND_ALERT if second else ALERT
    return AlertRaised(alert=alert, reports=reports, reasons=(reason,), policy="monitoring-1")


def confirmed(*reports: SourceReport, reason: Reason, evidence: tuple[str, ...]) -> IllicitActivityConfirmed:
    """Illicit activity, by the policy alone."""
    return IllicitActivityConfirmed(
        reasons=(reason,),
        evidence=evidence,
        reports=reports,
        policy="monitoring-1",
        decided_by=("policy:monitoring-1",),
    )


@pytest.mark.parametrize("history", [ACTIVE, DEACTIVATED_BY_PARTNER, DEACTIVATED_ON_SUSPICION])
@pytest.mark.parametrize("report", [clean(), silent()], ids=["clean", "an outage"])
def test_nothing_against_a_customer_changes_nothing(history: tuple[Event, ...], report: SourceReport) -> None:
    given(*history).when(monitoring(report)).ignored()


def test_suspicion_raises_an_alert_and_deactivates_in_one_decision() -> None:
    given(*ACTIVE).when(monitoring(grave("trm"), clean("ofac"))).then(raised(grave("trm"), clean("ofac")), SUSPENDED)


@pytest.mark.parametrize("history", [DEACTIVATED_BY_PARTNER, DEACTIVATED_FOR_AN_ISSUE])
def test_suspicion_is_a_ground_of_its_own_beside_others(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(grave())).then(raised(grave()), SUSPENDED)


def test_what_an_open_alert_says_is_not_said_again() -> None:
    given(*DEACTIVATED_ON_SUSPICION).when(monitoring(grave("trm"), alert=SECOND_ALERT)).ignored()
    given(*ACTIVE_UNDER_ALERT).when(monitoring(grave("trm"), alert=SECOND_ALERT)).ignored()


def test_a_source_that_did_not_answer_says_nothing_new() -> None:
    garbled = grave("ofac").model_copy(update={"answered": False})

    given(*DEACTIVATED_ON_SUSPICION).when(monitoring(grave("trm"), garbled, alert=SECOND_ALERT)).ignored()


def test_an_alert_that_was_cleared_is_raised_again() -> None:
    given(*ALERT_CLEARED).when(monitoring(grave("trm"), alert=SECOND_ALERT)).then(
        raised(grave("trm"), second=True), SUSPENDED
    )


@pytest.mark.parametrize("history", [ACTIVE, DEACTIVATED_BY_PARTNER])
def test_an_exact_match_is_evidence(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(listed())).then(
        confirmed(listed(), reason=Reason.SANCTIONS_MATCH, evidence=(digest("ofac has it listed"),))
    )


def test_two_sources_are_evidence() -> None:
    given(*ACTIVE).when(monitoring(grave("ofac"), grave("trm"))).then(
        confirmed(
            grave("ofac"),
            grave("trm"),
            reason=Reason.CONFIRMED_BY_TWO_SOURCES,
            evidence=(digest("ofac is grave"), digest("trm is grave")),
        )
    )


@pytest.mark.parametrize("history", [DEACTIVATED_ON_SUSPICION, ACTIVE_UNDER_ALERT])
def test_a_second_source_confirms_what_an_open_alert_suspects(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(grave("ofac"), silent("trm"), alert=SECOND_ALERT)).then(
        confirmed(
            grave("ofac"),
            silent("trm"),
            reason=Reason.CONFIRMED_BY_TWO_SOURCES,
            evidence=(digest("trm is grave"), digest("ofac is grave")),
        )
    )


def test_where_every_rejection_is_confirmed_evidence_suspends_and_waits_for_officers() -> None:
    given(*ACTIVE).when(monitoring(listed(), confirmation=Confirmation.ALWAYS)).then(
        raised(listed(), reason=Reason.SANCTIONS_MATCH), SUSPENDED
    )


def test_a_match_is_evidence_however_slight_its_source_thinks_it() -> None:
    slight = listed(severity=Severity.LOW)

    given(*ACTIVE).when(monitoring(slight, confirmation=Confirmation.ALWAYS)).then(
        raised(slight, reason=Reason.SANCTIONS_MATCH), SUSPENDED
    )


def test_a_source_that_goes_from_suspecting_to_listing_says_something_new() -> None:
    command = monitoring(listed("trm"), alert=SECOND_ALERT, confirmation=Confirmation.ALWAYS)

    given(*DEACTIVATED_ON_SUSPICION).when(command).then(
        raised(listed("trm"), reason=Reason.SANCTIONS_MATCH, second=True)
    )


def test_a_second_source_is_told_to_officers_where_they_confirm() -> None:
    command = monitoring(grave("ofac"), alert=SECOND_ALERT, confirmation=Confirmation.ALWAYS)

    given(*DEACTIVATED_ON_SUSPICION).when(command).then(
        raised(grave("ofac"), reason=Reason.CONFIRMED_BY_TWO_SOURCES, second=True)
    )


@pytest.mark.parametrize("history", [CHALLENGE_VERIFIED, SCREENED])
def test_only_customers_that_are_in_are_monitored(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(grave())).refused(WrongStatus)
    given(*history).when(monitoring(listed())).refused(WrongStatus)


@pytest.mark.parametrize("history", [REJECTED_IN_SCREENING, REJECTED_FOR_ILLICIT_ACTIVITY])
def test_nothing_more_is_said_of_who_is_rejected(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(listed(), grave("trm"))).ignored()


def test_an_officer_clears_an_alert_and_the_customer_is_active_again() -> None:
    given(*DEACTIVATED_ON_SUSPICION).when(CLEAR).then(
        CLEARED, CustomerReactivated(decided_by=ALICE, reason="another wallet")
    )


def test_clearing_an_alert_twice_changes_nothing() -> None:
    given(*ALERT_CLEARED).when(CLEAR).ignored()


def test_the_last_alert_must_be_cleared_before_the_customer_is_active_again() -> None:
    history = (*DEACTIVATED_ON_SUSPICION, raised(grave("ofac"), second=True))

    given(*history).when(CLEAR).then(CLEARED)
    given(*history, CLEARED).when(ClearAlert(SECOND_ALERT, ALICE, "a mixer")).then(
        AlertCleared(alert=SECOND_ALERT, decided_by=ALICE, reason="a mixer"),
        CustomerReactivated(decided_by=ALICE, reason="a mixer"),
    )


def test_clearing_an_alert_takes_back_no_other_suspension() -> None:
    asked = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)

    given(*DEACTIVATED_ON_SUSPICION, asked).when(CLEAR).then(CLEARED)
    given(*ACTIVE_UNDER_ALERT, asked).when(CLEAR).then(CLEARED)


def test_clearing_the_alert_of_an_active_customer_leaves_it_active() -> None:
    given(*ACTIVE_UNDER_ALERT).when(CLEAR).then(CLEARED)


def test_an_alert_on_a_rejected_customer_is_beyond_clearing() -> None:
    given(*REJECTED_FOR_ILLICIT_ACTIVITY).when(CLEAR).refused(WrongStatus)
