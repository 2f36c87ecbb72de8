"""`decide(customer, command) -> events`: is it so already? may it happen now? is it against a rule?

No events means that the command is true already. A refusal is an exception from `domain.refusals`.
"""

from collections.abc import Iterator

from domain import officers, outcomes
from domain.commands import (
    ClearAlert,
    Command,
    ConfirmRejection,
    DeactivateCustomer,
    EraseSubject,
    ExpireRejection,
    IssueChallenge,
    LiftLegalHold,
    PlaceLegalHold,
    ProposeRejection,
    ReactivateCustomer,
    RecordMonitoring,
    RecordScreening,
    RecordVerification,
    RefuseRejection,
    RegisterCustomer,
    ResolveHold,
    SignChallenge,
    StartVerification,
    WithdrawRejection,
)
from domain.customer import ALLOWED, Customer, evolve
from domain.events import (
    AlertCleared,
    ChallengeFailed,
    ChallengeVerified,
    CustomerDeactivated,
    CustomerReactivated,
    CustomerRegistered,
    LegalHoldLifted,
    LegalHoldPlaced,
    RejectionExpired,
    RejectionRefused,
    RejectionWithdrawn,
    SubjectErased,
    VerificationStarted,
)
from domain.monitoring import of_monitoring
from domain.refusals import (
    ActivationReserved,
    ChallengeAlreadySigned,
    CustomerErased,
    NothingToDecide,
    NotTheProposer,
    PartnerRequestAlone,
    SelfConfirmation,
    SelfRefusal,
    UnderLegalHold,
    UnknownCustomer,
    WithinRetention,
    WrongStatus,
)
from domain.vocabulary import Event, Ground, LegalBasis, Status
from domain.wallet import same_wallet


def decide(customer: Customer | None, command: Command) -> tuple[Event, ...]:
    """The events that `command` adds to `customer`'s stream, each of them allowed where it happens."""
    events = tuple(_decide(customer, command))
    for number, event in enumerate(events):
        if number:
            customer = evolve(customer, events[number - 1])
        if type(event) not in ALLOWED.get(customer.status if customer else None, ()):
            raise WrongStatus
    return events


def _decide(customer: Customer | None, command: Command) -> Iterator[Event]:
    if isinstance(command, RegisterCustomer):
        return _register(customer, command)
    if customer is None:
        raise UnknownCustomer
    if customer.erased and not isinstance(command, EraseSubject):
        raise CustomerErased
    match command:
        case IssueChallenge():
            return _issue_challenge(customer, command)
        case SignChallenge():
            return _sign_challenge(customer, command)
        case RecordScreening():
            return outcomes.of_screening(customer, command)
        case StartVerification():
            return _start_verification(customer, command)
        case RecordVerification():
            return outcomes.of_verification(customer, command)
        case RecordMonitoring():
            return of_monitoring(customer, command)
        case DeactivateCustomer():
            return _deactivate(customer, command)
        case ReactivateCustomer():
            return _reactivate(customer, command)
        case ClearAlert():
            return _clear_alert(customer, command)
        case ResolveHold():
            return officers.of_hold(customer, command)
        case ProposeRejection():
            return officers.of_proposal(customer, command)
        case WithdrawRejection():
            return _withdraw(customer, command)
        case RefuseRejection():
            return _refuse(customer, command)
        case ConfirmRejection():
            return _confirm(customer, command)
        case ExpireRejection():
            return _expire(customer, command)
        case PlaceLegalHold():
            return _hold(customer, command)
        case LiftLegalHold():
            return _lift(customer, command)
        case EraseSubject():
            return _erase(customer, command)


def _register(customer: Customer | None, command: RegisterCustomer) -> Iterator[Event]:
    if customer is None:
        yield CustomerRegistered(partner=command.partner, wallet=command.wallet, external_id=command.external_id)
        yield command.challenge


def _issue_challenge(customer: Customer, command: IssueChallenge) -> Iterator[Event]:
    if customer.status is not Status.INITIATING:
        raise ChallengeAlreadySigned
    challenge = customer.challenge
    if challenge is None or challenge.failed or challenge.expires_at <= command.now:
        yield command.fresh


