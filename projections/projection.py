"""What a projection is: a pure function from a row and an event to a row, and which row an event is about."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar
from uuid import UUID

from application.envelope import Envelope
from domain.events import (
    EVENTS,
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    AuditTrailRead,
    CheckpointPublished,
    CustomersRescreened,
    ExportProduced,
    LoginRefused,
    MasterKeyRotated,
    OnboardingBarred,
    PersonRecognised,
    RequestKeyRegistered,
    RequestKeyRemoved,
    SanctionsListPublished,
    SigningKeyAnnounced,
    WalletClaimed,
    WebhookAddressReleased,
    WebhookAddressTaken,
    WebhookMarkedFailing,
    WebhookRecovered,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
    WebhookTypesChanged,
)
from domain.vocabulary import Event

Row = TypeVar("Row", bound=NamedTuple)

Small = Annotated[int, "four bytes"]
"""A number in a column of four bytes; any other has eight."""

CUSTOMER_EVENTS: Final = frozenset(EVENTS.values()) - {
    CustomersRescreened,
    WalletClaimed,
    PersonRecognised,
    OnboardingBarred,
    ApiKeyIssued,
    ApiKeyRevoked,
    ApiKeyRotated,
    RequestKeyRegistered,
    RequestKeyRemoved,
    AuditTrailRead,
    SanctionsListPublished,
    SigningKeyAnnounced,
    CheckpointPublished,
    ExportProduced,
    MasterKeyRotated,
    LoginRefused,
    WebhookRegistered,
    WebhookTypesChanged,
    WebhookSecretRotated,
    WebhookMarkedFailing,
    WebhookRecovered,
    WebhookRemoved,
    WebhookAddressTaken,
    WebhookAddressReleased,
}
"""The events of customers' streams, whether they may still happen or not: history does not ask today's rule."""

PROJECTED: Final = CUSTOMER_EVENTS | {SanctionsListPublished, CustomersRescreened}
"""The events that projections take: those of customers, and those of lists that customers are held against."""


@dataclass(frozen=True, slots=True)
class Numbering(Generic[Row]):
    """Numbers for parts, which count what happened to other rows too: given as parts are written, never changed."""

    number: str
    """The column of the number."""
    per: str
    """The column of whom it counts for."""
    columns: int
    """How many of the last columns it fills."""
    give: Callable[[Sequence[Row], Mapping[UUID, int]], Sequence[Row]]
    """Numbers what is new in rows, from the last number that each already has."""


@dataclass(frozen=True, slots=True)
class Projection(Generic[Row]):
    """One read model. `row` is a named tuple whose fields are the table's columns, the key's first."""

    name: str
    row: type[Row]
    keys: int
    """How many of the first columns make the primary key."""
    key: Callable[[Envelope], tuple[UUID | int, ...]]
    evolve: Callable[[Row | None, Envelope], Row | None]
    takes: frozenset[type[Event]]
    """The events that can change a row. For others, rows are not even read."""
    reads: frozenset[type[Event]]
    """Those of them that it looks into; of the rest, type, stream, version, position and time are all it needs."""
    part: type[Any] | None = None
    """The table's rows, where `row` is a key and a tuple of them: all that the table holds under the key."""
    part_keys: int = 0
    """How many of a part's first columns make the primary key. A part never goes away while its row is there."""
    numbering: Numbering[Row] | None = None
    """How parts are numbered, where they are: `evolve` leaves that open."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns, the primary key's first."""
        return (self.part or self.row)._fields

    @property
    def primary_key(self) -> int:
        """How many of them make the primary key."""
        return self.part_keys or self.keys


def by_customer(recorded: Envelope) -> tuple[UUID | int, ...]:
    """One row per customer."""
    return (recorded.stream,)
