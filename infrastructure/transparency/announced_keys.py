"""The keys that the log was and is signed with, as they were announced in the log itself."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection

from application.mapper import read
from domain.events import SigningKeyAnnounced

_KEYS: Final = """
    SELECT originator_id, originator_version, topic, state, notification_id, recorded_at FROM gatehouse.stored_events
    WHERE topic = 'SigningKeyAnnounced' ORDER BY notification_id
"""


class AnnouncedKey(NamedTuple):
    """A key, the one before it with its word for this one, and the position from which on it is in force."""

    key: str
    since: int
    previous: str | None
    handover: str | None


async def announced_keys(connection: AsyncConnection[Any]) -> list[AnnouncedKey]:
    """All of them, in order; the last is in force."""
    rows = await (await connection.execute(_KEYS, prepare=True, binary=True)).fetchall()
    return list(_announced(rows))


def _announced(rows: Iterable[tuple[Any, ...]]) -> Iterable[AnnouncedKey]:
    for envelope in (read(*row) for row in rows):
        if isinstance(event := envelope.event, SigningKeyAnnounced):
            yield AnnouncedKey(event.key, envelope.position, event.previous, event.handover)
