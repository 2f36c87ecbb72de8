"""Named example histories: each tells how a customer came to where it is. The events are written out, never decided."""

from datetime import timedelta
from typing import Final

from domain.events import (
    AlertCleared,
    AlertRaised,
    ChallengeFailed,
    ChallengeVerified,
    CustomerDeactivated,
    CustomerReactivated,
    CustomerRegistered,
    HoldResolved,
    IllicitActivityConfirmed,
    LegalHoldPlaced,
    MonitoringAttempted,
    RejectionExpired,
    RejectionProposed,
    RejectionRefused,
    ScreeningAttempted,
    ScreeningFailed,
    ScreeningPassed,
    SubjectErased,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
    VerificationStarted,
)
from domain.vocabulary import Event, Ground, Reason
from tests.domain.samples import (
    ALERT,
    ALICE,
    APPLICANT,
    BOB,
    BY_PARTNER,
    CHALLENGE,
    NOW,
    PARTNER,
    PERSON,
    WALLET,
    clean,
    digest,
    grave,
    listed,
    minutes,
)

History = tuple[Event, ...]

NOBODY: Final[History] = ()

REGISTERED: Final[History] = (CustomerRegistered(partner=PARTNER, wallet=WALLET, external_id="user-4711"), CHALLENGE)

CHALLENGE_FAILED: Final[History] = (*REGISTERED, ChallengeFailed(reason="wrong_signer", submitted=digest("a forgery")))

CHALLENGE_VERIFIED: Final[History] = (
    *REGISTERED,
    ChallengeVerified(message=CHALLENGE.message, signature="0x51c4", method="eip191", chain="eip155:1"),
)

SCREENING_IN_DOUBT: Final[History] = (
    *CHALLENGE_VERIFIED,
    ScreeningAttempted(
        attempt=1,
        reports=(grave("ofac"),),
        verdict="retry",
        reasons=(Reason.SINGLE_SOURCE_FINDINGS,),
        policy="screening-1",
        due=minutes(1),
    ),
)

HELD_IN_SCREENING: Final[History] = (
    *SCREENING_IN_DOUBT,
    ScreeningAttempted(
        attempt=2,
        reports=(clean("ofac"),),
        verdict="hold",
        reasons=(Reason.CONTRADICTED_FINDINGS,),
        policy="screening-1",
    ),
)

REJECTED_IN_SCREENING: Final[History] = (
    *CHALLENGE_VERIFIED,
    ScreeningAttempted(
        attempt=1,
        reports=(listed(),),
        verdict="fail",
        reasons=(Reason.SANCTIONS_MATCH,),
        policy="screening-1",
    ),
    ScreeningFailed(
        attempt=1,
        findings=listed().findings,
        reasons=(Reason.SANCTIONS_MATCH,),
        policy="screening-1",
        evidence=(digest("ofac has it listed"),),
        decided_by="policy:screening-1",
    ),
)

SCREENED: Final[History] = (
    *CHALLENGE_VERIFIED,
    ScreeningAttempted(attempt=1, reports=(clean(),), verdict="clear", policy="screening-1"),
    ScreeningPassed(
        attempt=1,
        findings=clean().findings,
        policy="screening-1",
        evidence=(digest("ofac is clean"),),
        decided_by="policy:screening-1",
    ),
)

VERIFYING_IN_SESSION: Final[History] = (
    *SCREENED,
    VerificationStarted(provider="sumsub", applicant=APPLICANT, level="basic"),
)

ASKED_TO_RETRY: Final[History] = (
    *VERIFYING_IN_SESSION,
    VerificationRetryRequested(
        attempt=1,
        reasons=(Reason.PROVIDER_RETRY,),
        labels=("BAD_SELFIE",),
        policy="verification-1",
        evidence=digest("a bad selfie"),
        reported_at=minutes(20),
    ),
)

HELD_IN_VERIFYING: Final[History] = (
    *VERIFYING_IN_SESSION,
    VerificationHeld(
        reasons=(Reason.PROVIDER_HOLD,),
        policy="verification-1",
        evidence=digest("approved at 20"),
        reported_at=minutes(20),
        person=PERSON,
    ),
)

REJECTED_IN_VERIFYING: Final[History] = (
    *VERIFYING_IN_SESSION,
    VerificationFailed(
        reasons=(Reason.PROVIDER_REJECTED,),
        labels=("FORGERY",),
        person=PERSON,
        policy="verification-1",
        evidence=digest("rejected at 20"),
        reported_at=minutes(20),
        decided_by="policy:verification-1",
    ),
)

ACTIVE: Final[History] = (
    *VERIFYING_IN_SESSION,
    VerificationPassed(
        provider="sumsub",
        applicant=APPLICANT,
        person=PERSON,
        policy="verification-1",
        evidence=digest("approved at 20"),
        reported_at=minutes(20),
        decided_by="policy:verification-1",
    ),
)

