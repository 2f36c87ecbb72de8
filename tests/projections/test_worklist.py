from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from domain.customer import fold
from domain.events import (
    LegalHoldPlaced,
    RejectionProposed,
    RejectionWithdrawn,
    ScreeningAttempted,
    VerificationStarted,
    WalletClaimed,
)
from domain.findings import SourceReport
from domain.policies.monitoring import FIRST_LOOK
from domain.vocabulary import Event, Reason
from projections.worklist import POLLED_AFTER, WORKLIST, WorkRow, work_row
from tests.domain.histories import (
    ASKED_TO_RETRY,
    CHALLENGE_VERIFIED,
    HELD_IN_SCREENING,
    HELD_IN_VERIFYING,
    HISTORIES,
    REGISTERED,
    SCREENED,
    VERIFYING_IN_SESSION,
)
from tests.domain.samples import ALICE, APPLICANT, CUSTOMER, NOW, WALLET, grave, minutes, silent
from tests.projections.recorded import CORRELATION, event_id, moment, recorded, row_of

# What is next, which attempt, when it is due (None: when a person acts), and the version that asked for it.
EXPECTED: dict[str, tuple[str, int, datetime | None, int]] = {
    "registered": ("await_signature", 0, None, 1),
    "challenge failed": ("await_signature", 0, None, 1),
    "challenge verified": ("screen", 1, moment(3), 3),
    "screening in doubt": ("confirm", 2, minutes(1), 4),
    "held in screening": ("review", 2, None, 5),
    "screened": ("open_verification", 1, moment(5), 5),
    "verifying in session": ("await_verification", 1, moment(6) + POLLED_AFTER, 6),
    "asked to retry": ("await_verification", 2, moment(7) + POLLED_AFTER, 7),
    "hold resolved": ("open_verification", 1, moment(7), 7),
    "held in verifying": ("await_verification", 1, moment(7) + POLLED_AFTER, 7),
    "monitored": ("monitor", 2, NOW + timedelta(days=2), 8),
    **dict.fromkeys(
        (
            "active",
            "deactivated by partner",
            "deactivated for an issue",
            "deactivated on suspicion",
            "active under alert",
            "alert cleared",
            "rejection proposed",
            "rejection refused",
            "rejection expired",
        ),
        ("monitor", 1, moment(7) + FIRST_LOOK, 7),
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_leads_to_what_is_next(name: str) -> None:
    row = row_of(WORKLIST, *HISTORIES[name])

    if name not in EXPECTED:
        assert row is None
    else:
        kind, attempt, due, version = EXPECTED[name]
        assert row == WorkRow(
            customer=CUSTOMER,
            kind=kind,
            attempt=attempt,
            due=due,
            wallet=WALLET,
            caused_by=event_id(version),
            correlation=CORRELATION,
        )


@pytest.mark.parametrize("name", HISTORIES)
def test_there_is_something_next_for_whoever_is_on_the_way_and_nobody_else(name: str) -> None:
    customer = fold(HISTORIES[name])

    assert customer is not None
    assert (row_of(WORKLIST, *HISTORIES[name]) is not None) == (customer.status != "rejected" and not customer.erased)


@pytest.mark.parametrize("name", HISTORIES)
def test_an_officer_is_asked_wherever_a_policy_held(name: str) -> None:
    customer = fold(HISTORIES[name])
    row = row_of(WORKLIST, *HISTORIES[name])

    assert customer is not None
    provider_looks = Reason.PROVIDER_HOLD in customer.held_for
    assert (row is not None and row.kind == "review") == (customer.held and not provider_looks)


def kind_after(*history: Event) -> Any:  # noqa: ANN401 -- a kind, or an attribute error
    """What is next."""
    return row_of(WORKLIST, *history).kind


def attempted(attempt: int, *reports: SourceReport, reasons: tuple[Reason, ...]) -> ScreeningAttempted:
    """An attempt that decided nothing."""
    return ScreeningAttempted(
        attempt=attempt, reports=reports, verdict="retry", reasons=reasons, policy="screening-1", due=minutes(1)
    )


def test_what_one_source_found_is_to_be_confirmed_and_still_is_after_an_outage() -> None:
    out = attempted(1, silent("trm"), reasons=(Reason.SOURCE_UNAVAILABLE,))
    doubt = attempted(2, grave(), reasons=(Reason.SINGLE_SOURCE_FINDINGS,))
    out_again = attempted(3, silent("trm"), reasons=(Reason.SOURCE_UNAVAILABLE,))

    assert kind_after(*CHALLENGE_VERIFIED, out) == "screen"
    assert kind_after(*CHALLENGE_VERIFIED, out, doubt) == "confirm"
    assert kind_after(*CHALLENGE_VERIFIED, out, doubt, out_again) == "confirm"
    assert row_of(WORKLIST, *CHALLENGE_VERIFIED, out, doubt, out_again).attempt == 4


DOUBLE: Final = HELD_IN_VERIFYING[-1].model_copy(update={"reasons": (Reason.DUPLICATE_PERSON,)})


def test_what_the_provider_itself_holds_is_asked_for_again_and_what_we_hold_is_an_officers() -> None:
    assert kind_after(*VERIFYING_IN_SESSION, HELD_IN_VERIFYING[-1]) == "await_verification"
    assert kind_after(*VERIFYING_IN_SESSION, DOUBLE) == "review"


def test_a_session_that_opens_late_ends_no_review() -> None:
    started = VerificationStarted(provider="sumsub", applicant=APPLICANT, level="basic")

    assert kind_after(*SCREENED, started) == "await_verification"
    assert kind_after(*SCREENED, DOUBLE, started) == "review"
    assert kind_after(*SCREENED, ASKED_TO_RETRY[-1], started) == "await_verification"


def test_a_provider_that_asks_for_a_retry_ends_its_hold() -> None:
    assert kind_after(*HELD_IN_VERIFYING, ASKED_TO_RETRY[-1]) == "await_verification"


@pytest.mark.parametrize(
    "history", [REGISTERED, CHALLENGE_VERIFIED, HELD_IN_SCREENING, SCREENED, VERIFYING_IN_SESSION, HELD_IN_VERIFYING]
)
def test_what_officers_propose_and_authorities_hold_does_not_change_what_is_next(history: tuple[Event, ...]) -> None:
    aside = (
        RejectionProposed(officer=ALICE, reason="mixes funds", evidence=()),
        RejectionWithdrawn(officer=ALICE, reason="mistaken"),
        LegalHoldPlaced(authority="Central Bank", reason="case 12/26"),
    )

    assert row_of(WORKLIST, *history, *aside) == row_of(WORKLIST, *history)


def test_events_without_a_customer_are_no_work() -> None:
    for event in (WalletClaimed(customer=CUSTOMER), *CHALLENGE_VERIFIED[1:]):
        assert work_row(None, recorded(event)[0]) is None
