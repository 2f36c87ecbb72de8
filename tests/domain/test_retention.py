from dataclasses import replace
from datetime import timedelta

import pytest

from domain.commands import Command, DeactivateCustomer, LiftLegalHold, PlaceLegalHold, ReactivateCustomer
from domain.events import LegalHoldLifted, LegalHoldPlaced, SubjectErased
from domain.refusals import CustomerErased, PartnerRequestAlone, UnderLegalHold, WithinRetention, WrongStatus
from domain.vocabulary import Event, Ground, LegalBasis
from tests.domain.given import given
from tests.domain.histories import (
    ACTIVE,
    CHALLENGE_VERIFIED,
    DEACTIVATED_BY_PARTNER,
    ERASED,
    HISTORIES,
    REGISTERED,
    REJECTED_IN_SCREENING,
    UNDER_LEGAL_HOLD,
    VERIFYING_IN_SESSION,
)
from tests.domain.samples import ERASURE as ERASE
from tests.domain.samples import NOW, RETENTION

PLACE = PlaceLegalHold("Central Bank", "case 12/26")
LIFT = LiftLegalHold("Central Bank", "closed")
PLACED = LegalHoldPlaced(authority="Central Bank", reason="case 12/26")
LIFTED = LegalHoldLifted(authority="Central Bank", reason="closed")
GONE = SubjectErased(legal_basis="retention_over", key_reference="subject-key/7")


@pytest.mark.parametrize("name", sorted(HISTORIES.keys() - {"under legal hold", "erased"}))
def test_an_authority_holds_a_customer_whatever_its_status(name: str) -> None:
    history = HISTORIES[name]

    given(*history).when(PLACE).then(PLACED)
    given(*history, PLACED).when(PLACE).ignored()
    given(*history, PLACED).when(LIFT).then(LIFTED)
    given(*history).when(LIFT).ignored()


@pytest.mark.parametrize(
    "history",
    [REGISTERED, CHALLENGE_VERIFIED, VERIFYING_IN_SESSION, DEACTIVATED_BY_PARTNER, REJECTED_IN_SCREENING],
)
def test_who_is_not_in_is_erased_once(history: tuple[Event, ...]) -> None:
    given(*history).when(ERASE).then(GONE)
    given(*history, GONE).when(ERASE).ignored()


def test_who_is_in_is_not_erased() -> None:
    given(*ACTIVE).when(ERASE).refused(WrongStatus)


def test_nothing_is_erased_under_a_legal_hold() -> None:
    given(*UNDER_LEGAL_HOLD).when(ERASE).refused(UnderLegalHold)
    given(*UNDER_LEGAL_HOLD, LIFTED).when(ERASE).then(GONE)


@pytest.mark.parametrize(
    "basis", [LegalBasis.RETENTION_OVER, LegalBasis.DATA_SUBJECT_REQUEST, LegalBasis.AUTHORITY_ORDER]
)
def test_nothing_is_erased_before_the_retention_is_over_whoever_asks(basis: LegalBasis) -> None:
    asked = replace(ERASE, legal_basis=basis)
    moment = timedelta(microseconds=1)
    given(*REJECTED_IN_SCREENING).when(replace(asked, now=NOW + RETENTION - moment)).refused(WithinRetention)
    given(*REJECTED_IN_SCREENING).when(asked).then(GONE.model_copy(update={"legal_basis": basis}))


def test_a_partners_request_alone_erases_nothing_ever() -> None:
    asked = replace(ERASE, legal_basis=LegalBasis.PARTNER_REQUEST, now=NOW + 10 * RETENTION)
    given(*DEACTIVATED_BY_PARTNER).when(asked).refused(PartnerRequestAlone)


def test_nothing_is_erased_where_nobody_says_that_the_relationship_ended() -> None:
    given(*REJECTED_IN_SCREENING).when(replace(ERASE, ended_at=None)).refused(WrongStatus)


def test_a_hold_is_what_an_authority_is_told_of_first() -> None:
    early = replace(ERASE, legal_basis=LegalBasis.PARTNER_REQUEST, now=NOW)
    given(*REJECTED_IN_SCREENING, PLACED).when(early).refused(UnderLegalHold)


def test_erasing_twice_changes_nothing_whatever_has_become_of_the_reasons() -> None:
    given(*ERASED).when(replace(ERASE, now=NOW, ended_at=None)).ignored()
    given(*ERASED, PLACED).when(ERASE).ignored()


@pytest.mark.parametrize(
    "command",
    [
        PLACE,
        LIFT,
        ReactivateCustomer("officer:1", officer=True, reason="found innocent"),
        DeactivateCustomer(Ground.ISSUE, "officer:1", "an issue"),
    ],
)
def test_nothing_more_happens_to_who_was_erased(command: Command) -> None:
    """Most of it would say something of a person, and there is no key any more to seal that with."""
    given(*ERASED).when(command).refused(CustomerErased)
    given(*DEACTIVATED_BY_PARTNER, GONE).when(command).refused(CustomerErased)
