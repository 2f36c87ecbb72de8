"""The test vectors of the fold: histories as entries, and after each entry the state that the service's own code makes.

`docs/fold-vectors.json` holds them for readers in other languages; `./run docs` writes it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from itertools import count, zip_longest
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_jsonable_python

from application.envelope import Context, Envelope
from application.mapper import EnvelopeMapper
from application.transparency.entry import entry_of
from application.transparency.tree import leaf_hash
from domain.customer import LEADS_TO, fold
from domain.events import (
    EVENTS,
    AlertCleared,
    ChallengeFailed,
    CustomerDeactivated,
    CustomerReactivated,
    CustomerRegistered,
    IllicitActivityConfirmed,
    LegalHoldLifted,
    LegalHoldPlaced,
    RejectionWithdrawn,
    SubjectErased,
)
from domain.vocabulary import Event, Ground, Reason, Sealed
from projections.customers import customer_row
from projections.projection import CUSTOMER_EVENTS
from tests.domain.histories import (
    ACTIVE,
    ACTIVE_UNDER_ALERT,
    ALERTED,
    CHALLENGE_FAILED,
    DEACTIVATED_BY_PARTNER,
    DEACTIVATED_ON_SUSPICION,
    HELD_IN_VERIFYING,
    HISTORIES,
    REGISTERED,
    REJECTION_PROPOSED,
    UNDER_LEGAL_HOLD,
    History,
)
from tests.domain.samples import ALERT, ALICE, BOB, BY_PARTNER, NOW, SECOND_ALERT, digest
from tests.domain.stored import envelope_of

PATH: Final = Path(__file__).parents[2] / "docs" / "fold-vectors.json"

State = dict[str, Any] | None


class SomethingNew(Event):
    """A type of a release that is yet to come."""


class _StandIn:
    """Seals nothing: what stands where sealed text would."""

    def seal(self, text: str, *, stream: UUID, version: int, field: str) -> Sealed:
        return Sealed(sealed="bm9uY2Ugbm9uY2UgY2lwaGVydGV4dCBhbmQgdGFn")


_SUSPENDED: Final = CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=BY_PARTNER)
_RESUMED: Final = CustomerReactivated(decided_by=BY_PARTNER)
_CONFIRMED: Final = IllicitActivityConfirmed(
    reasons=(Reason.OFFICER_DECISION,), evidence=(digest("a memo"),), policy="monitoring-1", decided_by=(ALICE, BOB)
)
_CLEARED: Final = AlertCleared(alert=ALERT, decided_by=ALICE, reason="another wallet")
_ERASED: Final = SubjectErased(legal_basis="retention ended", key_reference="subject-key/7")
_TWO_ALERTS: Final[History] = (*DEACTIVATED_ON_SUSPICION, ALERTED.model_copy(update={"alert": SECOND_ALERT}))

FURTHER: Final[dict[str, History]] = {
    "active and rejected": (*ACTIVE, _CONFIRMED),
    "rejected as proposed": (*REJECTION_PROPOSED, _CONFIRMED),
    "proposal withdrawn": (*REJECTION_PROPOSED, RejectionWithdrawn(officer=ALICE, reason="mistaken")),
    "two grounds": (*DEACTIVATED_BY_PARTNER, *DEACTIVATED_ON_SUSPICION[-2:], _CLEARED, _RESUMED),
    "two alerts, one cleared": (*_TWO_ALERTS, _CLEARED),
    "two alerts, both cleared": (*_TWO_ALERTS, _CLEARED, _CLEARED.model_copy(update={"alert": SECOND_ALERT})),
    "legal hold lifted": (*UNDER_LEGAL_HOLD, LegalHoldLifted(authority="Central Bank", reason="case 12/26 is closed")),
    "erased while inactive": (*DEACTIVATED_BY_PARTNER, _ERASED),
    "erased, then held": (
        *CHALLENGE_FAILED,
        _ERASED,
        LegalHoldPlaced(authority="Central Bank", reason="case 13/26"),
        ChallengeFailed(reason="expired", submitted=digest("late")),
    ),
    "held, then asked to try again": (*HELD_IN_VERIFYING, envelope_of("VerificationRetryRequested").event),
    "many changes in one commit": (*ACTIVE, *(_SUSPENDED, _RESUMED) * 4),
    "a type that is not known": (*ACTIVE_UNDER_ALERT, SomethingNew(), _SUSPENDED, SomethingNew()),
    "registered twice": (*DEACTIVATED_BY_PARTNER, _ERASED, REGISTERED[0]),
}
OTHER_STREAMS: Final[History] = tuple(
    envelope_of(name).event for name, event in EVENTS.items() if event not in CUSTOMER_EVENTS
)
_TOLD: Final = HISTORIES | FURTHER
LIVES: Final[dict[str, tuple[History, ...]]] = {
    **{
        name: (history,)
        for name, history in _TOLD.items()
        if not any(len(other) > len(history) and other[: len(history)] == history for other in _TOLD.values())
    },
    "two customers side by side": (ACTIVE, DEACTIVATED_ON_SUSPICION),
    "no customer": (OTHER_STREAMS,),
}
"""The vectors: each tells of one stream or several. A history that another begins with is told with that one."""


class Log:
    """A log in memory: streams in the order in which they are written, three events to a commit."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.states: list[State] = []
        self._streams: dict[UUID, list[Envelope]] = {}
        self._heads: dict[UUID, bytes] = {}
        self._mapper = EnvelopeMapper(_StandIn())

    def append(self, stream: UUID, event: Event) -> None:
        """Record an event: the entry, and the state of its stream after it."""
        history = self._streams.setdefault(stream, [])
        envelope = _envelope(stream, len(history) + 1, event, position=len(self.lines) + 1)
        history.append(envelope)
        self.lines.append(self._entry(envelope))
        self._heads[stream] = leaf_hash(self.lines[-1])
        self.states.append(state_of(history))

    def _entry(self, envelope: Envelope) -> bytes:
        stored = self._mapper.to_stored_event(envelope)
        row = (envelope.stream, envelope.version, stored.topic, stored.state)
        return entry_of(*row, envelope.position, envelope.recorded_at, self._heads.get(envelope.stream))

    def last_states(self) -> list[State]:
        """The state of every customer, in order of ids."""
        states = (state_of(self._streams[stream]) for stream in sorted(self._streams))
        return [state for state in states if state]


