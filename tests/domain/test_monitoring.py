from datetime import datetime, timedelta

import pytest

from domain.commands import ClearAlert
from domain.customer import fold
from domain.decide import decide
from domain.events import (
    AlertCleared,
    AlertRaised,
    CustomerDeactivated,
    CustomerReactivated,
    IllicitActivityConfirmed,
    MonitoringAttempted,
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
    NOW,
    SECOND_ALERT,
    clean,
    digest,
    grave,
    listed,
    minutes,
    monitoring,
    silent,
)

TOMORROW = NOW + timedelta(days=1)
SUSPENDED = CustomerDeactivated(ground=Ground.SUSPICION, decided_by="policy:monitoring-1")
CLEARED = AlertCleared(alert=ALERT, decided_by=ALICE, reason="another wallet")
CLEAR = ClearAlert(ALERT, ALICE, "another wallet")


def looked(
    *reports: SourceReport, verdict: str, reason: Reason | None = None, due: datetime | None = TOMORROW
) -> MonitoringAttempted:
    """The first look, at `NOW`."""
    return MonitoringAttempted.model_validate(
        {
            "attempt": 1,
            "reports": reports,
            "verdict": verdict,
            "reasons": (reason,) if reason else (),
            "policy": "monitoring-1",
            "due": due,
        }
    )


def suspected(*reports: SourceReport) -> MonitoringAttempted:
    """One source alone has something grave."""
    return looked(*reports, verdict="suspicion", reason=Reason.SINGLE_SOURCE_FINDINGS)


def proved(*reports: SourceReport, reason: Reason, due: datetime | None = None) -> MonitoringAttempted:
    """Evidence, after which nobody looks again unless officers have to confirm it."""
    return looked(*reports, verdict="evidence", reason=reason, due=due)


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
def test_who_is_clean_is_looked_at_again_tomorrow(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(clean())).then(looked(clean(), verdict="clear"))


@pytest.mark.parametrize("history", [ACTIVE, DEACTIVATED_BY_PARTNER, DEACTIVATED_ON_SUSPICION])
@pytest.mark.parametrize("reports", [(silent(),), (clean("ofac"), silent("trm")), ()], ids=["all", "one", "nobody"])
def test_an_outage_changes_nothing_and_is_asked_about_again(
    history: tuple[Event, ...], reports: tuple[SourceReport, ...]
) -> None:
    given(*history).when(monitoring(*reports)).then(
        looked(*reports, verdict="retry", reason=Reason.SOURCE_UNAVAILABLE, due=minutes(1))
    )


def test_an_outage_that_lasts_is_asked_about_less_and_less_often() -> None:
    history, waits = ACTIVE, []
    for attempt in range(1, 9):
        command = monitoring(silent(), attempt=attempt)
        (event,) = decide(fold(history), command)
        assert isinstance(event, MonitoringAttempted)
        assert event.due is not None
        waits.append((event.due - command.now).total_seconds() / 60)
        history = (*history, event)

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    given(*history).when(monitoring(clean(), attempt=9)).then(
        looked(clean(), verdict="clear").model_copy(update={"attempt": 9})
    )


def test_a_look_that_was_recorded_already_is_ignored() -> None:
    history = (*ACTIVE, looked(clean(), verdict="clear"))

    given(*history).when(monitoring(listed(), attempt=1)).ignored()
    given(*history).when(monitoring(listed(), attempt=3)).ignored()


def test_suspicion_raises_an_alert_and_deactivates_in_one_decision() -> None:
    reports = (grave("trm"), clean("ofac"))

    given(*ACTIVE).when(monitoring(*reports)).then(suspected(*reports), raised(*reports), SUSPENDED)


def test_what_one_source_suspects_does_not_wait_for_another_that_is_out() -> None:
    reports = (grave("trm"), silent("ofac"))

    given(*ACTIVE).when(monitoring(*reports)).then(suspected(*reports), raised(*reports), SUSPENDED)


