"""Kept payloads of KYC providers, read again: by the provider's name, which the decision's event has on record."""

from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

from application.ports import Fingerprint
from domain.findings import VerificationResult
from infrastructure.sandbox import provider as sandbox
from infrastructure.verification import sumsub_messages as sumsub


class ReadResult(Protocol):
    """Reads what a provider said of a customer. Pure; raises `Unreadable`."""

    def __call__(self, payloads: Sequence[bytes], *, fingerprint: Fingerprint) -> tuple[UUID, VerificationResult]:
        """The customer and the result."""


RESULT_IN: Final[dict[str, ReadResult]] = {
    sandbox.SANDBOX: sandbox.result_in,
    sumsub.SUMSUB: sumsub.result_in,
}
"""Every provider that this version can have asked."""
