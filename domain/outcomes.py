"""What follows when a source, a provider or an officer has spoken: a policy's verdict turned into events."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

from domain.commands import (
    ConfirmRejection,
    ProposeRejection,
    RecordMonitoring,
    RecordScreening,
    RecordVerification,
    ResolveHold,
)
from domain.customer import Customer
from domain.events import (
    AlertRaised,
    CustomerDeactivated,
    HoldResolved,
    IllicitActivityConfirmed,
    MonitoringAttempted,
    RejectionExpired,
    RejectionProposed,
    ScreeningAttempted,
    ScreeningFailed,
    ScreeningPassed,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
)
from domain.findings import Finding, SourceReport, VerificationResult
from domain.policies.monitoring import INTERVAL, MonitoringVerdict
from domain.policies.registry import (
    MONITORING,
    MONITORING_IN_FORCE,
    SCREENING,
    SCREENING_IN_FORCE,
    VERIFICATION,
    VERIFICATION_IN_FORCE,
)
from domain.policies.screening import ScreeningVerdict, delay
from domain.policies.verification import VerificationVerdict
from domain.refusals import NothingToDecide
from domain.vocabulary import Confirmation, Event, Ground, Moment, Reason, Status

DECIDED: Final = frozenset({Status.ACTIVE, Status.INACTIVE, Status.REJECTED})
SAME_RESULT = timedelta(minutes=1)
"""So far apart may the provider's times of one result be, when we ask for it and when it calls back."""
PROPOSAL_STANDS: Final = timedelta(days=7)
"""How long another officer has to confirm a rejection."""


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
    digests = _digests((*customer.reports, *command.reports))
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


def of_monitoring(customer: Customer, command: RecordMonitoring) -> Iterator[Event]:
    """One look. Suspicion deactivates, evidence rejects; what an open alert says already is not said again."""
    if customer.status is Status.REJECTED or command.attempt not in {None, customer.looks + 1}:
        return
    earlier = tuple(report for alert in customer.alerts for report in alert.reports)
    judged = MONITORING[command.policy](command.reports, earlier=earlier)
    grave = {(report.source, report.listed) for report in command.reports if report.answered and report.grave}
    known = {(report.source, report.listed) for report in earlier if report.grave}
    digests = _digests((*earlier, *command.reports))
    by = f"policy:{command.policy}"
    rejects = judged.verdict == "evidence" and command.confirmation is not Confirmation.ALWAYS
    yield MonitoringAttempted(
        attempt=customer.looks + 1,
        reports=command.reports,
        verdict=judged.verdict,
        reasons=judged.reasons,
        policy=command.policy,
        due=None if rejects else _next_look(customer, command, judged),
    )
    if rejects:
        yield IllicitActivityConfirmed(
            reasons=judged.reasons,
            evidence=digests,
            reports=command.reports,
            policy=command.policy,
            decided_by=(by,),
        )
    elif judged.verdict in {"suspicion", "evidence"} and not grave <= known:
        yield AlertRaised(alert=command.alert, reports=command.reports, reasons=judged.reasons, policy=command.policy)
        if Ground.SUSPICION not in customer.grounds:
            yield CustomerDeactivated(ground=Ground.SUSPICION, decided_by=by)


def of_hold(customer: Customer, command: ResolveHold) -> Iterator[Event]:
    """An officer's word where a policy held: pass, fail, or a proposal where a second officer must agree."""
    at = Status.SCREENING if command.step == "screening" else Status.VERIFYING
    if customer.status is not at and _past(customer, at):
        return
    if customer.status is not at or not customer.held:
        raise NothingToDecide
    if command.outcome == "fail" and command.confirmation is not Confirmation.NEVER:
        yield from of_proposal(customer, ProposeRejection(command.officer, command.reason, now=command.now))
        return
    yield HoldResolved(step=command.step, outcome=command.outcome, officer=command.officer, reason=command.reason)
    if command.outcome == "fail":
        yield _rejection(customer, (command.officer,), ())
    elif at is Status.SCREENING:
        yield ScreeningPassed(
            attempt=customer.attempts,
            findings=_findings(customer.reports),
            policy=SCREENING_IN_FORCE,
            evidence=_digests(customer.reports),
            decided_by=command.officer,
        )
    else:
        yield _verification_passed(customer, command.officer)


