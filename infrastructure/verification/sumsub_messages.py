"""What Sumsub says, strictly read, and what it comes to in our words. https://docs.sumsub.com/docs/webhooks

Members that are not declared are let through unread: comments above all, which may never reach an applicant.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from application.ports import Fingerprint, Unreadable
from domain.findings import VerificationResult
from infrastructure.verification.person import person_of

SUMSUB: Final = "sumsub"
Answer = Literal["approved", "retry", "rejected", "on_hold"]

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
_LABELS: Final = 50
_CUSTOMER: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_DOCUMENTS: Final = ("PASSPORT", "ID_CARD", "RESIDENCE_PERMIT", "DRIVERS", None)
"""Identity documents, the one that tells most of who somebody is first; one of no stated type last, others never."""


def _time(stated: object) -> object:
    """A time as Sumsub writes it; UTC where it says no zone."""
    if not isinstance(stated, str) or not _TIME.fullmatch(stated):
        raise ValueError("not a time")
    moment = datetime.fromisoformat(stated)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("not a time of this era") from None


def _codes(stated: object) -> object:
    """Labels are codes. What is none may be free text about a person, and is left in the evidence."""
    labels = stated if isinstance(stated, list) else []
    return tuple(label for label in labels if isinstance(label, str) and _LABEL.fullmatch(label))[:_LABELS]


Reference = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,100}$")]
"""An applicant's id, which becomes a part of paths."""
Time = Annotated[datetime, BeforeValidator(_time)]


class Message(BaseModel):
    """Something that Sumsub says."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="ignore",
        frozen=True,
        validate_by_name=True,
        hide_input_in_errors=True,
        cache_strings="keys",  # else the parser keeps documents, for as long as the process lives
    )


class Outcome(NamedTuple):
    """A result in our words. `customer` is None where the applicant is none of ours."""

    applicant: str
    customer: UUID | None
    answer: Answer
    labels: tuple[str, ...]
    reported_at: datetime


class ReviewResult(Message):
    """Green, or red with whether another try may help."""

    review_answer: Literal["GREEN", "RED"]
    review_reject_type: Literal["RETRY", "FINAL"] | None = None
    reject_labels: Annotated[tuple[str, ...], BeforeValidator(_codes)] = ()

    @model_validator(mode="after")
    def _complete(self) -> "ReviewResult":
        """Nobody is turned away, for now or for good, by an answer that does not say which."""
        if self.review_answer == "RED" and self.review_reject_type is None:
            raise ValueError("red without a type")
        return self

    @property
    def answer(self) -> Answer:
        """The answer in our words."""
        if self.review_answer == "GREEN":
            return "approved"
        return "retry" if self.review_reject_type == "RETRY" else "rejected"


class Notice(Message):
    """The part of a callback that says what it is about."""

    type: str


class _Callback(Message):
    applicant_id: Reference
    external_user_id: str | None = None
    level_name: str | None = None
    created_at_ms: Time
    sandbox_mode: bool | None = None
    """A boolean, or one as text. Callbacks of old do not say it."""


class Reviewed(_Callback):
    """The review is over."""

    type: Literal["applicantReviewed"]
    review_status: Literal["completed"] = "completed"
    review_result: ReviewResult

    def outcome(self) -> Outcome:
        """The review's result."""
        result, customer = self.review_result, _customer(self.external_user_id)
        return Outcome(self.applicant_id, customer, result.answer, result.reject_labels, self.created_at_ms)


class OnHold(_Callback):
    """Somebody at the provider takes a closer look."""

    type: Literal["applicantOnHold"]

    def outcome(self) -> Outcome:
        """A hold, whatever an earlier review came to."""
        return Outcome(self.applicant_id, _customer(self.external_user_id), "on_hold", (), self.created_at_ms)


