import pytest

from domain.commands import EraseSubject, LiftLegalHold, PlaceLegalHold
from domain.events import LegalHoldLifted, LegalHoldPlaced, SubjectErased
from domain.refusals import UnderLegalHold, WrongStatus
from domain.vocabulary import Event
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

PLACE = PlaceLegalHold("Central Bank", "case 12/26")
LIFT = LiftLegalHold("Central Bank", "closed")
ERASE = EraseSubject("retention ended", "subject-key/7")
PLACED = LegalHoldPlaced(authority="Central Bank", reason="case 12/26")
LIFTED = LegalHoldLifted(authority="Central Bank", reason="closed")
GONE = SubjectErased(legal_basis="retention ended", key_reference="subject-key/7")


@pytest.mark.parametrize("name", sorted(HISTORIES.keys() - {"under legal hold"}))
def test_an_authority_holds_a_customer_whatever_its_status(name: str) -> None:
    history = HISTORIES[name]

    given(*history).when(PLACE).then(PLACED)
    given(*history, PLACED).when(PLACE).ignored()
    given(*history, PLACED).when(LIFT).then(LIFTED)
    given(*history).when(LIFT).ignored()


@pytest.mark.parametrize("history", [REGISTERED, DEACTIVATED_BY_PARTNER, REJECTED_IN_SCREENING])
def test_who_is_out_is_erased_once(history: tuple[Event, ...]) -> None:
    given(*history).when(ERASE).then(GONE)
    given(*history, GONE).when(ERASE).ignored()


@pytest.mark.parametrize("history", [CHALLENGE_VERIFIED, VERIFYING_IN_SESSION, ACTIVE])
def test_who_is_in_or_on_the_way_is_not_erased(history: tuple[Event, ...]) -> None:
    given(*history).when(ERASE).refused(WrongStatus)


def test_nothing_is_erased_under_a_legal_hold() -> None:
    given(*UNDER_LEGAL_HOLD).when(ERASE).refused(UnderLegalHold)
    given(*UNDER_LEGAL_HOLD, LIFTED).when(ERASE).then(GONE)


def test_erasing_twice_changes_nothing_though_a_hold_came_after() -> None:
    given(*ERASED, PLACED).when(ERASE).ignored()