MONITORED: Final[History] = (
    *ACTIVE,
    MonitoringAttempted(
        attempt=1, reports=(clean(),), verdict="clear", policy="monitoring-1", due=NOW + timedelta(days=2)
    ),
)

DEACTIVATED_BY_PARTNER: Final[History] = (
    *ACTIVE,
    CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER),
)

DEACTIVATED_FOR_AN_ISSUE: Final[History] = (
    *ACTIVE,
    CustomerDeactivated(ground=Ground.ISSUE, decided_by=ALICE, reason="card dispute"),
)

ALERTED: Final = AlertRaised(
    alert=ALERT, reports=(grave("trm"),), reasons=(Reason.SINGLE_SOURCE_FINDINGS,), policy="monitoring-1"
)

DEACTIVATED_ON_SUSPICION: Final[History] = (
    *ACTIVE,
    ALERTED,
    CustomerDeactivated(ground=Ground.SUSPICION, decided_by="policy:monitoring-1"),
)

ACTIVE_UNDER_ALERT: Final[History] = (
    *DEACTIVATED_ON_SUSPICION,
    CustomerReactivated(decided_by=ALICE, reason="watched"),
)

ALERT_CLEARED: Final[History] = (
    *DEACTIVATED_ON_SUSPICION,
    AlertCleared(alert=ALERT, decided_by=ALICE, reason="another wallet"),
    CustomerReactivated(decided_by=ALICE, reason="another wallet"),
)

REJECTED_FOR_ILLICIT_ACTIVITY: Final[History] = (
    *DEACTIVATED_ON_SUSPICION,
    IllicitActivityConfirmed(
        reasons=(Reason.CONFIRMED_BY_TWO_SOURCES,),
        evidence=(digest("trm is grave"), digest("ofac is grave")),
        reports=(grave("ofac"),),
        policy="monitoring-1",
        decided_by=("policy:monitoring-1",),
    ),
)

REJECTION_PROPOSED: Final[History] = (
    *DEACTIVATED_ON_SUSPICION,
    RejectionProposed(officer=ALICE, reason="mixes funds", evidence=(digest("a memo"),)),
)

REJECTION_REFUSED: Final[History] = (*REJECTION_PROPOSED, RejectionRefused(officer=BOB, reason="a namesake"))

REJECTION_EXPIRED: Final[History] = (*REJECTION_PROPOSED, RejectionExpired(proposed_by=ALICE))

HOLD_RESOLVED: Final[History] = (
    *HELD_IN_SCREENING,
    HoldResolved(step="screening", outcome="pass", officer=ALICE, reason="an exchange"),
    ScreeningPassed(
        attempt=2,
        findings=grave().findings + clean().findings,
        policy="screening-1",
        evidence=(digest("ofac is grave"), digest("ofac is clean")),
        decided_by=ALICE,
    ),
)

UNDER_LEGAL_HOLD: Final[History] = (
    *REJECTED_IN_SCREENING,
    LegalHoldPlaced(authority="Central Bank", reason="case 12/26"),
)

ERASED: Final[History] = (
    *REJECTED_IN_SCREENING,
    SubjectErased(legal_basis="retention ended", key_reference="subject-key/7"),
)

HISTORIES: Final[dict[str, History]] = {
    "registered": REGISTERED,
    "challenge failed": CHALLENGE_FAILED,
    "challenge verified": CHALLENGE_VERIFIED,
    "screening in doubt": SCREENING_IN_DOUBT,
    "held in screening": HELD_IN_SCREENING,
    "rejected in screening": REJECTED_IN_SCREENING,
    "screened": SCREENED,
    "verifying in session": VERIFYING_IN_SESSION,
    "asked to retry": ASKED_TO_RETRY,
    "held in verifying": HELD_IN_VERIFYING,
    "rejected in verifying": REJECTED_IN_VERIFYING,
    "active": ACTIVE,
    "monitored": MONITORED,
    "deactivated by partner": DEACTIVATED_BY_PARTNER,
    "deactivated for an issue": DEACTIVATED_FOR_AN_ISSUE,
    "deactivated on suspicion": DEACTIVATED_ON_SUSPICION,
    "active under alert": ACTIVE_UNDER_ALERT,
    "alert cleared": ALERT_CLEARED,
    "rejected for illicit activity": REJECTED_FOR_ILLICIT_ACTIVITY,
    "rejection proposed": REJECTION_PROPOSED,
    "rejection refused": REJECTION_REFUSED,
    "rejection expired": REJECTION_EXPIRED,
    "hold resolved": HOLD_RESOLVED,
    "under legal hold": UNDER_LEGAL_HOLD,
    "erased": ERASED,
}
