"""What officers are shown of reviews, and what they say to them, exactly as it travels."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.vocabulary import Digest, Reason, Status
from infrastructure.http.models import WORDS, Resource, StatedReason
from projections.reviews import ReviewKind


class ReviewQuery(BaseModel):
    """`GET /v1/reviews`: which, and how many at a time."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    kind: ReviewKind | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=100)] | None = None


class Review(Resource):
    """One thing for officers to decide: why, since when, and on what evidence. What was decided says by which event."""

    id: UUID
    customer_id: UUID
    kind: ReviewKind
    since: datetime
    reasons: list[Reason]
    evidence: list[Digest]
    officer: str | None = None
    expires_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None


class ReviewInDetail(Review):
    """The same with what the officer who proposed says, unless it was erased."""

    reason: str | None = None


class ReviewPage(Resource):
    """One page of what waits for an officer, oldest first. `nextCursor` is absent on the last page."""

    reviews: list[Review]
    next_cursor: str | None = None


class ReviewedCustomer(Resource):
    """A customer after an officer's word: its status, the detail inside it, and what still waits for an officer."""

    id: UUID
    status: Status
    detail: str
    legal_hold: bool
    reviews: list[Review]


class Decision(StatedReason):
    """`POST /v1/reviews/{id}/decision`: how a hold ends, and why."""

    outcome: Annotated[Literal["pass", "fail"], Field(examples=["pass"])]


class Proposal(StatedReason):
    """`POST …/rejection`: why, and the digests of evidence that was kept of this customer."""

    evidence: Annotated[tuple[Digest, ...], Field(max_length=50)] = ()


class LegalHold(StatedReason):
    """`POST …/hold`: which authority forbids that anything is erased, and why."""

    authority: Annotated[str, Field(pattern=WORDS, max_length=255, examples=["Central Bank"])]
