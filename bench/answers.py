"""What sources and a KYC provider answer in made-up lives, in the very bytes that the product keeps and reads again."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from domain.findings import Finding, Severity, SourceReport, VerificationResult
from infrastructure.keys.deployment import Keys
from infrastructure.replay.readers import READERS
from infrastructure.sandbox.provider import SANDBOX, Answer, Callback, Person
from infrastructure.sandbox.source import findings_in
from infrastructure.screening.ofac import OFAC

SECOND: Final = "second"
"""A source that confirms or contradicts the sandbox's, in the sandbox's format."""
BENCH_READERS: Final = replace(READERS, findings={**READERS.findings, SECOND: findings_in})
LIST: Final = {"list": "2025-01-01", "sha256": sha256(b"the list").hexdigest()}

Said = tuple[SourceReport, bytes]

_FINDINGS: Final[Mapping[str, tuple[Finding, ...]]] = {
    "nothing": (),
    "trifle": (Finding(category="gambling", severity=Severity.LOW, reference="made/1"),),
    "suspicious": (Finding(category="mixer", severity=Severity.MEDIUM, reference="made/2"),),
    "grave": (Finding(category="illicit_funds", severity=Severity.HIGH, reference="made/3"),),
}


def silent(source: str) -> Said:
    """A source that is out."""
    return SourceReport(source=source, answered=False, retry_after=30), b""


def listed(wallet: str, *, match: bool) -> Said:
    """A look-up in the sanctions list."""
    matches = [["36", "ETH"]] if match else []
    return _read(OFAC, wallet, json.dumps({**LIST, "wallet": wallet, "matches": matches}).encode())


def found(source: str, wallet: str, what: str) -> Said:
    """An answer of a source that grades its findings."""
    findings = [finding.model_dump(mode="json", by_alias=True) for finding in _FINDINGS[what]]
    return _read(source, wallet, json.dumps({"wallet": wallet, "findings": findings}).encode())


def called_back(
    customer: UUID, answer: Answer, person: int, *, at: datetime, keys: Keys
) -> tuple[VerificationResult, bytes]:
    """A result of the KYC provider, about the person of that number."""
    callback = Callback(
        applicant=customer,
        answer=answer,
        labels=("BLURRED",) if answer == "retry" else (),
        reported_at=at,
        person=Person(name=f"Person {person}", document_number=f"D{person:09}", document_country="UTO"),
    )
    body = callback.model_dump_json(by_alias=True).encode()
    return READERS.results[SANDBOX]((body,), fingerprint=keys.fingerprint_of)[1], body


def drawn(source: random.Random, weights: Mapping[str, int]) -> str:
    """One of the names, as often as it weighs."""
    return source.choices([*weights], [*weights.values()])[0]


def _read(source: str, wallet: str, payload: bytes) -> Said:
    list_of = BENCH_READERS.lists.get(source)
    version, digest = list_of(payload) if list_of else (None, None)
    report = SourceReport(
        source=source,
        answered=True,
        findings=BENCH_READERS.findings[source](wallet, payload),
        list_version=version,
        list_hash=digest,
        evidence=sha256(payload).hexdigest(),
    )
    return report, payload
