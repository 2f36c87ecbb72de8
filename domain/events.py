"""Every fact that the log can hold. Type and field names are the storage format: add, never rename.

A changed shape is a new class with a higher `schema_version`, an upcaster and a stored example of the old one.
"""

from typing import ClassVar, Final, Literal
from uuid import UUID

from domain.findings import Finding, SourceReport
from domain.vocabulary import Digest, Event, Ground, Moment, Personal, Reason

WebhookType = Literal["customer.created", "customer.updated"]
"""The public events that a webhook can be sent."""


class CustomerRegistered(Event):
    """A partner brought a wallet, as a CAIP-10 account, under its own reference."""

    partner: UUID
    wallet: str
    external_id: str


class ChallengeIssued(Event):
    """The exact EIP-4361 message that the wallet's owner is asked to sign."""

    message: str
    nonce: str
    expires_at: Moment


class ChallengeFailed(Event):
    """An answer that proved nothing: why, and the SHA-256 of what was submitted."""

    reason: Literal["expired", "other_message", "malformed", "wrong_signer", "unknown_contract"]
    submitted: Digest


class ChallengeVerified(Event):
    """The wallet's owner signed the message as issued."""

    message: str
    signature: str
    method: Literal["eip191", "eip1271", "eip6492"]
    chain: str
    block_number: int | None = None
    block_hash: str | None = None


class ScreeningAttempted(Event):
    """The sources were asked once. `due` is when to ask again, where the verdict is `retry`."""

    attempt: int
    reports: tuple[SourceReport, ...]
    verdict: Literal["clear", "retry", "hold", "fail"]
    reasons: tuple[Reason, ...] = ()
    policy: str
    due: Moment | None = None


class ScreeningPassed(Event):
    """Nothing stands against the wallet."""

    attempt: int
    findings: tuple[Finding, ...]
    policy: str
    evidence: tuple[Digest, ...]
    decided_by: str


class ScreeningFailed(Event):
    """What was found stands against the wallet, for good."""

    attempt: int
    findings: tuple[Finding, ...]
    reasons: tuple[Reason, ...]
    policy: str
    evidence: tuple[Digest, ...]
    decided_by: str


class VerificationStarted(Event):
    """The KYC provider knows the applicant: a session can be opened."""

    provider: str
    applicant: str
    level: str


class VerificationRetryRequested(Event):
    """The provider asks the person to try again."""

    attempt: int
    reasons: tuple[Reason, ...]
    labels: tuple[str, ...]
    policy: str
    evidence: Digest
    reported_at: Moment
    polled: bool | None = None
    """True where the provider was asked: its callback had not come yet."""
    person: Digest | None = None
    identity: Digest | None = None


class VerificationHeld(Event):
    """A person must look before the verification goes on."""

    reasons: tuple[Reason, ...]
    policy: str
    evidence: Digest
    reported_at: Moment
    person: Digest | None = None
    identity: Digest | None = None
    """The evidence of who the person is, where it is not a part of the other."""
    polled: bool | None = None
    """True where the provider was asked: its callback had not come yet."""


class VerificationPassed(Event):
    """The provider knows who the person is, and nothing bars them."""

    provider: str
    applicant: str
    person: Digest | None = None
    policy: str
    evidence: Digest
    identity: Digest | None = None
    reported_at: Moment
    decided_by: str


class VerificationFailed(Event):
    """The person was not verified, for good."""

    reasons: tuple[Reason, ...]
    labels: tuple[str, ...] = ()
    person: Digest | None = None
    policy: str
    evidence: Digest | None = None
    identity: Digest | None = None
    reported_at: Moment | None = None
    decided_by: str
    further: tuple[Digest, ...] = ()
    """Evidence that officers named beside."""


class CustomerDeactivated(Event):
    """The customer may not use the services for now."""

    personal: ClassVar = ("reason",)

    ground: Ground
    decided_by: str
    reason: Personal | None = None


class CustomerReactivated(Event):
    """The customer may use the services again."""

    personal: ClassVar = ("reason",)

    decided_by: str
    reason: Personal | None = None


class MonitoringAttempted(Event):
    """The sources were asked about a customer that is in. `due` is when to ask again; None where it is over."""

    attempt: int
    reports: tuple[SourceReport, ...]
    verdict: Literal["clear", "retry", "suspicion", "evidence"]
    reasons: tuple[Reason, ...] = ()
    policy: str
    due: Moment | None = None


