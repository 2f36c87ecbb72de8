"""The log's format: envelopes to the library's stored events and back.

The state is one line of JSON, the envelope's own fields first and the event's under `data`. Personal fields are
sealed on the way in, bound to their stream, version and field, and stay sealed on the way out.
"""

from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from pydantic_core import to_json

from application.envelope import UNSTAMPED, Context, Envelope
from domain.events import EVENTS
from domain.vocabulary import Event, Fact, Moment, Sealed

E = TypeVar("E", bound=Event)


class UnknownEventType(Exception):
    """The log holds an event that this version does not know. Nothing is guessed."""


class Sealer(Protocol):
    """Seals personal text with the key of the subject that a stream is about."""

    def seal(self, text: str, *, stream: UUID, version: int, field: str) -> Sealed:
        """Encrypt `text` so that it opens only at this place."""


class State(Fact, Generic[E]):
    """What is stored of an envelope beside the library's own columns, in this order."""

    event_id: UUID
    occurred_at: Moment
    """When it happened in the world. When it was recorded, the log says beside it."""
    actor: str
    """Who did it, what it is first, such as `partner:…`, `officer:…` or `policy:…`."""
    correlation_id: UUID
    """What all that came of one request have in common."""
    causation_id: UUID | None = None
    """The event that it came of, where it came of one."""
    command_id: UUID
    """What all that was decided at once have in common."""
    data: E


_STATES: Final = {name: State[event] for name, event in EVENTS.items()}  # type: ignore[valid-type] # one each


_UNREAD: Final = {name: event.model_construct() for name, event in EVENTS.items()}


class EnvelopeMapper(Mapper[UUID]):
    """The library's mapper, for envelopes."""

    def __init__(self, sealer: Sealer | None = None) -> None:
        super().__init__(JSONTranscoder())
        self._sealer = sealer
        self._newest: tuple[Context | None, bytes] = (None, b"")

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Write an envelope, its personal fields sealed."""
        envelope = domain_event
        if not isinstance(envelope, Envelope):
            raise TypeError("only envelopes are written to the log")
        event = self._sealed(envelope) if envelope.event.personal else envelope.event
        data = event.__pydantic_serializer__.to_json(event, by_alias=True, exclude_none=True)
        return StoredEvent(
            originator_id=envelope.stream,
            originator_version=envelope.version,
            topic=envelope.type,
            state=b'{"eventId":%b,%b,"data":%b}' % (to_json(envelope.event_id), self._head(envelope.context), data),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Envelope:
        """Read an envelope. Raises `UnknownEventType`; never reads today's rules."""
        return read(stored_event.originator_id, stored_event.originator_version, stored_event.topic, stored_event.state)

    def _head(self, context: Context) -> bytes:
        """The fields that all events of one command share, written once. What could not be read again is refused."""
        if self._newest[0] is not context:
            if context.occurred_at.tzinfo is None:
                raise TypeError("a time without a zone could not be read again")
            caused = b'"causationId":%b,' % to_json(context.causation_id) if context.causation_id else b""
            head = b'"occurredAt":%b,"actor":%b,"correlationId":%b,%b"commandId":%b' % (
                to_json(context.occurred_at.astimezone(UTC)),
                to_json(context.actor),
                to_json(context.correlation_id),
                caused,
                to_json(context.command_id),
            )
            self._newest = (context, head)
        return self._newest[1]

    def _sealed(self, envelope: Envelope) -> Event:
        event = envelope.event
        changes: dict[str, Any] = {}
        for field in event.personal:
            text = getattr(event, field)
            if isinstance(text, str):
                if self._sealer is None:
                    raise TypeError("this mapper has no keys to seal personal text with")
                changes[field] = self._sealer.seal(text, stream=envelope.stream, version=envelope.version, field=field)
        return event.model_copy(update=changes)


def unread(stream: UUID, version: int, topic: str, position: int, recorded_at: datetime) -> Envelope:
    """The envelope of a stored row whose content nobody asks for; whoever does gets an `AttributeError`."""
    event = _UNREAD.get(topic)
    if event is None:
        raise UnknownEventType(topic)
    return Envelope(stream, version, None, None, event, position, recorded_at)  # type: ignore[arg-type] # as it says


def read(  # noqa: PLR0913, PLR0917 -- a row's columns in their order
    stream: UUID | str,
    version: int,
    topic: str,
    state: bytes,
    position: int = 0,
    recorded_at: datetime = UNSTAMPED,
) -> Envelope:
    """Make the envelope of one stored row, stamped if the row says with what."""
    model = _STATES.get(topic)
    if model is None:
        raise UnknownEventType(topic)
    stored: State[Event] = model.__pydantic_validator__.validate_json(state)
    occurred_at = stored.occurred_at.astimezone(
        UTC
    )  # as the database's times have it: others compare at ten times the cost
    context = Context(stored.actor, stored.command_id, stored.correlation_id, occurred_at, stored.causation_id)
    stream = stream if isinstance(stream, UUID) else UUID(stream)
    return Envelope(stream, version, stored.event_id, context, stored.data, position, recorded_at)