@pytest.mark.parametrize("history", [DEACTIVATED_BY_PARTNER, DEACTIVATED_FOR_AN_ISSUE])
def test_suspicion_is_a_ground_of_its_own_beside_others(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(grave())).then(suspected(grave()), raised(grave()), SUSPENDED)


@pytest.mark.parametrize("history", [DEACTIVATED_ON_SUSPICION, ACTIVE_UNDER_ALERT])
def test_what_an_open_alert_says_is_not_said_again(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(grave("trm"), alert=SECOND_ALERT)).then(suspected(grave("trm")))


def test_a_source_that_did_not_answer_says_nothing_new() -> None:
    reports = (grave("trm"), grave("ofac").model_copy(update={"answered": False}))

    given(*DEACTIVATED_ON_SUSPICION).when(monitoring(*reports, alert=SECOND_ALERT)).then(suspected(*reports))


def test_an_alert_that_was_cleared_is_raised_again() -> None:
    given(*ALERT_CLEARED).when(monitoring(grave("trm"), alert=SECOND_ALERT)).then(
        suspected(grave("trm")), raised(grave("trm"), second=True), SUSPENDED
    )


@pytest.mark.parametrize("history", [ACTIVE, DEACTIVATED_BY_PARTNER])
def test_an_exact_match_is_evidence(history: tuple[Event, ...]) -> None:
    given(*history).when(monitoring(listed())).then(
        proved(listed(), reason=Reason.SANCTIONS_MATCH),
        confirmed(listed(), reason=Reason.SANCTIONS_MATCH, evidence=(digest("ofac has it listed"),)),
    )


def test_two_sources_are_evidence() -> None:
    reports, reason = (grave("ofac"), grave("trm")), Reason.CONFIRMED_BY_TWO_SOURCES

    given(*ACTIVE).when(monitoring(*reports)).then(
        proved(*reports, reason=reason),
        confirmed(*reports, reason=reason, evidence=(digest("ofac is grave"), digest("trm is grave"))),
    )


@pytest.mark.parametrize("history", [DEACTIVATED_ON_SUSPICION, ACTIVE_UNDER_ALERT])
def test_a_second_source_confirms_what_an_open_alert_suspects(history: tuple[Event, ...]) -> None:
    reports, reason = (grave("ofac"), silent("trm")), Reason.CONFIRMED_BY_TWO_SOURCES

    given(*history).when(monitoring(*reports, alert=SECOND_ALERT)).then(
        proved(*reports, reason=reason),
        confirmed(*reports, reason=reason, evidence=(digest("trm is grave"), digest("ofac is grave"))),
    )


@pytest.mark.parametrize("report", [listed(), listed(severity=Severity.LOW)], ids=["severe", "slight"])
def test_where_every_rejection_is_confirmed_evidence_suspends_and_waits_for_officers(report: SourceReport) -> None:
    given(*ACTIVE).when(monitoring(report, confirmation=Confirmation.ALWAYS)).then(
        proved(report, reason=Reason.SANCTIONS_MATCH, due=TOMORROW),
        raised(report, reason=Reason.SANCTIONS_MATCH),
        SUSPENDED,
    )


def test_a_source_that_goes_from_suspecting_to_listing_says_something_new() -> None:
    command = monitoring(listed("trm"), alert=SECOND_ALERT, confirmation=Confirmation.ALWAYS)

    given(*DEACTIVATED_ON_SUSPICION).when(command).then(
        proved(listed("trm"), reason=Reason.SANCTIONS_MATCH, due=TOMORROW),
        raised(listed("trm"), reason=Reason.SANCTIONS_MATCH, second=True),
    )


def test_a_second_source_is_told_to_officers_where_they_confirm() -> None:
    command = monitoring(grave("ofac"), alert=SECOND_ALERT, confirmation=Confirmation.ALWAYS)

    given(*DEACTIVATED_ON_SUSPICION).when(command).then(
        proved(grave("ofac"), reason=Reason.CONFIRMED_BY_TWO_SOURCES, due=TOMORROW),
        raised(grave("ofac"), reason=Reason.CONFIRMED_BY_TWO_SOURCES, second=True),
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
