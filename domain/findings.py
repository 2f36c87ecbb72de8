"""What screening sources and KYC providers say, in our words. Vendors' words stop at their adapters."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from pydantic import Field

from domain.vocabulary import Digest, Fact, Moment


class Severity(StrEnum):
    """How grave a finding is. From `HIGH` on it stands against the customer."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    SEVERE = "severe"


GRAVE = frozenset({Severity.HIGH, Severity.SEVERE})


class Finding(Fact):
    """One thing that a source knows about a wallet."""

    category: str
    severity: Severity
    listed: bool = False
    """True for an exact canonical address on a sanctions list, which needs no second opinion."""
    reference: str = ""
    """Where the source keeps it: a list's profile, a vendor's alert."""


class SourceReport(Fact):
    """What one source said when it was asked once. An unavailable source says nothing at all."""

    source: str
    answered: bool
    findings: tuple[Finding, ...] = ()
    list_version: str | None = None
    list_hash: Digest | None = None
    evidence: Digest | None = None
    retry_after: int | None = Field(default=None, ge=0)
    """Seconds the source asked us to wait, where it did."""

    @property
    def grave(self) -> bool:
        """Whether anything in it stands against the customer."""
        return any(finding.listed or finding.severity in GRAVE for finding in self.findings)

    @property
    def listed(self) -> bool:
        """Whether it is an exact sanctions match."""
        return any(finding.listed for finding in self.findings)


class VerificationResult(Fact):
    """What a KYC provider decided, at its own time."""

    provider: str
    applicant: str
    answer: Literal["approved", "retry", "rejected", "on_hold"]
    reported_at: Moment
    """The provider's clock. Results are ordered by it, so repeats and disorder are harmless."""
    labels: tuple[str, ...] = ()
    evidence: Digest
    identity: Digest | None = None
    """The evidence of who the person is, where the provider states it apart from the result."""
    person: Digest | None = None
    """Keyed fingerprint of the person, where the provider states who it is."""
    polled: bool = False
    """Whether we asked: the times of one result differ a little between an answer and a callback."""


def asked_for(reports: Iterable[SourceReport]) -> int:
    """The seconds that the most patient source wants us to wait."""
    return max((report.retry_after or 0 for report in reports), default=0)


def findings_of(reports: Iterable[SourceReport]) -> tuple[Finding, ...]:
    """All that they found."""
    return tuple(finding for report in reports for finding in report.findings)


def digests_of(reports: Iterable[SourceReport]) -> tuple[str, ...]:
    """The evidence that they rest on, each once."""
    return tuple(dict.fromkeys(report.evidence for report in reports if report.evidence))
