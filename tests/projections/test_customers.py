import pytest

from domain.events import (
    AlertCleared,
    ChallengeIssued,
    CustomerDeactivated,
    CustomerReactivated,
    LegalHoldPlaced,
    RejectionProposed,
    RejectionWithdrawn,
    ScreeningAttempted,
    VerificationStarted,
    WalletClaimed,
)
from domain.vocabulary import Event, Ground
from projections.customers import CUSTOMERS, CustomerRow, customer_row
from tests.domain.histories import (
    ACTIVE,
    CHALLENGE_FAILED,
    DEACTIVATED_BY_PARTNER,
    DEACTIVATED_ON_SUSPICION,
    HELD_IN_SCREENING,
    HELD_IN_VERIFYING,
    HISTORIES,
    REGISTERED,
    REJECTED_IN_SCREENING,
    SCREENING_IN_DOUBT,
    VERIFYING_IN_SESSION,
)
from tests.domain.samples import ADDRESS, ALERT, ALICE, BY_PARTNER, CUSTOMER, FRESH, PARTNER, WALLET
from tests.projections.recorded import moment, recorded, row_of

# What a partner sees, what an officer sees, and the version at which the partner last saw a change.
EXPECTED = {
    "registered": ("initiating", "awaiting_signature", 1),
    "challenge failed": ("initiating", "signature_failed", 1),
    "challenge verified": ("screening", "", 3),
    "screening in doubt": ("screening", "retrying", 3),
    "held in screening": ("screening", "on_hold", 3),
    "rejected in screening": ("rejected", "", 5),
    "screened": ("verifying", "", 5),
    "verifying in session": ("verifying", "in_session", 5),
    "asked to retry": ("verifying", "asked_to_retry", 5),
    "held in verifying": ("verifying", "on_hold", 5),
    "rejected in verifying": ("rejected", "", 7),
    "active": ("active", "", 7),
    "monitored": ("active", "", 7),
    "deactivated by partner": ("inactive", "partner_request", 8),
    "deactivated for an issue": ("inactive", "issue", 8),
    "deactivated on suspicion": ("inactive", "suspicion", 9),
    "active under alert": ("active", "", 10),
    "alert cleared": ("active", "", 11),
    "rejected for illicit activity": ("rejected", "", 10),
    "rejection proposed": ("inactive", "rejection_proposed", 9),
    "rejection refused": ("inactive", "rejection_refused", 9),
    "rejection expired": ("inactive", "rejection_expired", 9),
    "hold resolved": ("verifying", "", 7),
    "under legal hold": ("rejected", "", 5),
    "erased": ("rejected", "erased", 5),
}


def row(*history: Event) -> CustomerRow:
    """The customer that a history leads to."""
    found = row_of(CUSTOMERS, *history)
    assert isinstance(found, CustomerRow)
    return found


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_leads_to_its_row(name: str) -> None:
    status, detail, seen = EXPECTED[name]
    told = ("user-4711", WALLET, f"eip155:{ADDRESS.lower()}") if name != "erased" else ("", "", "")

    assert row(*HISTORIES[name]) == CustomerRow(
        CUSTOMER,
        PARTNER,
        *told,
        status=status,
        detail=detail,
        version=len(HISTORIES[name]),
        created_at=moment(1),
        updated_at=moment(seen),
        registered_position=101,
    )


def test_a_fresh_challenge_waits_for_its_signature() -> None:
    assert row(*CHALLENGE_FAILED, FRESH).detail == "awaiting_signature"
    assert isinstance(FRESH, ChallengeIssued)


def test_another_ground_beside_the_first_is_no_change_that_a_partner_sees() -> None:
    suspected = CustomerDeactivated(ground=Ground.SUSPICION, decided_by="policy:monitoring-1")

    after = row(*DEACTIVATED_BY_PARTNER, suspected)

    assert (after.status, after.detail) == ("inactive", "suspicion")
    assert after.updated_at == row(*DEACTIVATED_BY_PARTNER).updated_at
    assert after.version == len(DEACTIVATED_BY_PARTNER) + 1


def test_what_goes_on_inside_a_status_is_no_change_that_a_partner_sees() -> None:
    inside = (
        AlertCleared(alert=ALERT, decided_by=ALICE, reason="another wallet"),
        RejectionProposed(officer=ALICE, reason="mixes funds", evidence=()),
        LegalHoldPlaced(authority="Central Bank", reason="case 12/26"),
    )

    after = row(*DEACTIVATED_ON_SUSPICION, *inside)

    assert after.updated_at == row(*DEACTIVATED_ON_SUSPICION).updated_at
    assert after.version == len(DEACTIVATED_ON_SUSPICION) + 3


def test_a_proposal_that_was_withdrawn_shows_no_more() -> None:
    proposed = RejectionProposed(officer=ALICE, reason="mixes funds", evidence=())
    withdrawn = RejectionWithdrawn(officer=ALICE, reason="mistaken")

    assert row(*HELD_IN_SCREENING, proposed).detail == "rejection_proposed"
    assert row(*HELD_IN_SCREENING, proposed, withdrawn).detail == "rejection_withdrawn"


def test_a_session_that_opens_late_hides_no_hold() -> None:
    before_the_session = (*VERIFYING_IN_SESSION[:-1], HELD_IN_VERIFYING[-1])
    started = VerificationStarted(provider="sumsub", applicant="applicant-7", level="basic")

    assert row(*before_the_session, started).detail == "on_hold"


def test_an_attempt_that_passes_or_fails_says_nothing_of_its_own() -> None:
    for verdict in ("clear", "fail"):
        attempt = ScreeningAttempted.model_validate(
            {"attempt": 2, "reports": (), "verdict": verdict, "policy": "screening-1"}
        )
        assert row(*SCREENING_IN_DOUBT, attempt).detail == "retrying"


def test_a_legal_hold_leaves_the_detail_as_it_was() -> None:
    held = LegalHoldPlaced(authority="Central Bank", reason="case 12/26")

    assert row(*DEACTIVATED_BY_PARTNER, held).detail == "partner_request"


def test_a_reason_never_shows() -> None:
    told = CustomerDeactivated(ground=Ground.ISSUE, decided_by=BY_PARTNER, reason="Alma lost her phone")

    assert "Alma" not in repr(row(*ACTIVE, told))


def test_events_without_a_customer_make_no_row() -> None:
    claimed = WalletClaimed(customer=CUSTOMER)

    for event in (claimed, *REGISTERED[1:], *REJECTED_IN_SCREENING[2:]):
        assert customer_row(None, recorded(event)[0]) is None


def test_two_changes_of_one_commit_are_told_apart_by_when_they_were_made() -> None:
    suspended = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)
    resumed = CustomerReactivated(decided_by=BY_PARTNER)
    row = row_of(CUSTOMERS, *ACTIVE)
    seen = [row.updated_at]
    for event in (suspended, resumed, suspended):
        (envelope,) = recorded(event)
        envelope.recorded_at, envelope.version = row.updated_at, row.version + 1
        row = CUSTOMERS.evolve(row, envelope) or row
        seen.append(row.updated_at)

    assert sorted(set(seen)) == seen
