"""Many subjects' keys at once, for as long as a page of them is looked at.

A lock that all such readers share keeps them from being destroyed meanwhile. They are read as of now, whatever moment
the rest is read as of: in an older one there may be keys that were destroyed since.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from infrastructure.keys.masters import MasterKeys
from infrastructure.keys.sealing import SubjectKey

_HOLD: Final = "SELECT pg_advisory_xact_lock_shared(7166152, 3)"
_KEYS: Final = """
    SELECT subject, wrapped, coalesce(master, (SELECT id FROM gatehouse.master_keys ORDER BY number LIMIT 1)),
        wrapped IS NULL AND EXISTS (
            SELECT FROM gatehouse.stored_events WHERE originator_id = subject AND topic = 'SubjectErased'
        )
    FROM gatehouse.subject_keys WHERE subject BETWEEN %b AND %b
"""


@dataclass(slots=True)
class HeldKeys:
    """The keys of a range of subjects, each unwrapped when it is asked for."""

    unwrap: dict[UUID, Callable[[], SubjectKey]] = field(default_factory=dict)
    erased: set[UUID] = field(default_factory=set)
    """Whose keys were destroyed, as the log tells, be it after the moment that the rest is read as of."""


@contextmanager
def held_keys(connection: Connection[Any], masters: MasterKeys, bounds: tuple[UUID, UUID]) -> Iterator[HeldKeys]:
    """The keys in a transaction of their own, on a connection that takes each statement as of now."""
    held = HeldKeys()
    with connection.transaction():
        connection.execute(_HOLD)
        for subject, wrapped, master, erased in connection.execute(_KEYS, bounds, prepare=True, binary=True):
            if wrapped is not None:
                held.unwrap[subject] = partial(_unwrapped, masters, master, subject, wrapped)
            elif erased:
                held.erased.add(subject)
        yield held


def _unwrapped(masters: MasterKeys, master: bytes, subject: UUID, wrapped: bytes) -> SubjectKey:
    return masters.found(master).unwrap(subject, wrapped)
