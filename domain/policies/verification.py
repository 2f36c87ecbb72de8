"""`verification-1`: is the person who they must be, and may they come in?"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from domain.findings import VerificationResult
from domain.vocabulary import Reason

VERIFICATION_1: Final = "verification-1"
RETRIES: Final = 5


@dataclass(frozen=True, slots=True)
class VerificationVerdict:
    """`pass`, `fail`, `retry` by the person, or `hold` for an officer."""

    verdict: Literal["pass", "fail", "retry", "hold"]
    reasons: tuple[Reason, ...] = ()


class VerificationPolicy(Protocol):
    """A version of the policy."""

    def __call__(
        self, result: VerificationResult, *, retries: int, barred: bool, known_elsewhere: bool
    ) -> VerificationVerdict:
        """Judge a provider's result."""


def verification_1(
    result: VerificationResult, *, retries: int, barred: bool, known_elsewhere: bool
) -> VerificationVerdict:
    """Judge a provider's result.

    `retries` were asked for before, `barred` says that the person or the wallet was rejected once, and
    `known_elsewhere` that another live customer is this person. Nobody passes of whom it cannot be said whether they
    were rejected before.
    """
    match result.answer:
        case "approved" if barred:
            return VerificationVerdict("fail", (Reason.PREVIOUSLY_REJECTED,))
        case "approved" if known_elsewhere:
            return VerificationVerdict("hold", (Reason.DUPLICATE_PERSON,))
        case "approved" if result.person is None:
            return VerificationVerdict("hold", (Reason.UNIDENTIFIED_PERSON,))
        case "approved":
            return VerificationVerdict("pass")
        case "retry" if retries >= RETRIES:
            return VerificationVerdict("hold", (Reason.RETRIES_EXHAUSTED,))
        case "retry":
            return VerificationVerdict("retry", (Reason.PROVIDER_RETRY,))
        case "rejected":
            return VerificationVerdict("fail", (Reason.PROVIDER_REJECTED,))
        case "on_hold":
            return VerificationVerdict("hold", (Reason.PROVIDER_HOLD,))
