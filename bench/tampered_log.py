"""What can be done to the log in its database by whoever owns it, with the triggers out of the way.

After each deed the service's own builder and exporter do their work as ever, and none of them is told.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from application.transparency.notes import Signer
from bench.bundles import OWN, EntryLog, moment
from bench.data import copy
from bench.lives import COLUMNS
from bench.tampering import Planted, planted
from infrastructure.exports.asked import Asked
from infrastructure.exports.bundle import Writing, seal
from infrastructure.exports.target import State, Target
from infrastructure.postgres import connect
from infrastructure.transparency.builder import TreeBuilder
from infrastructure.transparency.checkpoints import checkpoint_of

_OPEN: Final[tuple[LiteralString, ...]] = (
    "ALTER TABLE gatehouse.stored_events DISABLE TRIGGER USER",
    "ALTER TABLE gatehouse.tiles DISABLE TRIGGER USER",
    "CREATE TABLE kept_events AS TABLE gatehouse.stored_events",
    "CREATE TABLE kept_tiles AS TABLE gatehouse.tiles",
)
_RESTORE: Final[tuple[LiteralString, ...]] = (
    "TRUNCATE gatehouse.stored_events, gatehouse.tiles",
    "INSERT INTO gatehouse.stored_events TABLE kept_events",
    "INSERT INTO gatehouse.tiles TABLE kept_tiles",
    "UPDATE gatehouse.tree SET size = (SELECT count(*) FROM kept_events), stopped_at = NULL, fault = NULL",
)
_FORGET_TREE: Final[tuple[LiteralString, ...]] = (
    "TRUNCATE gatehouse.tiles",
    "UPDATE gatehouse.tree SET size = 0",
)
_COLUMNS: Final[tuple[LiteralString, ...]] = (
    "UPDATE gatehouse.stored_events SET topic = topic || 'd' WHERE notification_id = %(at)s",
    "UPDATE gatehouse.stored_events SET recorded_at = recorded_at - interval '1 ms' WHERE notification_id = %(at)s",
    "UPDATE gatehouse.stored_events SET originator_id = gen_random_uuid() WHERE notification_id = %(at)s",
    "UPDATE gatehouse.stored_events SET originator_version = 1000 WHERE notification_id = %(at)s",
)
_END: Final = "SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events"
_ENTRIES: Final = "entries.jsonl"
"""A bundle's file that most deeds show in."""


class TamperedLog:
    """A database that holds a log, and can be given back what it held."""

    def __init__(self, conninfo: str, log: EntryLog, source: Random) -> None:
        self.conninfo, self.log, self.source = conninfo, log, source
        self.signer = log.signer
        """Who signs what is exported."""

    async def load(self) -> None:
        """Fill an empty database with the log."""
        versions: dict[UUID, int] = {}
        rows = []
        for position, (stream, topic, state) in enumerate(self.log.told, 1):
            versions[stream] = versions.get(stream, 0) + 1
            rows.append((stream, versions[stream], topic, state, position, moment(position)))
        copy(self.conninfo, ["gatehouse", "stored_events"], COLUMNS, rows)
        await TreeBuilder(self.conninfo).catch_up()
        self.do(*_OPEN)

    def restore(self) -> None:
        """Undo whatever was done."""
        self.do(*_RESTORE)
        self.signer = self.log.signer

    def do(self, *statements: LiteralString, **values: object) -> None:
        """Do it, as the owner."""
        with psycopg.connect(self.conninfo) as owner:
            for statement in statements:
                owner.execute(statement, values)

    def position(self) -> int:
        """Where some customer's event is."""
        return self.source.choice([at for at, one in enumerate(self.log.told, 1) if one.topic not in OWN])

    async def export(self, folder: Path) -> Path:
        """Write a bundle of all that the database says is the log, and sign it."""
        size = await TreeBuilder(self.conninfo).catch_up()
        async with await connect(self.conninfo) as connection:
            row = await (await connection.execute(_END)).fetchone()
            size = min(size, row[0] if row else 0)
            checkpoint = await checkpoint_of(connection, self.signer, size)
        target = Target(folder / "bundle")
        with target.held():
            writing = Writing(self.conninfo, Asked(), checkpoint, 0, target, State(size))
            seal(writing, writing.run(lambda _: None), self.signer)
        return target.folder


def a_byte_of_a_state(log: TamperedLog) -> Planted:
    """An event is another by one byte."""
    at = log.position()
    state = log.log.told[at - 1].state
    place = log.source.randrange(state.index(b'"data"'), len(state))
    log.do(
        "UPDATE gatehouse.stored_events SET state = set_byte(state, %(place)s, %(byte)s)"
        " WHERE notification_id = %(at)s",
        at=at,
        place=place,
        byte=(state[place] + log.source.randrange(1, 255)) % 256,
    )
    return _changed(at)


def a_column(log: TamperedLog) -> Planted:
    """An event is of another type, another time, or another customer's."""
    at = log.position()
    log.do(log.source.choice(_COLUMNS), at=at)
    return _changed(at)


def a_row_deleted(log: TamperedLog) -> Planted:
    """An event is gone."""
    at = log.position()
    log.do("DELETE FROM gatehouse.stored_events WHERE notification_id = %(at)s", at=at)
    return planted("entry_deleted", "log_shrunk", lines=(at,) if at < len(log.log.entries) else ())


