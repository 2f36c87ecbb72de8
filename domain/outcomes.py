"""What follows when a source or a provider has spoken: a policy's verdict on the way in, turned into events."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from domain.commands import (
    RecordScreening,
    RecordVerification,
)
from domain.customer import Customer
from domain.events import (
    ScreeningAttempted,
    ScreeningFailed,
    ScreeningPassed,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
)
from domain.findings import VerificationResult, asked_for, digests_of
from domain.policies.registry import (
    SCREENING,
    VERIFICATION,
)
from domain.policies.screening import ScreeningVerdict, delay
from domain.policies.verification import VerificationVerdict
from domain.refusals import NothingToDecide
from domain.vocabulary import Confirmation, Event, Moment, Reason, Status

DECIDED: Final = frozenset({Status.ACTIVE, Status.INACTIVE, Status.REJECTED})
SAME_RESULT = timedelta(minutes=1)
"""So far apart may the provider's times of one result be, when we ask for it and when it calls back."""


def of_screening(customer: Customer, command: RecordScreening) -> Iterator[Event]:
    """One attempt, and the decision where it allows one. Any attempt but the one that is due is ignored."""
    if command.attempt != customer.attempts + 1 or customer.held:
        return
    judge = SCREENING[command.policy]
    judged = judge(command.reports, earlier=customer.reports, doubts=customer.doubts, barred=command.barred)
    if judged.verdict == "fail" and command.confirmation is Confirmation.ALWAYS:
        judged = ScreeningVerdict("hold", (*judged.reasons, Reason.CONFIRMATION_REQUIRED), judged.findings)
    yield ScreeningAttempted(
        attempt=command.attempt,
        reports=command.reports,
        verdict=judged.verdict,
        reasons=judged.reasons,
        policy=command.policy,
        due=_due(command) if judged.verdict == "retry" else None,
    )
    digests = digests_of((*customer.reports, *command.reports))
    if judged.verdict == "clear":
        yield ScreeningPassed(
            attempt=command.attempt,
            findings=judged.findings,
            policy=command.policy,
            evidence=digests,
            decided_by=f"policy:{command.policy}",
        )
    elif judged.verdict == "fail":
        yield ScreeningFailed(
            attempt=command.attempt,
            findings=judged.findings,
            reasons=judged.reasons,
            policy=command.policy,
            evidence=digests,
            decided_by=f"policy:{command.policy}",
        )


def of_verification(customer: Customer, command: RecordVerification) -> Iterator[Event]:
    """A result that is newer than the one on record, decided; an older one is ignored, and so is one too late.

    A hold of our own is for officers to end; only the provider's own hold can be ended by the provider. Whom an
    earlier result stated, a later one that states nobody is about as well.
    """
    result = command.result.model_copy(update={"person": command.result.person or customer.person})
    if customer.reported_at and (result.reported_at <= customer.reported_at or customer.status in DECIDED):
        return
    if customer.applicant is not None and customer.applicant != result.applicant:
        raise NothingToDecide
    if customer.held_for and Reason.PROVIDER_HOLD not in customer.held_for:
        return
    if _repeated(customer, result):
        return
    judge = VERIFICATION[command.policy]
    judged = judge(result, retries=customer.retries, barred=command.barred, known_elsewhere=command.known_elsewhere)
    if judged.verdict == "fail" and command.confirmation is Confirmation.ALWAYS:
        judged = VerificationVerdict("hold", (*judged.reasons, Reason.CONFIRMATION_REQUIRED))
    yield _verification_event(customer, result, judged, policy=command.policy)


def _verification_event(
    customer: Customer, result: VerificationResult, judged: VerificationVerdict, *, policy: str
) -> Event:
    by = f"policy:{policy}"
    match judged.verdict:
        case "pass":
            return VerificationPassed(
                provider=result.provider,
                applicant=result.applicant,
                person=result.person,
                policy=policy,
                evidence=result.evidence,
                identity=result.identity,
                reported_at=result.reported_at,
                decided_by=by,
            )
        case "fail":
            return VerificationFailed(
                reasons=judged.reasons,
                labels=result.labels,
                person=result.person,
                policy=policy,
                evidence=result.evidence,
                identity=result.identity,
                reported_at=result.reported_at,
                decided_by=by,
            )
        case "retry":
            return VerificationRetryRequested(
                attempt=customer.retries + 1,
                reasons=judged.reasons,
                labels=result.labels,
                policy=policy,
                evidence=result.evidence,
                reported_at=result.reported_at,
                polled=result.polled or None,
                person=result.person,
                identity=result.identity,
            )
        case "hold":
            return VerificationHeld(
                reasons=judged.reasons,
                policy=policy,
                evidence=result.evidence,
                reported_at=result.reported_at,
                person=result.person,
                identity=result.identity,
                polled=result.polled or None,
            )


def _repeated(customer: Customer, result: VerificationResult) -> bool:
    """Whether it is the answer on record, once called back with and once asked for: its two times differ a little."""
    if customer.reported_at is None or not (customer.polled or result.polled):
        return False
    if result.reported_at >= customer.reported_at + SAME_RESULT:
        return False
    if result.answer == "on_hold":
        return Reason.PROVIDER_HOLD in customer.held_for
    return result.answer == "retry" and not customer.held


def _due(command: RecordScreening) -> Moment:
    return command.now + delay(command.attempt, retry_after=asked_for(command.reports), jitter=command.jitter)
