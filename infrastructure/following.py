"""How projections move on: the rows that events lead to, and the new position, in one transaction.

Projections that stand at one position move on together. Rows of customers that begin with a batch are presumed to be
new, and copied; where that fails, a projector takes the batch again without presuming anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from psycopg import AsyncConnection

from application.envelope import Envelope
from infrastructure.arrays import TextArray
from infrastructure.tables import Key, Table
from projections.projection import Projection

_ADVANCE: Final = "UPDATE gatehouse.tracking SET position = %b WHERE projection = ANY(%b) AND position = %b"


class LostLead(Exception):
    """Another process moved the projection on."""


@dataclass(slots=True)
class Follower:
    """One projection on its way through the log."""

    projection: Projection[Any]
    table: Table[Any]
    leads: bool = False
    position: int = 0
    stopped: bool = False

    @property
    def follows(self) -> bool:
        """Whether this process moves it on."""
        return self.leads and not self.stopped

    async def take(self, connection: AsyncConnection[Any], events: Sequence[Envelope], *, presuming: bool) -> None:
        """Write what the events make of the rows."""
        projection, table = self.projection, self.table
        concerned: dict[Key, list[Envelope]] = {}
        for envelope in events:
            if type(envelope.event) in projection.takes:
                concerned.setdefault(projection.key(envelope), []).append(envelope)
        begun = {key for key, news in concerned.items() if presuming and _begins(news[0], key)}
        known = concerned.keys() - begun
        rows = await table.read(connection, known) if known else {}
        left: dict[Key, Any] = {}
        changed: dict[Key, Any] = {}
        for key, news in concerned.items():
            before = rows.get(key)
            after = reduce(projection.evolve, news, before)
            if after is not before:
                (left if after is None else changed)[key] = after
        changed = await table.numbered(connection, changed)
        await table.add(connection, [row for key, row in changed.items() if key in begun])
        await table.write(connection, {key: row for key, row in changed.items() if key not in begun} | left)


def _begins(envelope: Envelope, key: Key) -> bool:
    """Whether an event is the first that leads to the row with this key."""
    return envelope.version == 1 and key == (envelope.stream,)


async def move_on(
    connection: AsyncConnection[Any],
    followers: Sequence[Follower],
    events: Sequence[Envelope],
    upto: int,
    *,
    presuming: bool = True,
) -> None:
    """Take the events up to a position through followers that stand at one position, or none of them.

    The position comes first: who holds its row holds the projection, and waits for nobody in its table.
    """
    names = TextArray(follower.table.name for follower in followers)
    async with connection.transaction():
        cursor = await connection.execute(_ADVANCE, (upto, names, followers[0].position), prepare=True)
        if cursor.rowcount != len(followers):
            raise LostLead
        for follower in followers if events else ():
            await follower.take(connection, events, presuming=presuming)
    for follower in followers:
        follower.position = upto


def halves(events: Sequence[Envelope], upto: int) -> tuple[tuple[Sequence[Envelope], int], ...]:
    """Two parts of a batch that cannot be taken whole, each with the position that it leads to."""
    middle = len(events) // 2
    return (events[:middle], events[middle - 1].position), (events[middle:], upto)