def a_row_inserted(log: TamperedLog) -> Planted:
    """An event that never happened stands before one that did, which all move on for."""
    at = log.position()
    log.do(
        "UPDATE gatehouse.stored_events SET notification_id = -notification_id WHERE notification_id >= %(at)s",
        "UPDATE gatehouse.stored_events SET notification_id = 1 - notification_id WHERE notification_id < 0",
        "INSERT INTO gatehouse.stored_events SELECT gen_random_uuid(), 1, topic, state, %(at)s, recorded_at"
        " FROM kept_events WHERE notification_id = %(at)s",
        at=at,
    )
    return _changed(at)


def two_positions_swapped(log: TamperedLog) -> Planted:
    """Two events stand in each other's place."""
    at, other = log.source.sample(range(1, len(log.log.entries) + 1), 2)
    log.do(
        "UPDATE gatehouse.stored_events SET notification_id = -%(other)s WHERE notification_id = %(at)s",
        "UPDATE gatehouse.stored_events SET notification_id = %(at)s WHERE notification_id = %(other)s",
        "UPDATE gatehouse.stored_events SET notification_id = %(other)s WHERE notification_id = -%(other)s",
        at=at,
        other=other,
    )
    return _changed(at, other)


def two_states_swapped(log: TamperedLog) -> Planted:
    """Two customers' events are each other's."""
    at, other = log.position(), log.position()
    while log.log.told[at - 1].state == log.log.told[other - 1].state:
        other = log.position()
    log.do(
        "UPDATE gatehouse.stored_events e SET state = k.state FROM kept_events k"
        " WHERE e.notification_id = %(at)s AND k.notification_id = %(other)s"
        " OR e.notification_id = %(other)s AND k.notification_id = %(at)s",
        at=at,
        other=other,
    )
    return _changed(at, other)


def the_tail_cut_off(log: TamperedLog) -> Planted:
    """The last events are gone, and the tree ends before them."""
    size = log.source.randrange(len(log.log.entries) // 2 + 1, len(log.log.entries))
    log.do("DELETE FROM gatehouse.stored_events WHERE notification_id > %(size)s", *_FORGET_TREE, size=size)
    return planted("log_shrunk")


def an_event_rewritten(log: TamperedLog) -> Planted:
    """An event is another, and the tree is built anew over it: a fork."""
    at = log.position()
    log.do(
        "UPDATE gatehouse.stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), '\"actor\":\"',"
        " '\"actor\":\"x'), 'UTF8') WHERE notification_id = %(at)s",
        *_FORGET_TREE,
        at=at,
    )
    return planted("forked")


def a_customers_last_event_dropped(log: TamperedLog) -> Planted:
    """What happened to a customer last never did; all that came later moves up, and the tree is built anew."""
    streams = [told.stream for told in log.log.told]
    customer = streams[log.position() - 1]
    at = 1 + max(place for place, stream in enumerate(streams) if stream == customer)
    log.do(
        "DELETE FROM gatehouse.stored_events WHERE notification_id = %(at)s",
        "UPDATE gatehouse.stored_events SET notification_id = -notification_id WHERE notification_id > %(at)s",
        "UPDATE gatehouse.stored_events SET notification_id = -notification_id - 1 WHERE notification_id < 0",
        *_FORGET_TREE,
        at=at,
    )
    return planted("log_shrunk")


def another_key(log: TamperedLog) -> Planted:
    """The log announces another key as if it had been the first, which signs from then on."""
    forger = Signer(log.signer.public.name, log.source.randbytes(32))
    log.do(
        "UPDATE gatehouse.stored_events SET state = convert_to(jsonb_set(convert_from(state, 'UTF8')::jsonb, '{data}',"
        " %(data)s)::text, 'UTF8') WHERE topic = 'SigningKeyAnnounced' AND originator_version = 1",
        *_FORGET_TREE,
        data=Jsonb({"key": forger.public.vkey}),
    )
    log.signer = forger
    return planted("key_replaced")


def a_tile(log: TamperedLog) -> Planted:
    """A hash in the tree is another."""
    log.do(
        "UPDATE gatehouse.tiles SET hashes = set_byte(hashes, %(place)s % length(hashes),"
        " get_byte(hashes, %(place)s % length(hashes)) # %(bit)s)"
        " WHERE (level, index) = (SELECT level, index FROM kept_tiles ORDER BY level, index OFFSET %(tile)s"
        " % (SELECT count(*) FROM kept_tiles) LIMIT 1)".replace("% ", "%% "),
        place=log.source.randrange(1 << 16),
        bit=1 << log.source.randrange(8),
        tile=log.source.randrange(1 << 16),
    )
    return planted("tile_changed", "entry_changed")


def _changed(*positions: int) -> Planted:
    return planted("entry_changed", file=_ENTRIES, lines=positions)


Deed = Callable[[TamperedLog], Planted]
DEEDS: Final[dict[str, Deed]] = {
    deed.__name__: deed
    for deed in (
        a_byte_of_a_state,
        a_column,
        a_row_deleted,
        a_row_inserted,
        two_positions_swapped,
        two_states_swapped,
        the_tail_cut_off,
        an_event_rewritten,
        a_customers_last_event_dropped,
        another_key,
        a_tile,
    )
}
"""What is done to a log in its database."""

__all__ = ["DEEDS", "Deed", "TamperedLog"]
