"""What the tree over a log has to be, made from its rows in the plainest way; and the hands of an administrator."""

import json
from hashlib import sha256
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg

ROWS: Final = """
    SELECT notification_id, originator_id, originator_version, topic, recorded_at, convert_from(state, 'UTF8')
    FROM gatehouse.stored_events ORDER BY notification_id
"""
SAY: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)
    SELECT %s, version, 'Said', convert_to('{"n":' || version || '}', 'UTF8')
    FROM generate_series(%s::bigint, %s::bigint) AS version
"""
UNLOCKED: Final[tuple[LiteralString, ...]] = (
    "ALTER TABLE gatehouse.stored_events DISABLE TRIGGER append_only_rows",
    "ALTER TABLE gatehouse.stored_events DISABLE TRIGGER append_only_table",
    "ALTER TABLE gatehouse.tiles DISABLE TRIGGER ALL",
)
LOCKED: Final[tuple[LiteralString, ...]] = (
    "ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_rows",
    "ALTER TABLE gatehouse.stored_events ENABLE ALWAYS TRIGGER append_only_table",
    "ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_grow",
    "ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_stay",
    "ALTER TABLE gatehouse.tiles ENABLE ALWAYS TRIGGER tiles_stay_all",
)


def say(database: str, stream: int, first: int, last: int) -> None:
    """Append versions `first` to `last` to a stream."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SAY, (UUID(int=stream), first, last))


def lines_of(database: str) -> list[bytes]:
    """The log's entries, by the description of the format alone."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'")
        rows = connection.execute(ROWS).fetchall()
    newest: dict[UUID, str] = {}
    lines = []
    for position, stream, version, topic, recorded_at, state in rows:
        members = {
            "position": position,
            "stream": str(stream),
            "version": version,
            "type": topic,
            "recordedAt": f"{recorded_at:%Y-%m-%dT%H:%M:%S.%f}Z",
            "previous": newest.get(stream),
        }
        line = json.dumps(members, separators=(",", ":"))[:-1] + f',"event":{state}}}'
        lines.append(line.encode())
        newest[stream] = sha256(b"\0" + lines[-1]).hexdigest()
    return lines


def root_over(lines: list[bytes]) -> bytes:
    """The tree's root, by RFC 6962's definition."""
    if not lines:
        return sha256(b"").digest()
    return _over([sha256(b"\0" + line).digest() for line in lines])


def as_administrator(database: str, *statements: LiteralString, parameters: Any = None) -> None:  # noqa: ANN401 -- psycopg's
    """Do what only somebody with all rights can do: switch the triggers off, change history, switch them on again."""
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in (*UNLOCKED, *statements, *LOCKED):
            connection.execute(statement, parameters if statement in statements else None)


def _over(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + _over(leaves[:split]) + _over(leaves[split:])).digest()
