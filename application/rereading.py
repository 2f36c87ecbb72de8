"""Evidence read again: what a source or a provider said, from the bytes that were kept, by its own reader.

What cannot be read is a fault that whoever asks is told of, and what was recorded stands in its place. Evidence that
was erased with its subject is no fault.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID

from application.ports import Fingerprint, Unreadable
from domain.customer import Customer
from domain.events import VerificationFailed, VerificationHeld, VerificationPassed, VerificationRetryRequested
from domain.findings import Finding, SourceReport, VerificationResult
from domain.vocabulary import Reason

FindingsReader = Callable[[str, bytes], tuple[Finding, ...]]
"""What a payload says of a wallet. Raises `Unreadable`."""
ListReader = Callable[[bytes], tuple[str | None, str | None]]
"""The version and the SHA-256 of the list that a payload was made with. Raises `Unreadable`."""

VerificationDecision = VerificationPassed | VerificationFailed | VerificationHeld | VerificationRetryRequested

_ANSWERS: Final[dict[Reason, str]] = {
    Reason.PROVIDER_RETRY: "retry",
    Reason.RETRIES_EXHAUSTED: "retry",
    Reason.PROVIDER_REJECTED: "rejected",
    Reason.PROVIDER_HOLD: "on_hold",
}
"""What a provider must have answered for a decision to give this reason; for any other reason it approved."""


class ResultReader(Protocol):
    """What payloads of a KYC provider say. Raises `Unreadable`."""

    def __call__(self, payloads: Sequence[bytes], *, fingerprint: Fingerprint) -> tuple[UUID, VerificationResult]:
        """The customer and the result."""


@dataclass(frozen=True, slots=True)
class Readers:
    """How everything that was ever kept is read again, by the name of the source or provider that said it."""

    findings: Mapping[str, FindingsReader]
    lists: Mapping[str, ListReader]
    """Of the sources that look wallets up in a list."""
    results: Mapping[str, ResultReader]


class NoEvidence(Exception):
    """The evidence is not what was recorded; the text says what is wrong with it."""


class Erased(Exception):
    """The evidence was erased with its subject."""


class Evidence(Protocol):
    """What was kept of one customer."""

    def open(self, digest: str) -> bytes:
        """The payload with this SHA-256. Raises `NoEvidence` and `Erased`."""


@dataclass(slots=True)
class Rereading:
    """Reads what one decision rests on. `faults` says what was wrong, `erased` whether something is gone for good."""

    readers: Readers
    fingerprint: Fingerprint
    evidence: Evidence
    faults: list[str] = field(default_factory=list)
    erased: bool = False

    def reports(self, recorded: Sequence[SourceReport], wallet: str) -> tuple[SourceReport, ...]:
        """Sources' reports as their evidence has them."""
        return tuple(self._report(report, wallet) for report in recorded)

    def result(self, recorded: VerificationDecision, customer: Customer) -> VerificationResult | None:
        """A provider's result as its evidence has it; None where the event does not even say which evidence."""
        if recorded.evidence is None or recorded.reported_at is None:
            return None
        digests = (recorded.evidence, getattr(recorded, "identity", None))
        payloads = [self._open(digest) for digest in digests if digest is not None]
        whole = [payload for payload in payloads if payload is not None]
        if len(whole) == len(payloads):
            names = (customer.provider,) if customer.provider else tuple(self.readers.results)
            for name in names:
                if (result := self._result_in(name, whole)) is not None:
                    return result
            self.faults.append("evidence unreadable")
        return _told(recorded, customer)

    def _report(self, report: SourceReport, wallet: str) -> SourceReport:
        if report.evidence is None:
            if report.answered:
                self.faults.append("evidence missing")
            return report
        payload = self._open(report.evidence)
        read = self.readers.findings.get(report.source)
        if payload is None or read is None:
            self.faults += ["source unknown"] if read is None else []
            return report
        try:
            said: dict[str, Any] = {"findings": read(wallet, payload), "answered": True}
            if (list_of := self.readers.lists.get(report.source)) is not None:
                said["list_version"], said["list_hash"] = list_of(payload)
        except Unreadable:
            self.faults += ["evidence unreadable"] if report.answered else []
            return report
        return report.model_copy(update=said)

    def _result_in(self, name: str, payloads: Sequence[bytes]) -> VerificationResult | None:
        read = self.readers.results.get(name)
        try:
            return read(payloads, fingerprint=self.fingerprint)[1] if read else None
        except Unreadable:
            return None

    def _open(self, digest: str) -> bytes | None:
        try:
            return self.evidence.open(digest)
        except Erased:
            self.erased = True
        except NoEvidence as fault:
            self.faults.append(str(fault))
        return None


def _told(recorded: VerificationDecision, customer: Customer) -> VerificationResult:
    """The result that an event tells of, where its evidence does not."""
    reasons: tuple[Reason, ...] = getattr(recorded, "reasons", ())
    answer = next((_ANSWERS[reason] for reason in reasons if reason in _ANSWERS), "approved")
    return VerificationResult.model_validate(
        {
            "provider": getattr(recorded, "provider", customer.provider or ""),
            "applicant": getattr(recorded, "applicant", customer.applicant or ""),
            "answer": answer,
            "reported_at": recorded.reported_at,
            "labels": getattr(recorded, "labels", ()),
            "evidence": recorded.evidence,
            "identity": getattr(recorded, "identity", None),
            "person": getattr(recorded, "person", None),
        }
    )
