"""When the time begins for which a customer's data is kept: where the relationship ended, by the log's own clock.

Regulation (EU) 2024/1624, Art. 77: five years after the business relationship ended, or after it was refused.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from application.envelope import UNSTAMPED, Envelope
from domain.customer import LEADS_TO
from domain.events import LegalHoldLifted, LegalHoldPlaced
from domain.vocabulary import Event, Status

_ON_THE_WAY: Final = frozenset({Status.INITIATING, Status.SCREENING, Status.VERIFYING})
"""An onboarding that stands still ended when anything last happened in it."""
_HOLDS: Final[tuple[type[Event], ...]] = (LegalHoldPlaced, LegalHoldLifted)


def ended_at(history: Iterable[Envelope], *, now: datetime) -> datetime | None:
    """When the relationship ended, or the onboarding came to stand still; None for who is in.

    What is not recorded yet, being decided in the same batch, begins `now`.
    """
    status: Status | None = None
    since = now
    for envelope in history:
        kind = type(envelope.event)
        leads_to = LEADS_TO.get(kind, status)
        if leads_to is not status or (status in _ON_THE_WAY and kind not in _HOLDS):
            since = now if envelope.recorded_at == UNSTAMPED else envelope.recorded_at
        status = leads_to
    return None if status in {None, Status.ACTIVE} else since
