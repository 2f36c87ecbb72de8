"""Request bodies and resources of the API, exactly as they travel.

JSON is camelCase, times are RFC 3339 in UTC, unknown request fields are refused.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.vocabulary import Status
from infrastructure.as_of import ClockName
from infrastructure.http.fields import Account, AsOf, Moment

PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f]{1,255}$"
"""Text without control characters, which no column, log or page can carry."""

WORDS: Final = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
"""The same for free text, of which something must be there."""

CLOCK: Final = "`recorded`: what did we know then? `occurred`: what was true then, as we know now?"


class Body(BaseModel):
    """A request body: strict about what it does not know."""

    # Else the parser keeps what people say, for as long as the process lives.
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, strict=True, cache_strings="keys")


Reason = Annotated[str, Field(pattern=WORDS, max_length=2000, examples=["A namesake: the passport is another's."])]


class StatedReason(Body):
    """Why an officer does something, in words. Sealed with the customer's key; partners never see it."""

    reason: Reason


class OptionalReason(Body):
    """The same, where it may be left out."""

    reason: Reason = Field(default_factory=str)


class Resource(BaseModel):
    """A response body."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, frozen=True)


class CustomerRegistration(Body):
    """`POST /v1/customers`: a wallet as a CAIP-10 account and the partner's own reference."""

    chain_id: Account
    external_id: Annotated[
        str, Field(pattern=PRINTABLE, examples=["user-4711"], description="Your reference; nothing personal, please.")
    ]


class Customer(Resource):
    """A customer as its partner sees it: one of six statuses, and never a reason."""

    id: UUID
    external_id: str
    chain_id: str
    status: Status
    created_at: datetime
    updated_at: datetime


class RegisteredCustomer(Customer):
    """The answer to a registration: the customer and the challenge to sign."""

    challenge: str


class CustomerPage(Resource):
    """One page of customers, newest first. `nextCursor` is absent on the last page."""

    customers: list[Customer]
    next_cursor: str | None = None


class CustomerQuery(BaseModel):
    """`GET /v1/customers`: which customers, and how many at a time."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    status: Status | None = None
    external_id: Annotated[str, Field(pattern=PRINTABLE)] | None = None
    chain_id: Account | None = None
    created_after: Moment | None = None
    as_of: AsOf | None = None
    clock: Annotated[ClockName, Field(description=CLOCK)] = "recorded"
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=100)] | None = None


class MomentQuery(BaseModel):
    """`?asOf=&clock=`: a position or a time, on one of the two clocks."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    as_of: AsOf | None = None
    clock: Annotated[ClockName, Field(description=CLOCK)] = "recorded"


class MomentsQuery(BaseModel):
    """`?from=&to=&clock=`: two moments to compare."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    earlier: Annotated[AsOf, Field(alias="from")]
    later: Annotated[AsOf, Field(alias="to")]
    clock: Annotated[ClockName, Field(description=CLOCK)] = "recorded"


class Funnel(Resource):
    """How many customers had each status. `position` is how much of the log is counted."""

    position: int
    counts: dict[Status, int]


class FunnelMove(Resource):
    """How many customers went from a status, or `new`, to another."""

    before: Annotated[Status | Literal["new"], Field(alias="from")]
    after: Annotated[Status, Field(alias="to")]
    customers: int


class FunnelChanges(Resource):
    """Who had another status at the later moment than at the earlier one; how much of the log each moment knew."""

    from_position: int
    to_position: int
    moves: list[FunnelMove]


class CustomerAsOf(Customer):
    """A customer at a moment. Its partner never sees `detail`."""

    detail: str | None = None


class CustomerChanges(Resource):
    """A customer at two moments; `before` is absent where it was not registered yet."""

    before: CustomerAsOf | None = None
    after: CustomerAsOf
    changed: list[str]


class ChallengeResource(Resource):
    """The open challenge: base64 of the EIP-4361 message, and until when it may be signed."""

    challenge: str
    expires_at: datetime


class SignedChallenge(Body):
    """`POST …/challenge/sign`: the challenge as it was given, and its signature as 0x-hex or base64 of that."""

    chain_id: Account
    challenge: Annotated[str, Field(max_length=8000)]
    signature: Annotated[str, Field(max_length=20000)]


class VerificationSession(Resource):
    """Where the person verifies themselves."""

    provider: str
    session_url: str
    session_token: str
    expires_at: datetime


class CustomerServices(Resource):
    """What the customer may use now."""

    status: Status
    account_creation: bool
    card_creation: bool


class SimulatedOutcome(Body):
    """What the sandbox is to answer."""

    outcome: Annotated[str, Field(max_length=40, examples=["pass"])]


class Accepted(Resource):
    """The sandbox will answer so."""

    accepted: bool = True


class TimelineEntry(Resource):
    """One line of a customer's story."""

    position: int
    version: int
    type: str
    recorded_at: datetime
    occurred_at: datetime
    who: str
    what: str
    why: str


class Timeline(Resource):
    """A customer's story, with the detail inside the status that its partner never sees."""

    id: UUID
    status: Status
    detail: str
    entries: list[TimelineEntry]


class StoredEvent(Resource):
    """An event as it is stored."""

    position: int
    stream: UUID
    version: int
    type: str
    recorded_at: datetime
    event: dict[str, Any]


class StoredEvents(Resource):
    """A customer's whole stream."""

    events: list[StoredEvent]


class Fault(Resource):
    """One thing that is wrong with a request, and where, unless the place itself is the sender's text."""

    pointer: Annotated[str | None, Field(examples=["/externalId"])] = None
    code: Annotated[str, Field(examples=["string_pattern_mismatch"])]


class ProblemDetails(Resource):
    """An error, as RFC 9457 has it. `code` is stable; `type` is made of it."""

    type: str
    title: str
    status: int
    code: str
    id: Annotated[UUID | None, Field(description="The customer that there is, where it is the caller's own.")] = None
    errors: Annotated[list[Fault] | None, Field(description="What is wrong with a request, part by part.")] = None


class WorkLine(Resource):
    """A line of an answer that takes long: how far the work has come, or why nothing came of it."""

    events: int | None = None
    of: int | None = None
    problem: ProblemDetails | None = None