def _envelope(stream: UUID, version: int, event: Event, *, position: int) -> Envelope:
    """An event of the log. Its commit is a microsecond short of a full minute, so that one more is another minute."""
    recorded_at = NOW + timedelta(minutes=position // 3, microseconds=-1)
    identity, command = UUID(int=0xE0000 + position), UUID(int=0xA0000 + position // 3)
    occurred_at = recorded_at - timedelta(seconds=position % 7)
    context = Context("policy:some-policy", command, command, occurred_at)
    return Envelope(stream, version, identity, context, event, position, recorded_at)


def state_of(history: Sequence[Envelope]) -> State:
    """What the domain's fold and the read model make of a stream, in the words of `docs/fold.md`."""
    customer = fold(envelope.event for envelope in history)
    row = reduce(customer_row, history, None)
    if customer is None or row is None:
        return None
    since = _since(history)
    return {
        "customer": str(row.id),
        "partner": str(customer.partner),
        "wallet": None if customer.erased else customer.wallet,
        "externalId": None if customer.erased else customer.external_id,
        "status": customer.status.value,
        "since": {
            "position": since.position,
            "recordedAt": _text(since.recorded_at),
            "occurredAt": to_jsonable_python(since.context.occurred_at),
        },
        "version": row.version,
        "createdAt": _text(row.created_at),
        "updatedAt": _text(row.updated_at),
        "grounds": sorted(customer.grounds),
        "held": customer.held,
        "alerts": [str(alert.alert) for alert in customer.alerts],
        "proposedBy": customer.proposal.officer if customer.proposal else None,
        "legalHold": customer.legal_hold,
        "erased": customer.erased,
    }


def _since(history: Iterable[Envelope]) -> Envelope:
    """The event that began the status."""
    status, since = None, None
    for envelope in history:
        led = LEADS_TO.get(type(envelope.event))
        if led is not None and (led != status or isinstance(envelope.event, CustomerRegistered)):
            status, since = led, envelope
    assert since is not None, "a customer's first event leads to a status"
    return since


def _text(moment: datetime) -> str:
    """A time as entries have it."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def customer_of(number: int) -> UUID:
    """The id of a customer in a log."""
    return UUID(f"0198a002-0000-7000-8000-{number:012}")


def write(log: Log, lives: Mapping[UUID, History]) -> Log:
    """Write streams side by side, an event of each in turn."""
    for events in zip_longest(*lives.values()):
        for stream, event in zip(lives, events, strict=True):
            if event is not None:
                log.append(stream, event)
    return log


def vectors() -> list[dict[str, Any]]:
    """Every vector, as the document has it."""
    log, ids, made = Log(), map(customer_of, count(1)), []
    for name, histories in LIVES.items():
        begun = len(log.lines)
        write(log, {next(ids): history for history in histories})
        entries = [line.decode() for line in log.lines[begun:]]
        made.append({"name": name, "entries": entries, "states": log.states[begun:]})
    return made


def document() -> str:
    """`docs/fold-vectors.json`, an entry or a state a line."""
    return "[" + ",".join(_vector(**vector) for vector in vectors()) + "\n]\n"


def _vector(name: str, entries: list[str], states: list[State]) -> str:
    return f'\n{{"name": {json.dumps(name)}, "entries": [{_rows(entries)}], "states": [{_rows(states)}]}}'


def _rows(values: Sequence[object]) -> str:
    return "\n" + ",\n".join(json.dumps(value, ensure_ascii=False) for value in values) + "\n"