class AlertRaised(Event):
    """Monitoring found something that stands against the customer."""

    alert: UUID
    reports: tuple[SourceReport, ...]
    reasons: tuple[Reason, ...]
    policy: str


class AlertCleared(Event):
    """An officer looked and found nothing in it."""

    personal: ClassVar = ("reason",)

    alert: UUID
    decided_by: str
    reason: Personal


class HoldResolved(Event):
    """An officer decided what a policy would not, and why; what it came to is the next event."""

    personal: ClassVar = ("reason",)

    step: Literal["screening", "verification"]
    outcome: Literal["pass", "fail"]
    officer: str
    reason: Personal


class RejectionProposed(Event):
    """An officer proposes to reject the customer; another must confirm, in time. Version 1 had no time."""

    schema_version: ClassVar = 2
    personal: ClassVar = ("reason",)

    officer: str
    reason: Personal
    evidence: tuple[Digest, ...]
    expires_at: Moment | None = None


class RejectionWithdrawn(Event):
    """Whoever proposed the rejection takes it back."""

    personal: ClassVar = ("reason",)

    officer: str
    reason: Personal


class RejectionRefused(Event):
    """A second officer does not agree to the rejection."""

    personal: ClassVar = ("reason",)

    officer: str
    reason: Personal


class RejectionExpired(Event):
    """Nobody confirmed the rejection in time."""

    proposed_by: str


class IllicitActivityConfirmed(Event):
    """There is evidence of illicit activity."""

    reasons: tuple[Reason, ...]
    evidence: tuple[Digest, ...]
    reports: tuple[SourceReport, ...] = ()
    policy: str
    decided_by: tuple[str, ...]


class LegalHoldPlaced(Event):
    """An authority forbids that anything of this customer is erased."""

    personal: ClassVar = ("reason",)

    authority: str
    reason: Personal


class LegalHoldLifted(Event):
    """The authority allows erasure again."""

    personal: ClassVar = ("reason",)

    authority: str
    reason: Personal


class SubjectErased(Event):
    """The key of the customer's personal data was destroyed."""

    legal_basis: str
    key_reference: str


class WalletClaimed(Event):
    """One stream for a partner and a wallet: who registers second loses the race for version 1."""

    customer: UUID


class PersonRecognised(Event):
    """One stream for a person's keyed fingerprint: the customer that was verified as this person."""

    customer: UUID


class OnboardingBarred(Event):
    """One stream for the keyed fingerprint of a wallet or a person: never again."""

    customer: UUID
    subject: Literal["wallet", "person"]


class ApiKeyIssued(Event):
    """A key may call the API in a role. Only its SHA-256 is kept."""

    key_hash: Digest
    role: Literal["partner", "officer", "auditor", "admin"]
    name: str
    partner: UUID | None = None


class ApiKeyRevoked(Event):
    """The key may call nothing any more."""


class ApiKeyRotated(Event):
    """The key has another secret from here on, and the one before ended. Only its SHA-256 is kept."""

    key_hash: Digest


class LoginRefused(Event):
    """What was shown let nobody in: noted at the first time in a while, and once more for all others of that while."""

    means: Literal["secret", "bearer"]
    """A key's name with a secret that is not its own; or bearer credentials in masses, which name no key."""
    attempts: int
    since: Moment
    api_key: UUID | None = None
    """The key that was named, if it is one."""


class RequestKeyRegistered(Event):
    """From here on the API key's requests count only where they are signed: with the other half of this key."""

    algorithm: Literal["ecdsa-p384-sha384", "ed25519"]
    public_key: str
    """A SubjectPublicKeyInfo, in PEM."""


class RequestKeyRemoved(Event):
    """The API key's requests need no signature any more."""


class AuditTrailRead(Event):
    """Somebody who may see the inside of a customer read it: who, and what of it."""

    reader: UUID
    role: Literal["officer", "auditor"]
    customer: UUID
    what: str
    evidence: Digest | None = None


class SanctionsListPublished(Event):
    """A sanctions list was adopted: screenings from here on use it."""

    schema_version = 2

    list_name: str
    list_version: str
    list_hash: Digest
    entries: int
    addresses: int
    sample: bool
    previous_hash: Digest | None = None
    """The list before it; none for the first."""
    added: int | None = None
    """Addresses that it names and the list before did not; not known of adoptions in version 1."""
    removed: int | None = None


class CustomersRescreened(Event):
    """Every customer whose wallet a new list names, and the one before did not, was looked at again."""

    list_hash: Digest
    named: int


