import pytest

from domain.commands import DeactivateCustomer, ReactivateCustomer
from domain.events import AlertCleared, CustomerDeactivated, CustomerReactivated, IllicitActivityConfirmed
from domain.refusals import ActivationReserved, WrongStatus
from domain.vocabulary import Event, Ground, Reason
from tests.domain.given import given
from tests.domain.histories import (
    ACTIVE,
    ALERT_CLEARED,
    CHALLENGE_VERIFIED,
    DEACTIVATED_BY_PARTNER,
    DEACTIVATED_FOR_AN_ISSUE,
    DEACTIVATED_ON_SUSPICION,
    REGISTERED,
    REJECTED_FOR_ILLICIT_ACTIVITY,
    REJECTED_IN_SCREENING,
    VERIFYING_IN_SESSION,
)
from tests.domain.samples import ALERT, ALICE, BY_PARTNER, digest

PARTNER_SUSPENDS = DeactivateCustomer(Ground.PARTNER_REQUEST, by=BY_PARTNER, reason="lost phone")
PARTNER_RESUMES = ReactivateCustomer(by=BY_PARTNER, officer=False)
OFFICER_RESUMES = ReactivateCustomer(by=ALICE, officer=True, reason="settled")

NOT_IN = pytest.mark.parametrize("history", [REGISTERED, CHALLENGE_VERIFIED, VERIFYING_IN_SESSION])


def test_a_partner_suspends_its_customer() -> None:
    given(*ACTIVE).when(PARTNER_SUSPENDS).then(
        CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER, reason="lost phone")
    )


def test_suspending_twice_changes_nothing() -> None:
    given(*DEACTIVATED_BY_PARTNER).when(PARTNER_SUSPENDS).ignored()


@pytest.mark.parametrize("history", [DEACTIVATED_FOR_AN_ISSUE, DEACTIVATED_ON_SUSPICION])
def test_a_partners_request_is_on_record_beside_other_grounds(history: tuple[Event, ...]) -> None:
    given(*history).when(PARTNER_SUSPENDS).then(
        CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER, reason="lost phone")
    )


def test_a_partner_resumes_what_it_suspended() -> None:
    given(*DEACTIVATED_BY_PARTNER).when(PARTNER_RESUMES).then(CustomerReactivated(decided_by=BY_PARTNER))


@pytest.mark.parametrize("history", [ACTIVE, ALERT_CLEARED])
def test_resuming_an_active_customer_changes_nothing(history: tuple[Event, ...]) -> None:
    given(*history).when(PARTNER_RESUMES).ignored()
    given(*history).when(OFFICER_RESUMES).ignored()


@pytest.mark.parametrize("history", [DEACTIVATED_FOR_AN_ISSUE, DEACTIVATED_ON_SUSPICION])
def test_what_we_suspended_only_an_officer_resumes(history: tuple[Event, ...]) -> None:
    asked = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)

    given(*history).when(PARTNER_RESUMES).refused(ActivationReserved)
    given(*history, asked).when(PARTNER_RESUMES).refused(ActivationReserved)
    given(*history).when(OFFICER_RESUMES).then(CustomerReactivated(decided_by=ALICE, reason="settled"))


def test_a_customer_that_was_suspended_by_its_partner_too_is_its_partners_again_once_the_alert_is_cleared() -> None:
    asked = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)
    cleared = AlertCleared(alert=ALERT, decided_by=ALICE, reason="another wallet")

    given(*DEACTIVATED_ON_SUSPICION, asked, cleared).when(PARTNER_RESUMES).then(
        CustomerReactivated(decided_by=BY_PARTNER)
    )


def test_resuming_forgets_every_ground() -> None:
    resumed = CustomerReactivated(decided_by=ALICE)
    asked = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)

    given(*DEACTIVATED_FOR_AN_ISSUE, resumed, asked).when(PARTNER_RESUMES).then(
        CustomerReactivated(decided_by=BY_PARTNER)
    )


@NOT_IN
def test_who_is_not_in_can_be_neither_suspended_nor_resumed(history: tuple[Event, ...]) -> None:
    given(*history).when(PARTNER_SUSPENDS).refused(WrongStatus)
    given(*history).when(PARTNER_RESUMES).refused(WrongStatus)
    given(*history).when(OFFICER_RESUMES).refused(WrongStatus)


@pytest.mark.parametrize("history", [REJECTED_IN_SCREENING, REJECTED_FOR_ILLICIT_ACTIVITY])
def test_a_rejected_customer_stays_rejected_whoever_asks(history: tuple[Event, ...]) -> None:
    given(*history).when(PARTNER_SUSPENDS).refused(WrongStatus)
    given(*history).when(PARTNER_RESUMES).refused(WrongStatus)
    given(*history).when(OFFICER_RESUMES).refused(WrongStatus)


def test_a_customer_that_was_suspended_when_it_was_rejected_is_not_suspended_any_more() -> None:
    rejected = IllicitActivityConfirmed(
        reasons=(Reason.SANCTIONS_MATCH,), evidence=(digest("x"),), policy="monitoring-1", decided_by=("policy:x",)
    )

    given(*DEACTIVATED_BY_PARTNER, rejected).when(PARTNER_SUSPENDS).refused(WrongStatus)
