"""Customers with all that their decisions rested on, a page at a time: their stream, their evidence, other streams."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg import Connection

from application.envelope import Envelope
from application.mapper import read
from application.ports import Histories
from application.rereading import Readers
from application.streams import bar_of
from domain.events import CustomerRegistered, SubjectErased
from domain.wallet import canonical
from infrastructure.arrays import UuidArray
from infrastructure.keys.deployment import Keys
from infrastructure.keys.masters import MasterKeys
from infrastructure.keys.sources import KeySource
from infrastructure.log.journal import STREAMS
from infrastructure.replay.evidence import KeptEvidence
from infrastructure.replay.keys import HeldKeys, held_keys
from infrastructure.replay.readers import READERS
from infrastructure.replay.streams import PAGE, IllegibleEvent, Row, customers_rows

_EVIDENCE: Final = "SELECT subject, digest, sealed FROM gatehouse.evidence WHERE subject BETWEEN %b AND %b"


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to read the log and its evidence again."""

    conninfo: str
    keys: Keys
    readers: Readers = READERS
    source: KeySource | None = None
    """Where a master key is looked for that is not among the keys."""


class Illegible(NamedTuple):
    """An event that this version cannot read, at a version of its stream."""

    version: int
    type: str


@dataclass(frozen=True, slots=True)
class Life:
    """One customer's stream, up to where it can be read, and its evidence."""

    stream: UUID
    history: list[Envelope]
    events: int
    illegible: Illegible | None
    evidence: KeptEvidence


class LoadedStreams:
    """Streams that are no customers', loaded before they are asked for as far as that can be foreseen."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._streams: Histories = {}

    def load(self, streams: Collection[UUID]) -> None:
        """Forget all others, and read these in one query."""
        self._streams = {}
        self._read(streams)

    def before(self, streams: tuple[UUID, ...], position: int) -> Histories:
        """What streams held before a position."""
        self._read([stream for stream in streams if stream not in self._streams])
        return {stream: [past for past in self._streams[stream] if past.position < position] for stream in streams}

    def whole(self, stream: UUID) -> list[Envelope]:
        """What one holds."""
        self._read([] if stream in self._streams else [stream])
        return self._streams[stream]

    def _read(self, streams: Collection[UUID]) -> None:
        if not streams:
            return
        self._streams |= {stream: [] for stream in streams}
        for row in self._connection.execute(STREAMS, (UuidArray(streams),), prepare=True, binary=True).fetchall():
            try:
                self._streams[row[0]].append(read(*row))
            except Exception as fault:
                raise IllegibleEvent(row[4], fault) from fault


class Lives:
    """Reads customers in one snapshot, up to a position; their keys on another connection, as of now."""

    def __init__(self, connection: Connection[Any], access: Access, *, upto: int, page: int = PAGE) -> None:
        self._connection = connection
        self._conninfo = access.conninfo
        self._fingerprint = access.keys.fingerprint_of
        self._masters = MasterKeys(access.keys.masters, access.source)
        self._upto = upto
        self._page = page
        self.others = LoadedStreams(connection)

    def pages(self, lowest: int, highest: int) -> Iterator[list[Life]]:
        """Customers with ids from `lowest` to `highest`, whole streams of about a page of events together.

        The keys of a page are forgotten when the next is asked for.
        """
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute("SET idle_in_transaction_session_timeout = 0")  # a page may take long
            for page in self._stored(lowest, highest):
                with held_keys(connection, self._masters, (min(page), max(page))) as keys:
                    lives = self._loaded(page, keys)
                    try:
                        yield lives
                    finally:
                        for life in lives:
                            life.evidence.forget()

    def _stored(self, lowest: int, highest: int) -> Iterator[dict[UUID, list[Row]]]:
        """The rows of whole streams."""
        page: dict[UUID, list[Row]] = {}
        held = 0
        rows = customers_rows(self._connection, lowest, highest, upto=self._upto, page=self._page)
        for stream, stored in groupby(rows, itemgetter(0)):
            page[stream] = list(stored)
            held += len(page[stream])
            if held >= self._page:
                yield page
                page, held = {}, 0
        if page:
            yield page

    def _loaded(self, page: dict[UUID, list[Row]], keys: HeldKeys) -> list[Life]:
        bounds = (min(page), max(page))
        sealed: dict[UUID, dict[bytes, bytes]] = defaultdict(dict)
        for subject, digest, payload in self._connection.execute(_EVIDENCE, bounds, prepare=True, binary=True):
            sealed[subject][digest] = payload
        lives = []
        for stream, rows in page.items():
            history, illegible = _read_history(rows)
            evidence = KeptEvidence(
                stream,
                sealed.get(stream, {}),
                unwrap=keys.unwrap.get(stream),
                erased=stream in keys.erased or any(isinstance(past.event, SubjectErased) for past in history),
            )
            lives.append(Life(stream, history, len(rows), illegible, evidence))
        self.others.load({stream for life in lives for stream in self._foreseen(life.history)})
        return lives

    def _foreseen(self, history: list[Envelope]) -> Iterator[UUID]:
        """The streams of what is known of a wallet and of persons, as the stream names them."""
        for envelope in history:
            event = envelope.event
            if isinstance(event, CustomerRegistered):
                yield bar_of(self._fingerprint(canonical(event.wallet)))
            elif person := getattr(event, "person", None):
                yield bar_of(person)


def _read_history(rows: list[Row]) -> tuple[list[Envelope], Illegible | None]:
    """The envelopes of a stream, up to one that cannot be read."""
    history: list[Envelope] = []
    for row in rows:
        try:
            history.append(read(*row))
        except Exception:  # noqa: BLE001 -- whatever it is, it is told as a divergence
            return history, Illegible(row[1], row[2])
    return history, None
