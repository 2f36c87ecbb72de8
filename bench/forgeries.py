"""Forgeries in a log and its evidence, as somebody might plant them who owns the database and even the master key."""

from typing import Any, Final
from uuid import UUID

import psycopg

from infrastructure.keys.sealing import MasterKey

_DECISION: Final = """
    SELECT originator_id, originator_version FROM gatehouse.stored_events
    WHERE topic = 'ScreeningAttempted' AND notification_id > %b AND convert_from(state, 'UTF8') LIKE %b
    ORDER BY notification_id LIMIT 1
"""
_FORGE: Final = """
    UPDATE gatehouse.stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'), %b, %b), 'UTF8')
    WHERE originator_id = %b AND originator_version = %b
"""
_PAYLOAD: Final = """
    SELECT e.subject, e.digest, e.sealed, k.wrapped FROM gatehouse.evidence e
    JOIN gatehouse.subject_keys k ON k.subject = e.subject
    WHERE e.subject > %b ORDER BY e.subject, e.digest LIMIT 1
"""
_REPLACE: Final = "UPDATE gatehouse.evidence SET sealed = %b WHERE subject = %b AND digest = %b"


def forge_decision(connection: psycopg.Connection[Any], *, after: int) -> UUID:
    """Let one attempt in the log say that it cleared the wallet, where it asked for another look."""
    was, is_ = '"verdict":"retry"', '"verdict":"clear"'
    row = connection.execute(_DECISION, (after, f"%{was}%")).fetchone()
    if row is None:
        raise LookupError("no decision to forge")
    with connection.transaction():
        connection.execute("ALTER TABLE gatehouse.stored_events DISABLE TRIGGER append_only_rows")
        connection.execute(_FORGE, (was, is_, *row))
        connection.execute("ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_rows")
    return UUID(str(row[0]))


def forge_payload(connection: psycopg.Connection[Any], *, master: bytes, after: UUID) -> UUID:
    """Seal other words in a payload's place, with the subject's own key."""
    row = connection.execute(_PAYLOAD, (after,)).fetchone()
    if row is None:
        raise LookupError("no payload to forge")
    subject, digest, sealed, wrapped = row
    key, place = MasterKey(master).unwrap(subject, bytes(wrapped)), subject.bytes + bytes(digest)
    forged = key.open(bytes(sealed), place).replace(b"wallet", b"Wallet").replace(b"approved", b"rejected")
    connection.execute(_REPLACE, (key.seal(forged + b" ", place), subject, digest))
    return UUID(str(subject))