def _sign_challenge(customer: Customer, command: SignChallenge) -> Iterator[Event]:
    challenge = customer.challenge
    if customer.status is not Status.INITIATING or challenge is None:
        raise ChallengeAlreadySigned
    proof = command.proof
    if command.message != challenge.message or not same_wallet(command.wallet, customer.wallet):
        yield ChallengeFailed(reason="other_message", submitted=command.submitted)
    elif challenge.expires_at <= command.now:
        yield ChallengeFailed(reason="expired", submitted=command.submitted)
    elif proof.fault is not None:
        yield ChallengeFailed(reason=proof.fault, submitted=command.submitted)
    elif proof.signer is None or not same_wallet(proof.signer, customer.wallet):
        yield ChallengeFailed(reason="wrong_signer", submitted=command.submitted)
    else:
        yield ChallengeVerified(
            message=challenge.message,
            signature=command.signature,
            method=proof.method,
            chain=customer.wallet.rpartition(":")[0],
            block_number=proof.block_number,
            block_hash=proof.block_hash,
        )


def _start_verification(customer: Customer, command: StartVerification) -> Iterator[Event]:
    if customer.applicant is None or customer.provider != command.provider:
        yield VerificationStarted(provider=command.provider, applicant=command.applicant, level=command.level)


def _deactivate(customer: Customer, command: DeactivateCustomer) -> Iterator[Event]:
    if customer.status is not Status.INACTIVE or command.ground not in customer.grounds:
        yield CustomerDeactivated(ground=command.ground, decided_by=command.by, reason=command.reason)


def _reactivate(customer: Customer, command: ReactivateCustomer) -> Iterator[Event]:
    if customer.status is Status.ACTIVE:
        return
    if customer.status is Status.INACTIVE and not command.officer and customer.grounds != {Ground.PARTNER_REQUEST}:
        raise ActivationReserved
    yield CustomerReactivated(decided_by=command.by, reason=command.reason)


def _clear_alert(customer: Customer, command: ClearAlert) -> Iterator[Event]:
    if all(alert.alert != command.alert for alert in customer.alerts):
        return
    yield AlertCleared(alert=command.alert, decided_by=command.officer, reason=command.reason)
    last_alert = len(customer.alerts) == 1
    if last_alert and customer.status is Status.INACTIVE and customer.grounds == {Ground.SUSPICION}:
        yield CustomerReactivated(decided_by=command.officer, reason=command.reason)


def _withdraw(customer: Customer, command: WithdrawRejection) -> Iterator[Event]:
    if customer.status is Status.REJECTED:
        raise NothingToDecide
    if customer.proposal is None:
        return
    if customer.proposal.officer != command.officer:
        raise NotTheProposer
    yield RejectionWithdrawn(officer=command.officer, reason=command.reason)


def _refuse(customer: Customer, command: RefuseRejection) -> Iterator[Event]:
    if customer.status is Status.REJECTED:
        raise NothingToDecide
    if customer.proposal is None:
        return
    if customer.proposal.officer == command.officer:
        raise SelfRefusal
    yield RejectionRefused(officer=command.officer, reason=command.reason)


def _expire(customer: Customer, command: ExpireRejection) -> Iterator[Event]:
    if customer.proposal is not None and officers.lapsed(customer.proposal, command.now):
        yield RejectionExpired(proposed_by=customer.proposal.officer)


def _confirm(customer: Customer, command: ConfirmRejection) -> Iterator[Event]:
    if customer.status is Status.REJECTED:
        return
    if customer.proposal is None or officers.lapsed(customer.proposal, command.now):
        raise NothingToDecide
    if customer.proposal.officer == command.officer:
        raise SelfConfirmation
    yield officers.of_confirmation(customer, customer.proposal, command)


def _hold(customer: Customer, command: PlaceLegalHold) -> Iterator[Event]:
    if not customer.legal_hold:
        yield LegalHoldPlaced(authority=command.authority, reason=command.reason)


def _lift(customer: Customer, command: LiftLegalHold) -> Iterator[Event]:
    if customer.legal_hold:
        yield LegalHoldLifted(authority=command.authority, reason=command.reason)


def _erase(customer: Customer, command: EraseSubject) -> Iterator[Event]:
    if customer.erased:
        return
    if command.ended_at is None:
        raise WrongStatus
    if customer.legal_hold:
        raise UnderLegalHold
    if command.legal_basis is LegalBasis.PARTNER_REQUEST:
        raise PartnerRequestAlone
    if command.now < command.ended_at + command.retention:
        raise WithinRetention
    yield SubjectErased(legal_basis=command.legal_basis, key_reference=command.key_reference)
