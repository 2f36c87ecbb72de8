"""What follows when officers have spoken: holds decided, rejections proposed and confirmed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from domain.commands import (
    ConfirmRejection,
    ProposeRejection,
    ResolveHold,
)
from domain.customer import Customer
from domain.events import (
    HoldResolved,
    IllicitActivityConfirmed,
    RejectionExpired,
    RejectionProposed,
    ScreeningFailed,
    ScreeningPassed,
    VerificationFailed,
    VerificationPassed,
)
from domain.findings import digests_of, findings_of
from domain.policies.registry import (
    MONITORING_IN_FORCE,
    SCREENING_IN_FORCE,
    VERIFICATION_IN_FORCE,
)
from domain.refusals import NothingToDecide
from domain.vocabulary import Confirmation, Event, Moment, Reason, Status

PROPOSAL_STANDS: Final = timedelta(days=7)
"""How long another officer has to confirm a rejection."""


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
            findings=findings_of(customer.reports),
            policy=SCREENING_IN_FORCE,
            evidence=digests_of(customer.reports),
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
        digests = (*digests_of(customer.reports), *evidence)
        return ScreeningFailed(
            attempt=customer.attempts,
            findings=findings_of(customer.reports),
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
            further=evidence,
        )
    digests = (*digests_of(report for alert in customer.alerts for report in alert.reports), *evidence)
    return IllicitActivityConfirmed(reasons=reasons, evidence=digests, policy=MONITORING_IN_FORCE, decided_by=officers)


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
