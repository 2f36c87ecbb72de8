"""What the application needs of the world. Each port has an adapter, and a fake that passes the same suite."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from application.envelope import Envelope
from application.idempotency import Entry
from domain.findings import SourceReport, VerificationResult

Clock = Callable[[], datetime]
"""The time now, with a zone."""

NewId = Callable[[], UUID]
"""An id never used before, roughly in order of time."""

Fingerprint = Callable[[str], str]
"""A keyed SHA-256, in hex: the same for the same text, and nothing without the key."""

Histories = dict[UUID, list[Envelope]]
"""Streams by id, each from its first event on."""


class Receipt(NamedTuple):
    """What a command came to: the version it brought its stream to. Stored with the command's events."""

    command_id: UUID
    stream: UUID
    version: int


@dataclass(slots=True)
class Batch:
    """What goes into the log at once, in the shape that the library collects events from."""

    envelopes: list[Envelope] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    seen: dict[UUID, int] = field(default_factory=dict)
    """The versions of streams that were decided on and are not written to: they must be the same still."""
    entries: list[Entry] = field(default_factory=list)
    """What requests with an idempotency key came to. A key that is on record already is a `Conflict`."""
    id: None = None

    def collect_events(self) -> Sequence[Envelope]:
        """The events, in order."""
        return self.envelopes


class Conflict(Exception):
    """Somebody else appended to one of the streams, written or only seen, or the same command did before."""


class Unavailable(Exception):
    """The log cannot be reached, or went away: it is not known whether what was asked has happened."""


class Journal(Protocol):
    """The event log, as the executor sees it."""

    async def load(self, streams: Collection[UUID]) -> Histories:
        """Read whole streams in one round trip; one that does not exist is an empty list."""

    async def append(self, batch: Batch) -> None:
        """Append durably, all or nothing, and stamp the envelopes. Raises `Conflict` or `Unavailable`."""

    async def receipts(self, command_ids: Collection[UUID]) -> dict[UUID, Receipt]:
        """What is on record of these commands."""

    async def entries(self, keys: Collection[bytes]) -> dict[bytes, Entry]:
        """What is on record of these idempotency keys."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said, and the bytes it said it in (empty where it said nothing)."""

    report: SourceReport
    payload: bytes = b""


class Unreadable(Exception):
    """A payload that is not in its provider's format."""


class ScreeningSource(Protocol):
    """Somebody who knows wallets."""

    name: str

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        """Say what is known of a wallet (CAIP-10). `key` makes a repeated question the same question.

        An outage, a time-out or nonsense is a report that did not answer, never an exception.
        """


@dataclass(frozen=True, slots=True)
class Applicant:
    """A person as a KYC provider knows them."""

    provider: str
    reference: str
    level: str


@dataclass(frozen=True, slots=True)
class Session:
    """What a partner's front end needs to let the person verify themselves."""

    provider: str
    url: str
    token: str
    expires_at: datetime


class ProviderUnavailable(Exception):
    """The provider did not answer; ask again later, after `retry_after` seconds where it said so."""

    def __init__(self, retry_after: int = 0) -> None:
        super().__init__("the provider is unavailable")
        self.retry_after = retry_after


class ForgedCallback(Exception):
    """The callback's signature does not hold, or it is too old."""


class MalformedCallback(Exception):
    """The callback is signed, but not in its provider's format."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a KYC provider said of a customer, and the bytes it said it in: the evidence of the result."""

    customer: UUID
    result: VerificationResult
    payloads: tuple[bytes, ...]


class VerificationProvider(Protocol):
    """Somebody who verifies persons."""

    name: str

    async def open(self, customer: UUID, *, key: str) -> Applicant:
        """Make the customer known; the same `key` gives the same applicant. Raises `ProviderUnavailable`."""

    async def session(self, customer: UUID, applicant: str, *, now: datetime) -> Session:
        """A link under which the person can verify themselves. Raises `ProviderUnavailable`."""

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> Reported | None:
        """What a callback says; None where it says nothing to be decided, or is for nobody.

        The signature is checked on the raw body before it is read. Raises `ForgedCallback`, `MalformedCallback`, and
        `ProviderUnavailable` where the provider has to be asked for more and does not answer.
        """

    async def poll(self, customer: UUID, applicant: str) -> Reported | None:
        """The result as it stands, where a callback may have been lost; None if there is none yet.

        Raises `ProviderUnavailable`.
        """


class EvidenceStore(Protocol):
    """Raw payloads, sealed with their subject's key and kept by digest, outside the log."""

    async def keep(self, subject: UUID, payloads: Iterable[bytes]) -> list[str]:
        """Store payloads durably and answer their SHA-256 digests, in order."""
