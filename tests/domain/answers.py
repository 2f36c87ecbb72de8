"""What every command comes to in every status. Three tables: for customers plain, troubled and bound."""

from typing import Final

from domain.commands import (
    ClearAlert,
    Command,
    ConfirmRejection,
    DeactivateCustomer,
    ExpireRejection,
    IssueChallenge,
    LiftLegalHold,
    PlaceLegalHold,
    ProposeRejection,
    ReactivateCustomer,
    RefuseRejection,
    ResolveHold,
    StartVerification,
    WithdrawRejection,
)
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
from domain.vocabulary import Ground, Status
from tests.domain import histories as h
from tests.domain.samples import (
    ALERT,
    ALICE,
    APPLICANT,
    BOB,
    BY_PARTNER,
    ERASURE,
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
    "RecordMonitoring/clean": monitoring(clean(), attempt=1),
    "RecordMonitoring/grave": monitoring(grave("trm"), alert=SECOND_ALERT, attempt=1),
    "DeactivateCustomer": DeactivateCustomer(Ground.PARTNER_REQUEST, by=BY_PARTNER),
    "ReactivateCustomer/partner": ReactivateCustomer(by=BY_PARTNER, officer=False),
    "ReactivateCustomer/officer": ReactivateCustomer(by=ALICE, officer=True),
    "ClearAlert": ClearAlert(ALERT, ALICE, "another wallet"),
    "ResolveHold/screening": ResolveHold("screening", "pass", ALICE, "an exchange", now=minutes(40)),
    "ResolveHold/verification": ResolveHold("verification", "pass", ALICE, "a twin", now=minutes(40)),
    "ProposeRejection": ProposeRejection(ALICE, "mixes funds", now=minutes(40)),
    "WithdrawRejection": WithdrawRejection(ALICE, "mistaken"),
    "RefuseRejection": RefuseRejection(BOB, "a namesake"),
    "ConfirmRejection": ConfirmRejection(BOB, now=minutes(50)),
    "ExpireRejection": ExpireRejection(minutes(60)),
    "PlaceLegalHold": PlaceLegalHold("Central Bank", "case 12/26"),
    "LiftLegalHold": LiftLegalHold("Central Bank", "closed"),
    "EraseSubject": ERASURE,
}

_PROPOSED: Final = RejectionProposed(officer=ALICE, reason="mixes funds", evidence=(), expires_at=minutes(60))
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
RecordMonitoring/clean      unknown  wrong      wrong     wrong     happens  happens   ignored
RecordMonitoring/grave      unknown  wrong      wrong     wrong     happens  happens   ignored
DeactivateCustomer          unknown  wrong      wrong     wrong     happens  ignored   wrong
ReactivateCustomer/partner  unknown  wrong      wrong     wrong     ignored  happens   wrong
ReactivateCustomer/officer  unknown  wrong      wrong     wrong     ignored  happens   wrong
ClearAlert                  unknown  ignored    ignored   ignored   ignored  ignored   ignored
ResolveHold/screening       unknown  nothing    nothing   ignored   ignored  ignored   ignored
ResolveHold/verification    unknown  nothing    nothing   nothing   ignored  ignored   nothing
ProposeRejection            unknown  wrong      happens   happens   happens  happens   wrong
WithdrawRejection           unknown  ignored    ignored   ignored   ignored  ignored   nothing
RefuseRejection             unknown  ignored    ignored   ignored   ignored  ignored   nothing
ConfirmRejection            unknown  nothing    nothing   nothing   nothing  nothing   ignored
ExpireRejection             unknown  ignored    ignored   ignored   ignored  ignored   ignored
PlaceLegalHold              unknown  happens    happens   happens   happens  happens   happens
LiftLegalHold               unknown  ignored    ignored   ignored   ignored  ignored   ignored
EraseSubject                unknown  happens    happens   happens   wrong    happens   happens
"""

TROUBLED_ANSWERS: Final = """
                            nobody   initiating screening verifying active   inactive  rejected
RegisterCustomer            happens  ignored    ignored   ignored   ignored  ignored   ignored
IssueChallenge              unknown  happens    signed    signed    signed   signed    signed
SignChallenge               unknown  happens    signed    signed    signed   signed    signed
RecordScreening/1st         unknown  wrong      ignored   ignored   ignored  ignored   ignored
RecordScreening/2nd         unknown  ignored    ignored   ignored   wrong    wrong     wrong
StartVerification           unknown  wrong      wrong     ignored   ignored  ignored   ignored
RecordVerification          unknown  wrong      wrong     happens   ignored  ignored   ignored
RecordMonitoring/clean      unknown  wrong      wrong     wrong     happens  happens   ignored
RecordMonitoring/grave      unknown  wrong      wrong     wrong     happens  happens   ignored
DeactivateCustomer          unknown  wrong      wrong     wrong     happens  happens   wrong
ReactivateCustomer/partner  unknown  wrong      wrong     wrong     ignored  reserved  wrong
ReactivateCustomer/officer  unknown  wrong      wrong     wrong     ignored  happens   wrong
ClearAlert                  unknown  ignored    ignored   ignored   happens  happens   wrong
ResolveHold/screening       unknown  nothing    happens   ignored   ignored  ignored   ignored
ResolveHold/verification    unknown  nothing    nothing   happens   ignored  ignored   ignored
ProposeRejection            unknown  wrong      happens   happens   happens  happens   wrong
WithdrawRejection           unknown  ignored    ignored   ignored   ignored  ignored   nothing
RefuseRejection             unknown  ignored    ignored   ignored   ignored  ignored   nothing
ConfirmRejection            unknown  nothing    nothing   nothing   nothing  nothing   ignored
ExpireRejection             unknown  ignored    ignored   ignored   ignored  ignored   ignored
PlaceLegalHold              unknown  happens    happens   happens   happens  happens   happens
LiftLegalHold               unknown  ignored    ignored   ignored   ignored  ignored   ignored
EraseSubject                unknown  happens    happens   happens   wrong    happens   happens
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
RecordMonitoring/clean      unknown  wrong      wrong     wrong     happens  happens   ignored
RecordMonitoring/grave      unknown  wrong      wrong     wrong     happens  happens   ignored
DeactivateCustomer          unknown  wrong      wrong     wrong     happens  ignored   wrong
ReactivateCustomer/partner  unknown  wrong      wrong     wrong     ignored  happens   wrong
ReactivateCustomer/officer  unknown  wrong      wrong     wrong     ignored  happens   wrong
ClearAlert                  unknown  ignored    ignored   ignored   ignored  ignored   ignored
ResolveHold/screening       unknown  nothing    nothing   ignored   ignored  ignored   ignored
ResolveHold/verification    unknown  nothing    nothing   nothing   ignored  ignored   ignored
ProposeRejection            unknown  wrong      ignored   ignored   ignored  ignored   wrong
WithdrawRejection           unknown  ignored    happens   happens   happens  happens   nothing
RefuseRejection             unknown  ignored    happens   happens   happens  happens   nothing
ConfirmRejection            unknown  nothing    happens   happens   happens  happens   ignored
ExpireRejection             unknown  ignored    happens   happens   happens  happens   ignored
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
