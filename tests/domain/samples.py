"""Fixed people, places and times, and the commands that tests give: the same in every test."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from domain.challenge import Site, issue
from domain.commands import (
    EraseSubject,
    RecordMonitoring,
    RecordScreening,
    RecordVerification,
    RegisterCustomer,
    SignChallenge,
    WalletProof,
)
from domain.events import ChallengeIssued
from domain.findings import Finding, Severity, SourceReport, VerificationResult
from domain.vocabulary import Confirmation, LegalBasis
from domain.wallet import Wallet

NOW: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)

PARTNER: Final = UUID("0198a001-0000-7000-8000-000000000001")
CUSTOMER: Final = UUID("0198a002-0000-7000-8000-000000000002")
ALERT: Final = UUID("0198a003-0000-7000-8000-000000000003")
SECOND_ALERT: Final = UUID("0198a003-0000-7000-8000-000000000004")

ADDRESS: Final = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
WALLET: Final = f"eip155:1:{ADDRESS}"
STRANGER: Final = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"

ALICE: Final = "officer:alice"
BOB: Final = "officer:bob"
BY_PARTNER: Final = f"partner:{PARTNER}"

SITE: Final = Site("gatehouse.example", "https://gatehouse.example/")
APPLICANT: Final = "applicant-7"


def minutes(count: float) -> datetime:
    """That many minutes from `NOW`."""
    return NOW + timedelta(minutes=count)


def digest(text: str) -> str:
    """A SHA-256 to stand for something."""
    return sha256(text.encode()).hexdigest()


PERSON: Final = digest("the person")
ANOTHER_PERSON: Final = digest("another person")


def challenge(nonce: str = "c0ffee1234567890", now: datetime = NOW) -> ChallengeIssued:
    """A challenge for `WALLET`."""
    return issue(SITE, Wallet("1", ADDRESS), customer=CUSTOMER, nonce=nonce, now=now)


CHALLENGE: Final = challenge()
FRESH: Final = challenge("fresh00000000001", minutes(61))
REGISTRATION: Final = RegisterCustomer(PARTNER, WALLET, "user-4711", CHALLENGE)


RETENTION: Final = timedelta(days=1826)
ERASURE: Final = EraseSubject(
    LegalBasis.RETENTION_OVER, "subject-key/7", now=NOW + RETENTION, retention=RETENTION, ended_at=NOW
)
"""A customer whose relationship ended five years ago is erased."""


def signed(**changes: Any) -> SignChallenge:  # noqa: ANN401 -- any field of the command
    """The right answer to `CHALLENGE` after five minutes, but for `changes`."""
    answer: dict[str, Any] = {
        "wallet": WALLET,
        "message": CHALLENGE.message,
        "signature": "0x51c4",
        "proof": WalletProof(signer=ADDRESS.lower()),
        "submitted": digest("an answer"),
        "now": minutes(5),
    }
    return SignChallenge(**(answer | changes))


def clean(source: str = "ofac") -> SourceReport:
    """The source knows nothing grave, though something slight."""
    trifle = Finding(category="gambling", severity=Severity.MEDIUM, reference=f"{source}/1")
    return SourceReport(source=source, answered=True, findings=(trifle,), evidence=digest(f"{source} is clean"))


def grave(source: str = "ofac", severity: Severity = Severity.HIGH) -> SourceReport:
    """The source says something that stands against the wallet, short of an exact match."""
    finding = Finding(category="illicit_funds", severity=severity, reference=f"{source}/2")
    return SourceReport(source=source, answered=True, findings=(finding,), evidence=digest(f"{source} is grave"))


def listed(source: str = "ofac", severity: Severity = Severity.SEVERE) -> SourceReport:
    """The wallet itself is on the source's sanctions list."""
    return SourceReport(
        source=source,
        answered=True,
        findings=(Finding(category="sanctions", severity=severity, listed=True, reference="profile/8"),),
        list_version="2026-01-05",
        list_hash=digest("the list"),
        evidence=digest(f"{source} has it listed"),
    )


def silent(source: str = "ofac", retry_after: int | None = None) -> SourceReport:
    """The source did not answer."""
    return SourceReport(source=source, answered=False, retry_after=retry_after)


def screening(*reports: SourceReport, attempt: int = 1, **changes: Any) -> RecordScreening:  # noqa: ANN401 -- the same
    """An attempt at `NOW`."""
    return RecordScreening(attempt=attempt, reports=reports or (clean(),), **({"now": NOW} | changes))


def result(answer: str, *, at: float = 30, **changes: Any) -> VerificationResult:  # noqa: ANN401 -- the same
    """What the provider says after that many minutes."""
    said: dict[str, Any] = {
        "provider": "sumsub",
        "applicant": APPLICANT,
        "reported_at": minutes(at),
        "evidence": digest(f"{answer} at {at}"),
        "person": PERSON,
    }
    return VerificationResult(answer=answer, **(said | changes))


def verification(
    answer: str,
    *,
    at: float = 30,
    barred: bool = False,
    known_elsewhere: bool = False,
    confirmation: Confirmation = Confirmation.NEVER,
    **changes: Any,  # noqa: ANN401 -- the same
) -> RecordVerification:
    """A result, and what the log knows of the person."""
    return RecordVerification(
        result(answer, at=at, **changes), barred=barred, known_elsewhere=known_elsewhere, confirmation=confirmation
    )


def monitoring(
    *reports: SourceReport,
    alert: UUID = ALERT,
    confirmation: Confirmation = Confirmation.NEVER,
    **changes: Any,  # noqa: ANN401 -- the same
) -> RecordMonitoring:
    """What the sources say at `NOW` of a customer that is in."""
    return RecordMonitoring(alert=alert, reports=reports, confirmation=confirmation, **({"now": NOW} | changes))