class SigningKeyAnnounced(Event):
    """The log's checkpoints and manifests are signed with this key from here on."""

    key: str
    """The public key in one line, as C2SP signed-note writes it; its name is the log's origin."""
    previous: str | None = None
    """The key before it; none for the first."""
    handover: str | None = None
    """A note in which the key before names this one; none for the first, and where that key was lost."""


class CheckpointPublished(Event):
    """How large the log was and what its root was, signed. Whoever kept it can tell whether history was changed."""

    size: int
    root: Digest
    note: str
    """The checkpoint as C2SP tlog-checkpoint writes it, its signature included."""


class ExportProduced(Event):
    """Somebody took events out: who, which, and the SHA-256 of the bundle's manifest."""

    reader: UUID | None = None
    """The API key; none on the command line."""
    formats: tuple[str, ...]
    upto: int
    """The size of the log that the bundle's checkpoint is of."""
    recorded_from: Moment | None = None
    recorded_until: Moment | None = None
    customer: UUID | None = None
    partner: UUID | None = None
    types: tuple[str, ...] = ()
    entries: int
    manifest: Digest


class MasterKeyRotated(Event):
    """The keys of personal data are wrapped by another master key. Both are named by a digest, never shown."""

    key_reference: str
    previous: str


class WebhookRegistered(Event):
    """A partner wants its public events sent to a URL. The webhook is the subject of a key, which seals both texts."""

    personal: ClassVar = ("address", "secret")

    partner: UUID
    address: Personal
    """The callback URL, which may hold a secret of its own."""
    types: tuple[WebhookType, ...]
    secret: Personal
    """What deliveries are signed with."""


class WebhookTypesChanged(Event):
    """The partner wants other events from here on."""

    types: tuple[WebhookType, ...]


class WebhookSecretRotated(Event):
    """Deliveries are signed with this secret, and with the one before it too for a while."""

    personal: ClassVar = ("secret",)

    secret: Personal
    previous_until: Moment


class WebhookMarkedFailing(Event):
    """Nothing more is sent until the partner shows that it can be taken: what waits is kept."""

    cause: Literal["undelivered", "gone"]


class WebhookRecovered(Event):
    """A test or a redelivery was taken: what waits is sent."""

    shown_by: Literal["test", "redelivery"]


class WebhookRemoved(Event):
    """The partner wants nothing sent there any more. The key of its address and secrets is destroyed."""


class WebhookAddressTaken(Event):
    """One stream for a partner's webhooks: the keyed fingerprint of an address that has one now."""

    webhook: UUID
    fingerprint: Digest


class WebhookAddressReleased(Event):
    """The webhook at this address was removed."""

    webhook: UUID


EVENTS: Final[dict[str, type[Event]]] = {
    event.__name__: event
    for event in (
        CustomerRegistered,
        ChallengeIssued,
        ChallengeFailed,
        ChallengeVerified,
        ScreeningAttempted,
        ScreeningPassed,
        ScreeningFailed,
        VerificationStarted,
        VerificationRetryRequested,
        VerificationHeld,
        VerificationPassed,
        VerificationFailed,
        CustomerDeactivated,
        CustomerReactivated,
        MonitoringAttempted,
        AlertRaised,
        AlertCleared,
        HoldResolved,
        RejectionProposed,
        RejectionWithdrawn,
        RejectionRefused,
        RejectionExpired,
        IllicitActivityConfirmed,
        LegalHoldPlaced,
        LegalHoldLifted,
        SubjectErased,
        WalletClaimed,
        PersonRecognised,
        OnboardingBarred,
        ApiKeyIssued,
        ApiKeyRevoked,
        ApiKeyRotated,
        LoginRefused,
        RequestKeyRegistered,
        RequestKeyRemoved,
        AuditTrailRead,
        SanctionsListPublished,
        CustomersRescreened,
        SigningKeyAnnounced,
        CheckpointPublished,
        ExportProduced,
        MasterKeyRotated,
        WebhookRegistered,
        WebhookTypesChanged,
        WebhookSecretRotated,
        WebhookMarkedFailing,
        WebhookRecovered,
        WebhookRemoved,
        WebhookAddressTaken,
        WebhookAddressReleased,
    )
}
"""Stored type name to class: what the log's `topic` column says."""

ENDS_SUBJECT: Final = (SubjectErased, WebhookRemoved)
"""The events that a subject's key is destroyed with."""
