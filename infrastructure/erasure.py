"""Erasure: a customer's key is destroyed, and with it all that was sealed, once the law allows it.

The event, the end of the key and that of the evidence are one transaction, which waits until no process uses the key:
when it is through, nobody has it any more. Read models follow from the log.
"""

from datetime import datetime
from uuid import UUID

from domain.commands import EraseSubject
from domain.events import SubjectErased
from domain.vocabulary import LegalBasis
from infrastructure.services import Services


async def erase_subject(services: Services, customer_id: UUID, basis: LegalBasis, *, actor: str) -> datetime:
    """When the customer was erased: now, or before. Raises the refusal."""
    command = EraseSubject(
        legal_basis=basis,
        key_reference=await services.keyring.reference(customer_id),
        now=services.clock(),
        retention=services.retention,
    )
    outcome = await services.execute(services.change(customer_id, command), actor=actor)
    return next(envelope.recorded_at for envelope in outcome.history if isinstance(envelope.event, SubjectErased))
