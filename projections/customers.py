"""`customers`: each customer as its partner sees it, and for officers the detail inside the status."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.customer import LEADS_TO
from domain.events import (
    ChallengeFailed,
    ChallengeIssued,
    CustomerDeactivated,
    CustomerRegistered,
    RejectionProposed,
    RejectionWithdrawn,
    ScreeningAttempted,
    VerificationHeld,
    VerificationRetryRequested,
    VerificationStarted,
)
from domain.vocabulary import Event, Status
from domain.wallet import canonical
from projections.projection import Projection, by_customer


class CustomerRow(NamedTuple):
    """`updated_at` is the last change that its partner can see; `version` counts all events."""

    id: UUID
    partner: UUID
    external_id: str
    chain_id: str
    wallet: str
    status: str
    detail: str
    version: int
    created_at: datetime
    updated_at: datetime
    registered_position: int


def customer_row(row: CustomerRow | None, recorded: Envelope) -> CustomerRow | None:
    """The customer after `recorded`."""
    event = recorded.event
    if isinstance(event, CustomerRegistered):
        return CustomerRow(
            id=recorded.stream,
            partner=event.partner,
            external_id=event.external_id,
            chain_id=event.wallet,
            wallet=canonical(event.wallet),
            status=Status.INITIATING.value,
            detail="awaiting_signature",
            version=recorded.version,
            created_at=recorded.recorded_at,
            updated_at=recorded.recorded_at,
            registered_position=recorded.position,
        )
    if row is None:
        return None
    status = LEADS_TO.get(type(event))
    if status is None:
        return row._replace(version=recorded.version, detail=_detail(event, row.detail))
    return row._replace(
        version=recorded.version,
        status=status.value,
        detail=_detail(event, ""),
        updated_at=row.updated_at if status.value == row.status else recorded.recorded_at,
    )


_DETAILS: Final[dict[type[Event], str]] = {
    ChallengeIssued: "awaiting_signature",
    ChallengeFailed: "signature_failed",
    VerificationRetryRequested: "asked_to_retry",
    VerificationHeld: "on_hold",
    RejectionProposed: "rejection_proposed",
    RejectionWithdrawn: "rejection_withdrawn",
}


def _detail(event: Event, otherwise: str) -> str:
    """What goes on inside the status. Never for partners."""
    match event:
        case ScreeningAttempted():
            return {"retry": "retrying", "hold": "on_hold"}.get(event.verdict, otherwise)
        case VerificationStarted():
            return otherwise or "in_session"
        case CustomerDeactivated():
            return event.ground.value
    return _DETAILS.get(type(event), otherwise)


CUSTOMERS: Final = Projection(name="customers", row=CustomerRow, keys=1, key=by_customer, evolve=customer_row)
