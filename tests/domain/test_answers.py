"""Every command in every status: what the answer is. Three tables, for customers plain, troubled and bound."""

from collections.abc import Iterator
from typing import Final, get_args

import pytest

from domain.commands import (
    ClearAlert,
    Command,
    ConfirmRejection,
    DeactivateCustomer,
    EraseSubject,
    IssueChallenge,
    LiftLegalHold,
    PlaceLegalHold,
    ProposeRejection,
    ReactivateCustomer,
    ResolveHold,
    StartVerification,
    WithdrawRejection,
)
from domain.customer import evolve, fold
from domain.decide import decide
from domain.events import LegalHoldPlaced, RejectionProposed
from domain.refusals import (
    ActivationReserved,
    ChallengeAlreadySigned,
    NothingToDecide,
    Refused,
    UnderLegalHold,
    UnknownCustomer,
    WrongStatus,
)
from domain.vocabulary import Event, Ground, Status
from tests.domain import histories as h
from tests.domain.given import given
from tests.domain.samples import (
    ALERT,
    ALICE,
    APPLICANT,
    BOB,
    BY_PARTNER,
    FRESH,
    REGISTRATION,
    SECOND_ALERT,
    clean,
    grave,
    minutes,
    monitoring,
    screening,
    signed,
    verification,
)

REFUSALS: Final[dict[str, type[Refused]]] = {
    "unknown": UnknownCustomer,
    "wrong": WrongStatus,
    "signed": ChallengeAlreadySigned,
    "nothing": NothingToDecide,
    "reserved": ActivationReserved,
    "held": UnderLegalHold,
}
COLUMNS: Final[tuple[Status | None, ...]] = (None, *Status)

COMMANDS: Final[dict[str, Command]] = {
    "RegisterCustomer": REGISTRATION,
    "IssueChallenge": IssueChallenge(FRESH, minutes(5)),
    "SignChallenge": signed(),
    "RecordScreening/1st": screening(clean(), attempt=1),
    "RecordScreening/2nd": screening(clean(), attempt=2),
    "StartVerification": StartVerification("sumsub", APPLICANT, "basic"),
    "RecordVerification": verification("approved"),
    "RecordMonitoring/clean": monitoring(clean()),
    "RecordMonitoring/grave": monitoring(grave("trm"), alert=SECOND_ALERT),
    "DeactivateCustomer": DeactivateCustomer(Ground.PARTNER_REQUEST, by=BY_PARTNER),
    "ReactivateCustomer/partner": ReactivateCustomer(by=BY_PARTNER, officer=False),
    "ReactivateCustomer/officer": ReactivateCustomer(by=ALICE, officer=True),
    "ClearAlert": ClearAlert(ALERT, ALICE, "another wallet"),
    "ResolveHold/screening": ResolveHold("screening", "pass", ALICE, "an exchange"),
    "ResolveHold/verification": ResolveHold("verification", "pass", ALICE, "a twin"),
    "ProposeRejection": ProposeRejection(ALICE, "mixes funds"),
    "WithdrawRejection": WithdrawRejection(ALICE, "mistaken"),
    "ConfirmRejection": ConfirmRejection(BOB),
    "PlaceLegalHold": PlaceLegalHold("Central Bank", "case 12/26"),
    "LiftLegalHold": LiftLegalHold("Central Bank", "closed"),
    "EraseSubject": EraseSubject("retention ended", "subject-key/7"),
}

_PROPOSED: Final = RejectionProposed(officer=ALICE, reason="mixes funds", evidence=())
_HOLD: Final = LegalHoldPlaced(authority="Central Bank", reason="case 12/26")

PLAIN: Final = (
    h.NOBODY,
    h.REGISTERED,
    h.CHALLENGE_VERIFIED,
    h.SCREENED,
    h.ACTIVE,
    h.DEACTIVATED_BY_PARTNER,
    h.REJECTED_IN_SCREENING,
)
TROUBLED: Final = (
    h.NOBODY,
    h.CHALLENGE_FAILED,
    h.HELD_IN_SCREENING,
    h.HELD_IN_VERIFYING,
    h.ACTIVE_UNDER_ALERT,
    h.DEACTIVATED_ON_SUSPICION,
    h.REJECTED_FOR_ILLICIT_ACTIVITY,
)
BOUND: Final = (
    h.NOBODY,
    (*h.REGISTERED, _HOLD),
    (*h.CHALLENGE_VERIFIED, _PROPOSED, _HOLD),
    (*h.SCREENED, _PROPOSED, _HOLD),
    (*h.ACTIVE, _PROPOSED, _HOLD),
    (*h.DEACTIVATED_BY_PARTNER, _PROPOSED, _HOLD),
    (*h.REJECTED_IN_VERIFYING, _HOLD),
)

