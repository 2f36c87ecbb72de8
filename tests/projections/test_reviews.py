from functools import reduce

import pytest

from domain.events import (
    AlertCleared,
    AlertRaised,
    IllicitActivityConfirmed,
    RejectionExpired,
    RejectionProposed,
    RejectionRefused,
    RejectionWithdrawn,
    ScreeningAttempted,
    VerificationHeld,
)
from domain.vocabulary import Event, Reason
from projections.reviews import Review, Reviews, reviews_row
from tests.domain.histories import (
    ACTIVE,
    ACTIVE_UNDER_ALERT,
    ALERT_CLEARED,
    ASKED_TO_RETRY,
    DEACTIVATED_BY_PARTNER,
    DEACTIVATED_ON_SUSPICION,
    HELD_IN_SCREENING,
    HELD_IN_VERIFYING,
    HISTORIES,
    HOLD_RESOLVED,
    REJECTED_FOR_ILLICIT_ACTIVITY,
    REJECTION_EXPIRED,
    REJECTION_PROPOSED,
    REJECTION_REFUSED,
    SCREENED,
    SCREENING_IN_DOUBT,
)
from tests.domain.samples import ALERT, ALICE, BOB, CUSTOMER, SECOND_ALERT, clean, digest, grave, minutes, silent
from tests.projections.recorded import event_id, moment, recorded


def reviews(*history: Event) -> tuple[Review, ...]:
    """All reviews that a history leads to."""
    nothing: Reviews | None = None
    row = reduce(reviews_row, recorded(*history), nothing)
    return row.reviews if row else ()


def waiting(*history: Event) -> list[str]:
    """The kinds of those that wait for an officer."""
    return [review.kind for review in reviews(*history) if review.open]


