"""Erasure: a customer's key is destroyed, and with it all that was sealed, once the law allows it.

The event, the end of the key and that of the evidence are one transaction, which waits until no process uses the key:
when it is through, nobody has it any more. Read models follow from the log.
"""

from datetime import datetime
from uuid import UUID

from application.executor import Outcome
from application.idempotency import Once
from domain.commands import EraseSubject
from domain.events import SubjectErased
from domain.vocabulary import LegalBasis
from infrastructure.services import Services


async def erase_subject(
    services: Services, customer_id: UUID, basis: LegalBasis, *, actor: str, once: Once | None = None
) -> Outcome:
    """The customer's history with the erasure in it, of now or of before. Raises the refusal."""
    command = EraseSubject(
        legal_basis=basis,
        key_reference=await services.keyring.reference(customer_id),
        now=services.clock(),
        retention=services.retention,
    )
    return await services.execute_once(services.change(customer_id, command), actor=actor, once=once)


def erased_at(outcome: Outcome) -> datetime:
    """When the customer was erased."""
    return next(envelope.recorded_at for envelope in outcome.history if isinstance(envelope.event, SubjectErased))