PLAIN_ANSWERS: Final = """
                            nobody   initiating screening verifying active   inactive  rejected
RegisterCustomer            happens  ignored    ignored   ignored   ignored  ignored   ignored
IssueChallenge              unknown  ignored    signed    signed    signed   signed    signed
SignChallenge               unknown  happens    signed    signed    signed   signed    signed
RecordScreening/1st         unknown  wrong      happens   ignored   ignored  ignored   ignored
RecordScreening/2nd         unknown  ignored    ignored   wrong     wrong    wrong     wrong
StartVerification           unknown  wrong      wrong     happens   ignored  ignored   wrong
RecordVerification          unknown  wrong      wrong     happens   ignored  ignored   wrong
RecordMonitoring/clean      unknown  ignored    ignored   ignored   ignored  ignored   ignored
RecordMonitoring/grave      unknown  wrong      wrong     wrong     happens  happens   ignored
DeactivateCustomer          unknown  wrong      wrong     wrong     happens  ignored   wrong
ReactivateCustomer/partner  unknown  wrong      wrong     wrong     ignored  happens   wrong
ReactivateCustomer/officer  unknown  wrong      wrong     wrong     ignored  happens   wrong
ClearAlert                  unknown  ignored    ignored   ignored   ignored  ignored   ignored
ResolveHold/screening       unknown  nothing    nothing   ignored   ignored  ignored   ignored
ResolveHold/verification    unknown  nothing    nothing   nothing   ignored  ignored   nothing
ProposeRejection            unknown  wrong      happens   happens   happens  happens   wrong
WithdrawRejection           unknown  ignored    ignored   ignored   ignored  ignored   ignored
ConfirmRejection            unknown  nothing    nothing   nothing   nothing  nothing   ignored
PlaceLegalHold              unknown  happens    happens   happens   happens  happens   happens
LiftLegalHold               unknown  ignored    ignored   ignored   ignored  ignored   ignored
EraseSubject                unknown  happens    wrong     wrong     wrong    happens   happens
"""

TROUBLED_ANSWERS: Final = """
                            nobody   initiating screening verifying active   inactive  rejected
RegisterCustomer            happens  ignored    ignored   ignored   ignored  ignored   ignored
IssueChallenge              unknown  happens    signed    signed    signed   signed    signed
SignChallenge               unknown  happens    signed    signed    signed   signed    signed
RecordScreening/1st         unknown  wrong      ignored   ignored   ignored  ignored   ignored
RecordScreening/2nd         unknown  ignored    ignored   wrong     wrong    wrong     wrong
StartVerification           unknown  wrong      wrong     ignored   ignored  ignored   ignored
RecordVerification          unknown  wrong      wrong     happens   ignored  ignored   ignored
RecordMonitoring/clean      unknown  ignored    ignored   ignored   ignored  ignored   ignored
RecordMonitoring/grave      unknown  wrong      wrong     wrong     ignored  ignored   ignored
DeactivateCustomer          unknown  wrong      wrong     wrong     happens  happens   wrong
ReactivateCustomer/partner  unknown  wrong      wrong     wrong     ignored  reserved  wrong
ReactivateCustomer/officer  unknown  wrong      wrong     wrong     ignored  happens   wrong
ClearAlert                  unknown  ignored    ignored   ignored   happens  happens   wrong
ResolveHold/screening       unknown  nothing    happens   ignored   ignored  ignored   ignored
ResolveHold/verification    unknown  nothing    nothing   happens   ignored  ignored   ignored
ProposeRejection            unknown  wrong      happens   happens   happens  happens   wrong
WithdrawRejection           unknown  ignored    ignored   ignored   ignored  ignored   ignored
ConfirmRejection            unknown  nothing    nothing   nothing   nothing  nothing   ignored
PlaceLegalHold              unknown  happens    happens   happens   happens  happens   happens
LiftLegalHold               unknown  ignored    ignored   ignored   ignored  ignored   ignored
EraseSubject                unknown  happens    wrong     wrong     wrong    happens   happens
"""

