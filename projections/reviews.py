"""`reviews`: what waits, or waited, for an officer, and why. Most customers never have a row.

A screening gathers evidence from its first attempt in doubt on, and waits for an officer once it is held: what is not
open yet is no review to anybody. What is closed stays, so that a decision that comes twice is known again.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.events import (
    AlertCleared,
    AlertRaised,
    IllicitActivityConfirmed,
    RejectionExpired,
    RejectionProposed,
    RejectionRefused,
    RejectionWithdrawn,
    ScreeningAttempted,
    ScreeningFailed,
    ScreeningPassed,
    SubjectErased,
    VerificationFailed,
    VerificationHeld,
    VerificationPassed,
    VerificationRetryRequested,
)
from domain.findings import SourceReport
from domain.vocabulary import Event
from projections.projection import Projection, by_customer

ReviewKind = Literal["screening_hold", "verification_hold", "alert", "rejection_proposal"]


class Review(NamedTuple):
    """One thing for officers to decide. Reasons and evidence are words with spaces between them."""

    customer: UUID
    position: int
    """Of the first event that belongs to it."""
    id: UUID
    """The alert's own; otherwise the first event's."""
    kind: str
    opened: int | None
    """The position from which on it waits for an officer."""
    since: datetime | None
    reasons: str
    evidence: str
    officer: str | None
    """Who proposed."""
    expires_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    """The type of the event that ended it."""

    @property
    def open(self) -> bool:
        """Whether it waits for an officer."""
        return self.opened is not None and self.closed_at is None


class Reviews(NamedTuple):
    """All reviews of one customer, in the order in which they began."""

    customer: UUID
    reviews: tuple[Review, ...]


def reviews_row(row: Reviews | None, recorded: Envelope) -> Reviews | None:
    """The customer's reviews after `recorded`."""
    if row is None and type(recorded.event) not in _BEGINS:
        return None
    before = row.reviews if row else ()
    after = _begun(_closed(before, recorded), recorded)
    return row if after == before else Reviews(recorded.stream, after)


def _closed(reviews: tuple[Review, ...], recorded: Envelope) -> tuple[Review, ...]:
    """The reviews, those closed that the event ends."""
    event = recorded.event
    kinds = _ENDS.get(type(event), frozenset())
    only = event.alert if isinstance(event, AlertCleared) else None
    return tuple(
        review._replace(closed_at=recorded.recorded_at, closed_by=recorded.type)
        if review.closed_at is None and review.kind in kinds and only in (None, review.id)
        else review
        for review in reviews
    )


def _begun(reviews: tuple[Review, ...], recorded: Envelope) -> tuple[Review, ...]:
    """The reviews with the one that the event begins, or has more to say of."""
    match recorded.event:
        case ScreeningAttempted() as event:
            return _screened(reviews, recorded, event)
        case VerificationHeld() as event:
            return (*reviews, _opened(recorded, "verification_hold", event.reasons, (event.evidence,)))
        case AlertRaised() as event:
            alert = _opened(recorded, "alert", event.reasons, _digests(event.reports))
            return (*reviews, alert._replace(id=event.alert))
        case RejectionProposed() as event:
            proposal = _opened(recorded, "rejection_proposal", (), event.evidence)
            return (*reviews, proposal._replace(officer=event.officer, expires_at=event.expires_at))
    return reviews


def _screened(reviews: tuple[Review, ...], recorded: Envelope, event: ScreeningAttempted) -> tuple[Review, ...]:
    """One more attempt: of no account while nothing grave is known and nobody has to look."""
    held = event.verdict == "hold"
    known = next((one for one in reviews if one.kind == "screening_hold" and one.closed_at is None), None)
    if known is None and not held and not any(report.grave for report in event.reports):
        return reviews
    evidence = dict.fromkeys((*(known.evidence.split() if known else ()), *_digests(event.reports)))
    now = _opened(recorded, "screening_hold", event.reasons, evidence)
    if not held:
        now = now._replace(opened=None, since=None)
    if known is None:
        return (*reviews, now)
    now = now._replace(position=known.position, id=known.id)
    return tuple(now if one is known else one for one in reviews)


def _opened(recorded: Envelope, kind: ReviewKind, reasons: Iterable[str], evidence: Iterable[str]) -> Review:
    return Review(
        customer=recorded.stream,
        position=recorded.position,
        id=recorded.event_id,
        kind=kind,
        opened=recorded.position,
        since=recorded.recorded_at,
        reasons=" ".join(reasons),
        evidence=" ".join(evidence),
        officer=None,
        expires_at=None,
        closed_at=None,
        closed_by=None,
    )


def _digests(reports: Iterable[SourceReport]) -> tuple[str, ...]:
    return tuple(report.evidence for report in reports if report.evidence)


_ENDS: Final[Mapping[type[Event], frozenset[ReviewKind]]] = MappingProxyType(
    {
        ScreeningPassed: frozenset({"screening_hold"}),
        ScreeningFailed: frozenset({"screening_hold", "rejection_proposal"}),
        VerificationHeld: frozenset({"verification_hold"}),
        VerificationRetryRequested: frozenset({"verification_hold"}),
        VerificationPassed: frozenset({"verification_hold"}),
        VerificationFailed: frozenset({"verification_hold", "rejection_proposal"}),
        AlertCleared: frozenset({"alert"}),
        RejectionWithdrawn: frozenset({"rejection_proposal"}),
        RejectionRefused: frozenset({"rejection_proposal"}),
        RejectionExpired: frozenset({"rejection_proposal"}),
        IllicitActivityConfirmed: frozenset({"alert", "rejection_proposal"}),
        SubjectErased: frozenset({"screening_hold", "verification_hold", "alert", "rejection_proposal"}),
    }
)
"""Which reviews an event ends; of alerts, only the one that it names."""

_BEGINS: Final[frozenset[type[Event]]] = frozenset(
    (ScreeningAttempted, VerificationHeld, AlertRaised, RejectionProposed)
)
_CONCERN: Final = _BEGINS | _ENDS.keys()

REVIEWS: Final = Projection(
    name="reviews",
    row=Reviews,
    keys=1,
    key=by_customer,
    evolve=reviews_row,
    takes=_CONCERN,
    reads=_CONCERN,
    part=Review,
    part_keys=2,
)