def of_proposal(customer: Customer, command: ProposeRejection) -> Iterator[Event]:
    """A proposal that another officer may confirm for a while. The first one stands until it lapses."""
    standing = customer.proposal
    if standing is not None and not lapsed(standing, command.now):
        return
    if standing is not None:
        yield RejectionExpired(proposed_by=standing.officer)
    yield RejectionProposed(
        officer=command.officer,
        reason=command.reason,
        evidence=command.evidence,
        expires_at=command.now + PROPOSAL_STANDS,
    )


def lapsed(proposal: RejectionProposed, now: Moment) -> bool:
    """Whether nobody confirmed it in time."""
    return proposal.expires_at is not None and proposal.expires_at <= now


def of_confirmation(customer: Customer, proposal: RejectionProposed, command: ConfirmRejection) -> Event:
    """The rejection that two officers agree on, in the words of the step where the customer is."""
    return _rejection(customer, (proposal.officer, command.officer), proposal.evidence)


def _rejection(customer: Customer, officers: tuple[str, ...], evidence: tuple[str, ...]) -> Event:
    reasons = (Reason.OFFICER_DECISION,)
    by = " and ".join(officers)
    if customer.status is Status.SCREENING:
        digests = (*_digests(customer.reports), *evidence)
        return ScreeningFailed(
            attempt=customer.attempts,
            findings=_findings(customer.reports),
            reasons=reasons,
            policy=SCREENING_IN_FORCE,
            evidence=digests,
            decided_by=by,
        )
    if customer.status is Status.VERIFYING:
        return VerificationFailed(
            reasons=reasons,
            person=customer.person,
            policy=VERIFICATION_IN_FORCE,
            evidence=customer.evidence,
            identity=customer.identity,
            reported_at=customer.reported_at,
            decided_by=by,
        )
    digests = (*_digests(report for alert in customer.alerts for report in alert.reports), *evidence)
    return IllicitActivityConfirmed(reasons=reasons, evidence=digests, policy=MONITORING_IN_FORCE, decided_by=officers)


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


def _verification_passed(customer: Customer, officer: str) -> Event:
    if customer.evidence is None or customer.reported_at is None:
        raise NothingToDecide
    return VerificationPassed(
        provider=customer.provider or "",
        applicant=customer.applicant or "",
        person=customer.person,
        policy=VERIFICATION_IN_FORCE,
        evidence=customer.evidence,
        identity=customer.identity,
        reported_at=customer.reported_at,
        decided_by=officer,
    )


def _past(customer: Customer, step: Status) -> bool:
    """Whether the customer has had this step decided already."""
    if step is Status.SCREENING:
        return customer.attempts > 0
    return customer.reported_at is not None


def _due(command: RecordScreening) -> Moment:
    return command.now + delay(command.attempt, retry_after=_asked_for(command.reports), jitter=command.jitter)


def _next_look(customer: Customer, command: RecordMonitoring, judged: MonitoringVerdict) -> Moment:
    if judged.verdict != "retry":
        return command.now + INTERVAL
    again = delay(customer.unanswered + 1, retry_after=_asked_for(command.reports), jitter=command.jitter)
    return command.now + again


def _asked_for(reports: Iterable[SourceReport]) -> int:
    """The seconds that the most patient source wants us to wait."""
    return max((report.retry_after or 0 for report in reports), default=0)


def _findings(reports: Iterable[SourceReport]) -> tuple[Finding, ...]:
    return tuple(finding for report in reports for finding in report.findings)


def _digests(reports: Iterable[SourceReport]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(report.evidence for report in reports if report.evidence))
