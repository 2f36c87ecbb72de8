"""The audit trail of reading: who was shown which customer is an event, durable before the answer is given.

Each read is a stream of its own. On the customer's, it would change the version that its partner sees; on one for
each reader, a busy reader's whole past would be read again for every line added.
"""

from typing import Final
from uuid import UUID

from application.handlers import alone
from domain.events import AuditTrailRead
from infrastructure.api_keys import Caller
from infrastructure.services import Services

READERS_ON_RECORD: Final = frozenset({"officer", "auditor"})


class AuditTrail:
    """Notes reads. Partners read their own customers, which is on no record."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def note(self, caller: Caller, customer: UUID, what: str, evidence: str | None = None) -> None:
        """Record that the caller was shown `what` of a customer. Raises `Unavailable` where that cannot be recorded."""
        if caller.role not in READERS_ON_RECORD:
            return
        event = AuditTrailRead.model_validate(
            {"reader": caller.key_id, "role": caller.role, "customer": customer, "what": what, "evidence": evidence}
        )
        stream = self._services.new_id()
        await self._services.execute(lambda: alone(stream, event), actor=caller.actor)
