"""The sandbox's KYC provider: sessions with a hosted page, and callbacks signed as Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Final, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from standardwebhooks import Webhook, WebhookVerificationError

from application.ports import Applicant, Fingerprint, ForgedCallback, MalformedCallback, Reported, Session, Unreadable
from domain.findings import VerificationResult
from infrastructure.verification.person import person_of

SANDBOX: Final = "sandbox"
LEVEL: Final = "basic-kyc"
SESSION: Final = timedelta(minutes=30)
Answer = Literal["approved", "retry", "rejected", "on_hold"]
_TAG: Final = 16


class _Message(BaseModel):
    # Else the parser keeps names and documents, for as long as the process lives.
    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, validate_by_name=True, cache_strings="keys"
    )


class Person(_Message):
    """Who the sandbox says that the applicant is."""

    name: Annotated[str, Field(max_length=200)]
    document_number: Annotated[str, Field(max_length=100)]
    document_country: Annotated[str, Field(pattern="^[A-Z]{3}$")]


class Callback(_Message):
    """What the sandbox calls back with."""

    type: Literal["verification.result"] = "verification.result"
    applicant: UUID
    answer: Answer
    labels: tuple[str, ...] = ()
    reported_at: AwareDatetime
    person: Person


@dataclass(frozen=True, slots=True)
class SignedCallback:
    """A callback as it goes over the wire."""

    body: bytes
    headers: dict[str, str]


class SandboxProvider:
    """A KYC provider without a person behind it."""

    name = SANDBOX

    def __init__(self, secret: bytes, base_url: str, fingerprint: Fingerprint) -> None:
        self._secret = secret
        self._fingerprint = fingerprint
        self._webhook = Webhook(secret)
        self._base_url = base_url

    async def open(self, customer: UUID, *, key: str) -> Applicant:
        """Make the customer known."""
        return Applicant(self.name, str(customer), LEVEL)

    async def session(self, customer: UUID, applicant: str, *, now: datetime) -> Session:
        """A link to the hosted page, good for half an hour."""
        expires_at = now + SESSION
        packed = customer.bytes + int(expires_at.timestamp()).to_bytes(8, "big")
        token = urlsafe_b64encode(packed + self._tag(packed)).decode().rstrip("=")
        return Session(self.name, f"{self._base_url}/sandbox/verification/{token}", token, expires_at)

    def open_session(self, token: str, *, now: datetime) -> UUID | None:
        """The customer that a session's token is for; None where it is forged or over."""
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except ValueError:
            return None
        packed, tag = raw[:24], raw[24:]
        if not hmac.compare_digest(tag, self._tag(packed)) or int.from_bytes(packed[16:], "big") < now.timestamp():
            return None
        return UUID(bytes=packed[:16])

    def sign(self, callback: Callback) -> SignedCallback:
        """What goes over the wire."""
        body = callback.model_dump_json(by_alias=True).encode()
        message_id, sent_at = f"msg_{uuid4().hex}", datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, sent_at, body.decode()),
        }
        return SignedCallback(body, headers)

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> Reported | None:
        """Check the signature on the raw body, made within the last five minutes, then read it."""
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError, KeyError) as fault:
            raise ForgedCallback from fault
        try:
            customer, result = result_in((body,), fingerprint=self._fingerprint)
        except Unreadable:
            raise MalformedCallback from None
        return Reported(customer, result, (body,))

    async def poll(self, customer: UUID, applicant: str) -> Reported | None:
        """No person is behind it: what there is to say, it has called back with."""
        return None

    def _tag(self, packed: bytes) -> bytes:
        return hmac.digest(self._secret, b"session" + packed, "sha256")[:_TAG]


def result_in(payloads: Sequence[bytes], *, fingerprint: Fingerprint) -> tuple[UUID, VerificationResult]:
    """What a callback's body, the only payload, says: the customer and the result. Raises `Unreadable`."""
    try:
        (body,) = payloads
        callback = Callback.model_validate_json(body)
    except ValueError:  # pydantic's errors are such, too
        raise Unreadable from None
    person = person_of(callback.person.document_country, callback.person.document_number)
    result = VerificationResult(
        provider=SANDBOX,
        applicant=str(callback.applicant),
        answer=callback.answer,
        reported_at=callback.reported_at,
        labels=callback.labels,
        evidence=sha256(body).hexdigest(),
        person=fingerprint(person) if person else None,
    )
    return callback.applicant, result


def somebody(customer: UUID) -> Person:
    """A made-up person, the same for the same customer."""
    number = customer.hex[-10:].upper()
    return Person(name=f"Sandbox Person {number}", document_number=f"SBX{number}", document_country="UTO")


def rehearsed(customer: UUID, outcome: str, *, now: datetime) -> list[Callback]:
    """The callbacks that an outcome of the simulator stands for, in the order in which they arrive."""
    answers: dict[str, Answer] = {"retry": "retry", "final": "rejected", "hold": "on_hold"}
    callback = Callback(
        applicant=customer,
        answer=answers.get(outcome, "approved"),
        labels=("rehearsal",) if outcome in answers else (),
        reported_at=now,
        person=somebody(customer),
    )
    if outcome == "duplicate":
        return [callback, callback]
    if outcome == "out_of_order":
        earlier = callback.model_copy(update={"answer": "retry", "reported_at": now - timedelta(minutes=1)})
        return [callback, earlier]
    return [callback]