BOUND_ANSWERS: Final = """
                            nobody   initiating screening verifying active   inactive  rejected
RegisterCustomer            happens  ignored    ignored   ignored   ignored  ignored   ignored
IssueChallenge              unknown  ignored    signed    signed    signed   signed    signed
SignChallenge               unknown  happens    signed    signed    signed   signed    signed
RecordScreening/1st         unknown  wrong      happens   ignored   ignored  ignored   ignored
RecordScreening/2nd         unknown  ignored    ignored   wrong     wrong    wrong     wrong
StartVerification           unknown  wrong      wrong     happens   ignored  ignored   ignored
RecordVerification          unknown  wrong      wrong     happens   ignored  ignored   ignored
RecordMonitoring/clean      unknown  ignored    ignored   ignored   ignored  ignored   ignored
RecordMonitoring/grave      unknown  wrong      wrong     wrong     happens  happens   ignored
DeactivateCustomer          unknown  wrong      wrong     wrong     happens  ignored   wrong
ReactivateCustomer/partner  unknown  wrong      wrong     wrong     ignored  happens   wrong
ReactivateCustomer/officer  unknown  wrong      wrong     wrong     ignored  happens   wrong
ClearAlert                  unknown  ignored    ignored   ignored   ignored  ignored   ignored
ResolveHold/screening       unknown  nothing    nothing   ignored   ignored  ignored   ignored
ResolveHold/verification    unknown  nothing    nothing   nothing   ignored  ignored   ignored
ProposeRejection            unknown  wrong      ignored   ignored   ignored  ignored   wrong
WithdrawRejection           unknown  ignored    happens   happens   happens  happens   ignored
ConfirmRejection            unknown  nothing    happens   happens   happens  happens   ignored
PlaceLegalHold              unknown  ignored    ignored   ignored   ignored  ignored   ignored
LiftLegalHold               unknown  happens    happens   happens   happens  happens   happens
EraseSubject                unknown  held       held      held      held     held      held
"""

TABLES: Final = (
    ("plain", PLAIN, PLAIN_ANSWERS),
    ("troubled", TROUBLED, TROUBLED_ANSWERS),
    ("bound", BOUND, BOUND_ANSWERS),
)


def rows(table: str) -> dict[str, list[str]]:
    """The answers of a table by command, below its header."""
    _, *lines = table.strip("\n").splitlines()
    return {name: answers for name, *answers in (line.split() for line in lines)}


def cells() -> Iterator[object]:
    """Every cell of every table."""
    for kind, customers, table in TABLES:
        for name, answers in rows(table).items():
            for status, history, expected in zip(COLUMNS, customers, answers, strict=True):
                yield pytest.param(
                    history, COMMANDS[name], expected, id=f"{name}-{kind}-{status or 'nobody'}-{expected}"
                )


@pytest.mark.parametrize(("history", "command", "expected"), cells())
def test_every_command_in_every_status_is_answered_as_the_table_says(
    history: tuple[Event, ...], command: Command, expected: str
) -> None:
    answer = given(*history).when(command)
    if expected == "happens":
        assert answer.refusal is None
        assert answer.events
        assert_repeating_changes_nothing(history + answer.events, command)
    elif expected == "ignored":
        answer.ignored()
    else:
        answer.refused(REFUSALS[expected])


def assert_repeating_changes_nothing(history: tuple[Event, ...], command: Command) -> None:
    """What has happened is true already, or refused for that; but for an answer that fails, which is a new fact."""
    customer = fold(history)
    try:
        again = decide(customer, command)
    except ChallengeAlreadySigned:
        return
    assert again == ()


@pytest.mark.parametrize(("kind", "customers", "table"), TABLES)
def test_no_command_and_no_status_is_missing_from_the_tables(
    kind: str, customers: tuple[tuple[Event, ...], ...], table: str
) -> None:
    header = table.strip("\n").splitlines()[0].split()
    commands = {type(COMMANDS[name]) for name in rows(table)}

    assert header == ["nobody", *Status]
    assert commands == set(get_args(Command)), kind
    assert rows(table).keys() == COMMANDS.keys()
    assert all(len(answers) == len(header) for answers in rows(table).values())
    for status, history in zip(COLUMNS, customers, strict=True):
        customer = fold(history)
        assert (customer.status if customer else None) == status


def test_every_command_happens_somewhere_in_the_tables() -> None:
    happening = {
        type(COMMANDS[name]) for *_, table in TABLES for name, answers in rows(table).items() if "happens" in answers
    }

    assert happening == set(get_args(Command))


def test_a_refusal_has_a_code_of_its_own() -> None:
    kinds = Refused.__subclasses__()

    assert len({kind.code for kind in kinds} | {Refused.code}) == len(kinds) + 1


def test_deciding_reads_its_customer_and_never_changes_it() -> None:
    for history in h.HISTORIES.values():
        customer = fold(history)
        for command in COMMANDS.values():
            given(*history).when(command)
        assert customer == fold(history)
        assert evolve(customer, _HOLD) is not customer
