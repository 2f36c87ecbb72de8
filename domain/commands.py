"""What may be asked of a customer. Clock, ids, network and keys come in as data, so deciding stays pure."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from uuid import UUID

from domain.events import ChallengeIssued
from domain.findings import SourceReport, VerificationResult
from domain.policies.registry import MONITORING_IN_FORCE, SCREENING_IN_FORCE, VERIFICATION_IN_FORCE
from domain.vocabulary import Confirmation, Ground, LegalBasis, Moment


@dataclass(frozen=True, slots=True)
class RegisterCustomer:
    """A partner brings a wallet (CAIP-10) under its own reference, with the first challenge to sign."""

    partner: UUID
    wallet: str
    external_id: str
    challenge: ChallengeIssued


@dataclass(frozen=True, slots=True)
class IssueChallenge:
    """Ask for a challenge that can be signed `now`: the open one, or `fresh` if it expired or failed."""

    fresh: ChallengeIssued
    now: Moment


@dataclass(frozen=True, slots=True)
class WalletProof:
    """What a signature over a message proves. `signer` is the canonical address that was recovered from it."""

    signer: str | None
    fault: Literal["malformed", "unknown_contract"] | None = None
    method: Literal["eip191", "eip1271", "eip6492"] = "eip191"
    block_number: int | None = None
    block_hash: str | None = None


@dataclass(frozen=True, slots=True)
class SignChallenge:
    """Answer the open challenge with a signature; `submitted` is the SHA-256 of the whole answer."""

    wallet: str
    message: str | None
    signature: str
    proof: WalletProof
    submitted: str
    now: Moment


@dataclass(frozen=True, slots=True)
class RecordScreening:
    """The sources were asked for the `attempt`th time. `barred`: the wallet was rejected once, anywhere."""

    attempt: int
    reports: tuple[SourceReport, ...]
    now: Moment
    barred: bool = False
    jitter: float = 0.0
    confirmation: Confirmation = Confirmation.NEVER
    policy: str = SCREENING_IN_FORCE


@dataclass(frozen=True, slots=True)
class StartVerification:
    """The provider knows the applicant."""

    provider: str
    applicant: str
    level: str


@dataclass(frozen=True, slots=True)
class RecordVerification:
    """The provider has a result. `barred` and `known_elsewhere` say what the log knows of the person."""

    result: VerificationResult
    barred: bool = False
    known_elsewhere: bool = False
    confirmation: Confirmation = Confirmation.NEVER
    policy: str = VERIFICATION_IN_FORCE


@dataclass(frozen=True, slots=True)
class RecordMonitoring:
    """The sources were asked about a customer that is in; `alert` names what may be raised.

    `attempt` is the one that was due; None for a look between two of them.
    """

    alert: UUID
    reports: tuple[SourceReport, ...]
    now: Moment
    attempt: int | None = None
    jitter: float = 0.0
    confirmation: Confirmation = Confirmation.NEVER
    policy: str = MONITORING_IN_FORCE


@dataclass(frozen=True, slots=True)
class DeactivateCustomer:
    """Suspend the customer. `by` is an actor, such as `partner:…`."""

    ground: Ground
    by: str
    reason: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ReactivateCustomer:
    """Take the suspension back. Only an officer may where it was not the partner's own."""

    by: str
    officer: bool
    reason: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ClearAlert:
    """An officer found nothing in an alert."""

    alert: UUID
    officer: str
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResolveHold:
    """An officer decides what a policy would not."""

    step: Literal["screening", "verification"]
    outcome: Literal["pass", "fail"]
    officer: str
    reason: str = field(repr=False)
    confirmation: Confirmation = Confirmation.NEVER
    now: Moment = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ProposeRejection:
    """An officer wants the customer rejected."""

    officer: str
    reason: str = field(repr=False)
    evidence: tuple[str, ...] = ()
    now: Moment = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class WithdrawRejection:
    """Whoever proposed takes it back."""

    officer: str
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RefuseRejection:
    """A second officer does not agree."""

    officer: str
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConfirmRejection:
    """A second officer agrees."""

    officer: str
    now: Moment = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ExpireRejection:
    """Let a proposal go that nobody confirmed in time."""

    now: Moment


@dataclass(frozen=True, slots=True)
class PlaceLegalHold:
    """An authority forbids erasure."""

    authority: str
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LiftLegalHold:
    """The authority allows erasure again."""

    authority: str
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EraseSubject:
    """Destroy the key of the customer's personal data, once `retention` is over.

    `ended_at` is when the relationship ended; None while it has not, or nobody says.
    """

    legal_basis: LegalBasis
    key_reference: str
    now: Moment
    retention: timedelta
    ended_at: Moment | None = None


Command = (
    RegisterCustomer
    | IssueChallenge
    | SignChallenge
    | RecordScreening
    | StartVerification
    | RecordVerification
    | RecordMonitoring
    | DeactivateCustomer
    | ReactivateCustomer
    | ClearAlert
    | ResolveHold
    | ProposeRejection
    | WithdrawRejection
    | RefuseRejection
    | ConfirmRejection
    | ExpireRejection
    | PlaceLegalHold
    | LiftLegalHold
    | EraseSubject
)
