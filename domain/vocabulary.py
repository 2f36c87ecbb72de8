"""The words that events, decisions and documents share: statuses, reasons, and the base of every fact.

The values are the storage format and the API's: add, never rename.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256, in lower-case hex."""

Moment = AwareDatetime
"""A point in time with a zone; UTC wherever we make it."""


class Fact(BaseModel):
    """Something that is so: frozen, camelCase as JSON, and nothing in it that is not declared."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
    )


class Sealed(Fact):
    """Personal text as it is stored: encrypted with its subject's own key, base64 of nonce and ciphertext."""

    sealed: str


Personal = str | Sealed
"""Free text about a person: clear in a decision, sealed in the log."""


class Event(Fact):
    """A fact of a stream, in the past tense. The class name is the stored type's name."""

    schema_version: ClassVar[int] = 1
    personal: ClassVar[tuple[str, ...]] = ()
    """The fields that are sealed before they are stored, and never shown."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What logs and test reports may show of it."""
        return ((name, value) for name, value in super().__repr_args__() if name not in self.personal)


class Status(StrEnum):
    """What a partner sees, and all it sees."""

    INITIATING = "initiating"
    SCREENING = "screening"
    VERIFYING = "verifying"
    ACTIVE = "active"
    INACTIVE = "inactive"
    REJECTED = "rejected"


class Ground(StrEnum):
    """Why a customer is deactivated."""

    PARTNER_REQUEST = "partner_request"
    ISSUE = "issue"
    SUSPICION = "suspicion"


class LegalBasis(StrEnum):
    """Why a customer's personal data is erased."""

    RETENTION_OVER = "retention_over"
    DATA_SUBJECT_REQUEST = "data_subject_request"
    AUTHORITY_ORDER = "authority_order"
    PARTNER_REQUEST = "partner_request"
    """Never enough alone; here so that it is refused by name."""


class Reason(StrEnum):
    """Reason codes of decisions, for officers, auditors and regulators. Partners never see them."""

    SANCTIONS_MATCH = "sanctions_match"
    CONFIRMED_BY_TWO_SOURCES = "confirmed_by_two_sources"
    CONTRADICTED_FINDINGS = "contradicted_findings"
    UNCONFIRMED_FINDINGS = "unconfirmed_findings"
    SINGLE_SOURCE_FINDINGS = "single_source_findings"
    SOURCE_UNAVAILABLE = "source_unavailable"
    SUSPICIOUS_TO_TWO_SOURCES = "suspicious_to_two_sources"
    WALLET_BARRED = "wallet_barred"
    PREVIOUSLY_REJECTED = "previously_rejected"
    DUPLICATE_PERSON = "duplicate_person"
    UNIDENTIFIED_PERSON = "unidentified_person"
    PROVIDER_REJECTED = "provider_rejected"
    PROVIDER_RETRY = "provider_retry"
    PROVIDER_HOLD = "provider_hold"
    RETRIES_EXHAUSTED = "retries_exhausted"
    CONFIRMATION_REQUIRED = "confirmation_required"
    OFFICER_DECISION = "officer_decision"


REASONS: Final = {
    Reason.SANCTIONS_MATCH: "The wallet's exact address is on a sanctions list.",
    Reason.CONFIRMED_BY_TWO_SOURCES: "Two independent sources have grave findings.",
    Reason.CONTRADICTED_FINDINGS: "One source had grave findings, and another look did not confirm them.",
    Reason.UNCONFIRMED_FINDINGS: "One source keeps having grave findings, and no other confirms them.",
    Reason.SINGLE_SOURCE_FINDINGS: "One source alone has grave findings.",
    Reason.SOURCE_UNAVAILABLE: "A source did not answer; it is asked again.",
    Reason.SUSPICIOUS_TO_TWO_SOURCES: "Two independent sources have findings that are suspicious, though not grave.",
    Reason.WALLET_BARRED: "The wallet was rejected before.",
    Reason.PREVIOUSLY_REJECTED: "The person was rejected before.",
    Reason.DUPLICATE_PERSON: "The person is another customer already.",
    Reason.UNIDENTIFIED_PERSON: "The KYC provider approved the person and did not state by which document.",
    Reason.PROVIDER_REJECTED: "The KYC provider rejected the person for good.",
    Reason.PROVIDER_RETRY: "The KYC provider asks the person to try again.",
    Reason.PROVIDER_HOLD: "The KYC provider holds the person for a closer look.",
    Reason.RETRIES_EXHAUSTED: "The person has tried as often as is allowed.",
    Reason.CONFIRMATION_REQUIRED: "The deployment wants officers to confirm what a policy would reject.",
    Reason.OFFICER_DECISION: "Officers decided.",
}
"""What each reason means."""


class Confirmation(StrEnum):
    """Which rejections wait for two officers: none, those out of a hold, or every one."""

    NEVER = "never"
    AMBIGUOUS = "ambiguous"
    ALWAYS = "always"