OPEN: dict[str, list[str]] = {
    "held in screening": ["screening_hold"],
    "held in verifying": ["verification_hold"],
    "deactivated on suspicion": ["alert"],
    "active under alert": ["alert"],
    "rejection proposed": ["alert", "rejection_proposal"],
    "rejection refused": ["alert"],
    "rejection expired": ["alert"],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_what_waits_for_an_officer_waits_and_nothing_else_does(name: str) -> None:
    assert waiting(*HISTORIES[name]) == OPEN.get(name, [])


def test_a_hold_says_why_since_when_and_on_what_evidence_from_the_first_doubt_on() -> None:
    assert reviews(*HELD_IN_SCREENING) == (
        Review(
            customer=CUSTOMER,
            position=104,
            id=event_id(4),
            kind="screening_hold",
            opened=105,
            since=moment(5),
            reasons="contradicted_findings",
            evidence=f"{digest('ofac is grave')} {digest('ofac is clean')}",
            officer=None,
            expires_at=None,
            closed_at=None,
            closed_by=None,
        ),
    )


def test_a_wallet_in_doubt_is_no_review_yet() -> None:
    (doubt,) = reviews(*SCREENING_IN_DOUBT)

    assert (doubt.open, doubt.opened, doubt.since) == (False, None, None)


def test_whoever_never_gave_rise_to_doubt_has_no_row() -> None:
    outage = ScreeningAttempted(attempt=1, reports=(silent(),), verdict="retry", policy="screening-1")

    for history in (ACTIVE, DEACTIVATED_BY_PARTNER, SCREENED, (*SCREENED[:3], outage, *SCREENED[3:])):
        assert reviews(*history) == ()


def test_a_proposal_that_is_made_between_two_attempts_does_not_hide_the_doubt() -> None:
    proposed = RejectionProposed(officer=ALICE, reason="mixes funds", evidence=())

    doubt, proposal = reviews(*SCREENING_IN_DOUBT, proposed, HELD_IN_SCREENING[-1])

    assert doubt.evidence.split() == [digest("ofac is grave"), digest("ofac is clean")]
    assert (doubt.open, proposal.open) == (True, True)


def test_a_proposal_says_who_made_it_and_until_when_it_stands() -> None:
    proposed = RejectionProposed(
        officer=ALICE, reason="mixes funds", evidence=(digest("a memo"),), expires_at=minutes(60)
    )

    (proposal,) = reviews(*ACTIVE, proposed)

    assert (proposal.officer, proposal.expires_at) == (ALICE, minutes(60))
    assert proposal.evidence == digest("a memo")
    assert "mixes" not in repr(proposal)


ENDS: dict[str, tuple[tuple[Event, ...], str]] = {
    "passed by an officer": (HOLD_RESOLVED, "ScreeningPassed"),
    "asked to retry": ((*HELD_IN_VERIFYING, ASKED_TO_RETRY[-1]), "VerificationRetryRequested"),
    "cleared": (ALERT_CLEARED, "AlertCleared"),
    "illicit": (REJECTED_FOR_ILLICIT_ACTIVITY, "IllicitActivityConfirmed"),
    "refused": (REJECTION_REFUSED, "RejectionRefused"),
    "expired": (REJECTION_EXPIRED, "RejectionExpired"),
    "withdrawn": ((*REJECTION_PROPOSED, RejectionWithdrawn(officer=ALICE, reason="mistaken")), "RejectionWithdrawn"),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_was_decided_stays_with_what_ended_it(how: str) -> None:
    history, event = ENDS[how]

    ended = reviews(*history)[-1]

    assert (ended.open, ended.closed_by, ended.closed_at) == (False, event, moment(history_index(history, event)))


def history_index(history: tuple[Event, ...], name: str) -> int:
    """The version of the last event of a type."""
    return max(version for version, event in enumerate(history, 1) if type(event).__name__ == name)


def test_a_newer_hold_takes_the_place_of_the_one_before() -> None:
    newer = VerificationHeld(
        reasons=(Reason.DUPLICATE_PERSON,), policy="verification-1", evidence=digest("newer"), reported_at=minutes(25)
    )

    before, after = reviews(*HELD_IN_VERIFYING, newer)

    assert (before.open, before.closed_by) == (False, "VerificationHeld")
    assert (after.open, after.id, after.evidence) == (True, event_id(8), digest("newer"))


def test_one_alert_is_cleared_and_not_the_other() -> None:
    second = AlertRaised(alert=SECOND_ALERT, reports=(grave("ofac"),), reasons=(), policy="monitoring-1")
    cleared = AlertCleared(alert=ALERT, decided_by=BOB, reason="another wallet")

    first, other = reviews(*ACTIVE_UNDER_ALERT, second, cleared)

    assert (first.id, first.open) == (ALERT, False)
    assert (other.id, other.open) == (SECOND_ALERT, True)


def test_switching_a_customer_off_and_on_ends_no_review() -> None:
    history = (*REJECTION_PROPOSED, *ACTIVE_UNDER_ALERT[-1:], *DEACTIVATED_ON_SUSPICION[-1:])

    assert waiting(*history) == ["alert", "rejection_proposal"]


def test_reviews_stand_in_the_order_of_their_keys() -> None:
    for history in HISTORIES.values():
        found = reviews(*history)
        assert list(found) == sorted(found, key=lambda review: review[:2])


def test_every_way_to_end_a_proposal_is_an_event_of_its_own() -> None:
    ways: dict[type[Event], Event] = {
        RejectionWithdrawn: RejectionWithdrawn(officer=ALICE, reason="mistaken"),
        RejectionRefused: RejectionRefused(officer=BOB, reason="a namesake"),
        RejectionExpired: RejectionExpired(proposed_by=ALICE),
        IllicitActivityConfirmed: IllicitActivityConfirmed(
            reasons=(Reason.OFFICER_DECISION,), evidence=(), policy="monitoring-1", decided_by=(ALICE, BOB)
        ),
    }

    for kind, event in ways.items():
        assert reviews(*REJECTION_PROPOSED, event)[-1].closed_by == kind.__name__


def test_a_clean_look_after_a_doubt_says_so_in_the_evidence() -> None:
    (doubt,) = reviews(
        *SCREENING_IN_DOUBT,
        ScreeningAttempted(attempt=2, reports=(clean("trm"),), verdict="retry", policy="screening-1"),
    )

    assert doubt.evidence.split() == [digest("ofac is grave"), digest("trm is clean")]