class Document(Message):
    """A document that was recognised; what the applicant typed in stands elsewhere."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id_doc_type: str | None = None
    country: str | None = None
    number: str | None = None


class Info(Message):
    """What was recognised of the applicant."""

    id_docs: tuple[Document, ...] | None = None


class Review(Message):
    """How the applicant's review stands. The result may be an earlier review's while a new one is under way."""

    review_status: str
    review_result: dict[str, Any] | None = None
    review_date: Time | None = None
    create_date: Time | None = None
    level_name: str | None = None


class Created(Message):
    """An applicant, as far as all of its answers agree."""

    id: Reference
    external_user_id: str | None = None


class Applicant(Created):
    """An applicant as they stand: who they are, and how their review stands."""

    info: Info | None = None
    review: Review | None = None

    def outcome(self) -> Outcome | None:
        """The review's result; None while there is none."""
        review = self.review
        if review is None or review.review_status not in {"completed", "onHold"}:
            return None
        dates = [date for date in (review.review_date, review.create_date) if date]
        if not dates:
            raise Unreadable  # without the provider's own time it could not be ordered among its callbacks
        customer = _customer(self.external_user_id)
        if review.review_status == "onHold":
            return Outcome(self.id, customer, "on_hold", (), max(dates))
        result = ReviewResult.model_validate(review.review_result)
        return Outcome(self.id, customer, result.answer, result.reject_labels, max(dates))

    @property
    def level(self) -> str | None:
        """The level that the review was for, where it is said."""
        return self.review.level_name if self.review else None

    def person(self) -> str | None:
        """Who the applicant is, by the first identity document that says so."""
        documents = (self.info.id_docs if self.info else None) or ()
        stated = sorted(
            (_DOCUMENTS.index(document.id_doc_type), person)
            for document in documents
            if document.id_doc_type in _DOCUMENTS and (person := person_of(document.country, document.number))
        )
        return stated[0][1] if stated else None


RESULTS: Final = frozenset({"applicantReviewed", "applicantOnHold"})
"""The types of callbacks that a decision follows from."""

Said = Reviewed | OnHold | Applicant
SAID: Final[TypeAdapter[Said]] = TypeAdapter(
    Annotated[Said, Field(union_mode="left_to_right")],
    config=ConfigDict(hide_input_in_errors=True, cache_strings="keys"),
)


def result_in(payloads: Sequence[bytes], *, fingerprint: Fingerprint) -> tuple[UUID, VerificationResult]:
    """What kept payloads say: a callback with its applicant, or an applicant alone.

    Raises `Unreadable`, also where the two are not about the same applicant.
    """
    try:
        said = SAID.validate_json(payloads[0])
        outcome = said.outcome()
        person = said if isinstance(said, Applicant) else _applicant(payloads[1:])
    except (ValidationError, IndexError):
        raise Unreadable from None
    if outcome is None or outcome.customer is None:
        raise Unreadable
    if person is None and outcome.answer in {"approved", "rejected"}:
        raise Unreadable
    if person and (person.id, _customer(person.external_user_id)) != (outcome.applicant, outcome.customer):
        raise Unreadable
    digests = [sha256(payload).hexdigest() for payload in payloads]
    stated = person.person() if person else None
    return outcome.customer, VerificationResult(
        provider=SUMSUB,
        applicant=outcome.applicant,
        answer=outcome.answer,
        reported_at=outcome.reported_at,
        labels=outcome.labels,
        evidence=digests[0],
        identity=digests[1] if len(digests) > 1 else None,
        person=fingerprint(stated) if stated else None,
        polled=isinstance(said, Applicant),
    )


def _applicant(payloads: Sequence[bytes]) -> Applicant | None:
    return Applicant.model_validate_json(payloads[0]) if payloads else None


def _customer(external_user_id: str | None) -> UUID | None:
    """The customer, where it is one of our ids."""
    return UUID(external_user_id) if external_user_id and _CUSTOMER.fullmatch(external_user_id) else None
