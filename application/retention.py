"""When the time begins for which a customer's data is kept: where the relationship ended, by the log's own clock.

Regulation (EU) 2024/1624, Art. 77: five years after the business relationship ended, or after it was refused.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from application.envelope import UNSTAMPED, Envelope
from domain.customer import LEADS_TO
from domain.events import ChallengeFailed, ChallengeIssued
from domain.vocabulary import Event, Status

ENDED: Final = frozenset({Status.INITIATING, Status.INACTIVE, Status.REJECTED})
"""Who is not in and not on the way: an onboarding that stands still ended when its partner last did something."""
_STIRRING: Final[tuple[type[Event], ...]] = (ChallengeIssued, ChallengeFailed)


def ended_at(history: Iterable[Envelope], *, now: datetime) -> datetime | None:
    """When the status began in which the relationship is over; None where it is not.

    What is not recorded yet, being decided in the same batch, begins `now`.
    """
    status: Status | None = None
    since = now
    for envelope in history:
        kind = type(envelope.event)
        leads_to = LEADS_TO.get(kind, status)
        if leads_to is not status or (status is Status.INITIATING and kind in _STIRRING):
            since = now if envelope.recorded_at == UNSTAMPED else envelope.recorded_at
        status = leads_to
    return since if status in ENDED else None
