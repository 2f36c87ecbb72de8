"""A log of a few hundred made histories, and hands to tamper with it as its database's owner can."""

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from bench.answers import BENCH_READERS
from bench.decision_lives import load_decided
from infrastructure.keys.deployment import NAMES, Keys
from infrastructure.postgres import service_conninfo
from infrastructure.replay.decisions import DecisionFindings, replay_decisions
from infrastructure.replay.lives import Access

KEYS = Keys(**{name: bytes([number]) * 32 for number, name in enumerate(NAMES)})


@dataclass(frozen=True)
class DecidedLog:
    """A database with histories in it."""

    conninfo: str

    @property
    def access(self) -> Access:
        return Access(service_conninfo(self.conninfo), KEYS, BENCH_READERS)

    def replayed(self) -> DecisionFindings:
        return replay_decisions(self.access, processes=1, begun=lambda _: None, progress=lambda _: None).findings

    def found(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """What diverges, by customer."""
        found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for divergence in self.replayed().listed:
            found.setdefault(divergence.customer, []).append((divergence.event, divergence.what))
        return found

    def one(self, query: LiteralString, *parameters: object) -> tuple[Any, ...]:
        """The first row of a query."""
        with psycopg.connect(self.conninfo) as owner:
            row = owner.execute(query, parameters or None).fetchone()
        assert row is not None, "the log has no such row"
        return tuple(row)

    def event(self, type_: str, holding: str = "") -> tuple[UUID, int]:
        """Stream and version of the first event of a type with a text in it."""
        stream, version = self.one(
            "SELECT originator_id, originator_version FROM gatehouse.stored_events WHERE topic = %s"
            " AND position(%s IN convert_from(state, 'UTF8')) > 0 ORDER BY notification_id LIMIT 1",
            type_,
            holding,
        )
        return stream, version

    def forge(self, at: tuple[UUID, int], was: str, is_: str) -> None:
        """Replace a text in a stored event."""
        self.change(
            "UPDATE gatehouse.stored_events"
            " SET state = convert_to(replace(convert_from(state, 'UTF8'), %s, %s), 'UTF8')"
            " WHERE originator_id = %s AND originator_version = %s AND position(%s IN convert_from(state, 'UTF8')) > 0",
            was,
            is_,
            *at,
            was,
        )

    def change(self, statement: LiteralString, *parameters: object, rows: int = 1) -> None:
        """Do what nobody may: as the owner, with the log's triggers out of the way."""
        with psycopg.connect(self.conninfo) as owner:
            owner.execute("ALTER TABLE gatehouse.stored_events DISABLE TRIGGER append_only_rows")
            assert owner.execute(statement, parameters or None).rowcount == rows
            owner.execute("ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_rows")


def fill(conninfo: str, lives: int) -> DecidedLog:
    """Make histories in an empty database."""
    with psycopg.connect(conninfo, autocommit=True) as owner:
        load_decided(owner, KEYS, lives)
    return DecidedLog(conninfo)
