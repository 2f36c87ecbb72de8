from itertools import product
from runpy import run_path

import pytest

from domain.customer import ALLOWED, LEADS_TO, Customer, evolve, fold
from domain.decide import decide
from domain.events import EVENTS
from domain.refusals import WrongStatus
from domain.vocabulary import Status
from projections import projection
from projections.projection import CUSTOMER_EVENTS
from tests.domain.histories import HISTORIES
from tests.domain.samples import REGISTRATION
from tests.domain.stored import envelope_of

STATUSES = {
    "registered": "initiating",
    "challenge failed": "initiating",
    "challenge verified": "screening",
    "screening in doubt": "screening",
    "held in screening": "screening",
    "rejected in screening": "rejected",
    "screened": "verifying",
    "verifying in session": "verifying",
    "asked to retry": "verifying",
    "held in verifying": "verifying",
    "rejected in verifying": "rejected",
    "active": "active",
    "monitored": "active",
    "deactivated by partner": "inactive",
    "deactivated for an issue": "inactive",
    "deactivated on suspicion": "inactive",
    "active under alert": "active",
    "alert cleared": "active",
    "rejected for illicit activity": "rejected",
    "rejection proposed": "inactive",
    "rejection refused": "inactive",
    "rejection expired": "inactive",
    "hold resolved": "verifying",
    "under legal hold": "rejected",
    "erased": "rejected",
}
OTHER_STREAMS = {
    "WalletClaimed",
    "PersonRecognised",
    "OnboardingBarred",
    "ApiKeyIssued",
    "ApiKeyRevoked",
    "ApiKeyRotated",
    "LoginRefused",
    "RequestKeyRegistered",
    "RequestKeyRemoved",
    "AuditTrailRead",
    "SanctionsListPublished",
    "CustomersRescreened",
    "SigningKeyAnnounced",
    "CheckpointPublished",
    "ExportProduced",
    "MasterKeyRotated",
    "WebhookRegistered",
    "WebhookTypesChanged",
    "WebhookSecretRotated",
    "WebhookMarkedFailing",
    "WebhookRecovered",
    "WebhookRemoved",
    "WebhookAddressTaken",
    "WebhookAddressReleased",
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_leads_to_its_status(name: str) -> None:
    customer = fold(HISTORIES[name])

    assert customer is not None
    assert customer.status == STATUSES[name]


def test_the_examples_show_every_status_and_every_event_of_a_customer() -> None:
    assert {STATUSES[name] for name in HISTORIES} == set(Status)
    told = {type(event).__name__ for history in HISTORIES.values() for event in history}
    assert told | {"LegalHoldLifted", "RejectionWithdrawn"} == EVENTS.keys() - OTHER_STREAMS


def folded() -> list[Customer | None]:
    """Every history as it loads now, and every pair of stored examples after each."""
    loaded = [fold(history) for history in HISTORIES.values()]
    later = [evolve(customer, envelope_of(name).event) for customer, name in product(loaded, EVENTS)]
    return loaded + later


def test_todays_rules_do_not_change_how_a_stored_history_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = folded()

    monkeypatch.setattr("domain.customer.ALLOWED", {})
    monkeypatch.setattr("domain.decide.ALLOWED", {})

    assert folded() == before
    assert run_path(projection.__file__)["CUSTOMER_EVENTS"] == CUSTOMER_EVENTS
    with pytest.raises(WrongStatus):
        decide(None, REGISTRATION)


def test_every_event_of_a_customer_may_happen_somewhere_and_no_other_event_may() -> None:
    allowed = {event for events in ALLOWED.values() for event in events}

    assert {event.__name__ for event in allowed} == EVENTS.keys() - OTHER_STREAMS
    assert allowed == CUSTOMER_EVENTS
    assert allowed >= LEADS_TO.keys()
    assert ALLOWED.keys() == {None, *Status}


def test_an_event_that_changes_the_status_is_allowed_where_the_six_statuses_meet_and_nowhere_else() -> None:
    steps = {
        (status, LEADS_TO[event]) for status, events in ALLOWED.items() for event in events if event in LEADS_TO
    } - {(Status.INACTIVE, Status.INACTIVE), (Status.ACTIVE, Status.ACTIVE)}

    assert steps == {
        (None, "initiating"),
        ("initiating", "screening"),
        ("screening", "verifying"),
        ("screening", "rejected"),
        ("verifying", "active"),
        ("verifying", "rejected"),
        ("active", "inactive"),
        ("active", "rejected"),
        ("inactive", "active"),
        ("inactive", "rejected"),
    }


def test_no_event_leads_out_of_rejected() -> None:
    assert not ALLOWED[Status.REJECTED] & LEADS_TO.keys()


@pytest.mark.parametrize("name", sorted(OTHER_STREAMS))
def test_a_stream_that_is_not_a_customers_tells_of_no_customer(name: str) -> None:
    event = envelope_of(name).event

    assert fold((event, event)) is None
    for history in HISTORIES.values():
        assert fold((*history, event)) == fold(history)


@pytest.mark.parametrize("name", HISTORIES)
def test_every_event_loads_after_every_other_whether_it_could_happen_or_not(name: str) -> None:
    history = HISTORIES[name]
    for version, event in product(range(1, len(history) + 1), EVENTS):
        assert isinstance(fold((*history[:version], envelope_of(event).event)), Customer)


def test_a_stream_that_lacks_its_beginning_tells_of_no_customer() -> None:
    for history in HISTORIES.values():
        assert fold(history[1:]) is None
