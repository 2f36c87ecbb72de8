"""What an administrator with full rights does to the log behind everybody's back, each bolder than the one before."""

from dataclasses import dataclass
from typing import Final, LiteralString

import psycopg

_UNGUARD: Final = """
    ALTER TABLE gatehouse.stored_events DISABLE TRIGGER USER;
    ALTER TABLE gatehouse.tiles DISABLE TRIGGER USER;
"""
_GUARD: Final = """
    ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_rows;
    ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_table;
    ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_grow;
    ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_stay;
    ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_stay_all;
"""
_FORGET_TREE: Final[tuple[LiteralString, ...]] = (
    "TRUNCATE gatehouse.tiles;",
    "UPDATE gatehouse.tree SET size = 0;",
)


@dataclass(frozen=True, slots=True)
class Crime:
    """One act, in SQL. What it is after is the customer who was rejected."""

    title: str
    statements: tuple[LiteralString, ...]
    code: str
    """As what the verifier must find it."""


CRIMES: Final = (
    Crime(
        "turns the rejection into a pass",
        (
            """
            UPDATE gatehouse.stored_events
            SET topic = 'ScreeningPassed',
                state = convert_to(regexp_replace(convert_from(state, 'UTF8'), '"reasons":[^]]*],', ''), 'UTF8')
            WHERE topic = 'ScreeningFailed';
            """,
        ),
        code="entry_changed",
    ),
    Crime(
        "covers that up: the tree is built anew over the changed log, so that every hash fits",
        _FORGET_TREE,
        code="published_checkpoint_contradicts",
    ),
    Crime(
        "cuts the log off before the rejection, checkpoints and all, and builds the tree anew",
        (
            """
            DELETE FROM gatehouse.stored_events WHERE notification_id >= (
                SELECT min(notification_id) FROM gatehouse.stored_events
                WHERE topic = 'ScreeningAttempted' AND convert_from(state, 'UTF8') LIKE '%"verdict":"fail"%'
            );
            """,
            *_FORGET_TREE,
        ),
        code="log_shrunk",
    ),
)


def commit(crime: Crime, conninfo: str) -> None:
    """Do it, as the database's owner, with the triggers out of the way."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for statement in (_UNGUARD, *crime.statements, _GUARD):
            connection.execute(statement)
