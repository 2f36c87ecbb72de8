"""Putting a sanctions list in force: its addresses are stored first, all or none, then one event says so.

Addresses are kept by the list's hash for good, so that a screening can be repeated with the list that it names. Whoever
is interrupted in between has stored what nobody uses, and adopts again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from itertools import islice
from typing import Final

from application.executor import Outcome
from application.handlers import Handling
from application.idempotency import Once
from application.streams import sanctions_list_of
from domain.events import SanctionsListPublished
from domain.sanctions import publish
from infrastructure.postgres import connect
from infrastructure.reading import Pool
from infrastructure.sanctions.sdn_advanced import SAMPLE, SanctionsList
from infrastructure.screening.ofac import OFAC, adopted_list
from infrastructure.services import Services

ROWS: Final = 5_000
"""Rows of one statement."""

_KEEP: Final = """
    INSERT INTO gatehouse.sanctioned_addresses (list_hash, address, profile, currency)
    SELECT %b, * FROM unnest(%b::text[], %b::text[], %b::text[]) ON CONFLICT DO NOTHING
"""
_ADDED: Final = """
    SELECT address FROM gatehouse.sanctioned_addresses WHERE list_hash = %b
    EXCEPT SELECT address FROM gatehouse.sanctioned_addresses WHERE list_hash = %b
    ORDER BY address
"""

Row = tuple[str, str, str]
"""Address, profile, currency."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What came of giving a list: which one is in force, and how it differs from the one before, by address.

    `changed` is False where the list was in force already.
    """

    in_force: SanctionsListPublished
    changed: bool
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class _Overtaken(Exception):
    """Another list came into force since we looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Giving:
    """Who gives a list, and how. `force` allows one that is older or much smaller than the list in force."""

    actor: str
    sample: bool = False
    force: bool = False
    once: Once | None = None
    """What the same giving is known by, when it is repeated: that comes to what it came to the first time."""


async def adopt(services: Services, given: SanctionsList, by: Giving) -> Adoption:
    """Put a list in force.

    Raises `ListInFuture`, `ListOlder` and `ListMuchSmaller`; nothing is stored then.
    """
    while True:
        try:
            return await _adopt(services, given, by)
        except _Overtaken:
            continue


async def put_in_force(services: Services, given: SanctionsList, *, sample: bool) -> None:
    """Put a list in force that whoever runs the service brings along."""
    await adopt(services, given, Giving(actor="admin:console", sample=sample))


def is_sample(given: SanctionsList) -> bool:
    """Whether it is the very sample that the product brings along."""
    return given.sha256 == _sample_hash()


async def added(pool: Pool, old_hash: str | None, new_hash: str) -> list[str]:
    """The canonical addresses that the list `new_hash` names and `old_hash` does not; both were adopted once.

    Without an old list, all of them. Turned around, it answers which were removed.
    """
    async with pool.connection() as connection:
        cursor = await connection.execute(_ADDED, (new_hash, old_hash or ""), prepare=True)
        return [address for (address,) in await cursor.fetchall()]


async def _adopt(services: Services, given: SanctionsList, by: Giving) -> Adoption:
    event, today = _published(given, sample=by.sample or is_sample(given)), services.clock().date()
    async with services.pool.connection() as connection:
        before = await adopted_list(connection)
    if not publish(before, event, today=today, force=by.force) and by.once is None:
        return Adoption(before or event, changed=False)
    await keep_addresses(services.conninfo, given)
    previous = before.list_hash if before else None
    newly, gone = await _difference(services.pool, previous, event.list_hash)
    event = event.model_copy(update={"previous_hash": previous, "added": len(newly), "removed": len(gone)})
    outcome = await services.execute_once(
        lambda: _publish(event, today=today, force=by.force),
        actor=by.actor,
        once=by.once,
        correlation_id=sanctions_list_of(OFAC),
    )
    return await adoption_of(services.pool, outcome)


async def adoption_of(pool: Pool, outcome: Outcome) -> Adoption:
    """What an outcome says came of giving a list."""
    events = [envelope.event for envelope in outcome.history]
    in_force = next(event for event in reversed(events) if isinstance(event, SanctionsListPublished))
    if not outcome.new:
        return Adoption(in_force, changed=False)
    newly, gone = await _difference(pool, in_force.previous_hash, in_force.list_hash)
    return Adoption(in_force, changed=True, added=tuple(newly), removed=tuple(gone))


async def _difference(pool: Pool, previous: str | None, list_hash: str) -> tuple[list[str], list[str]]:
    """The addresses that a list names and the one before it did not, and the other way round."""
    return await added(pool, previous, list_hash), await added(pool, list_hash, previous) if previous else []


async def keep_addresses(conninfo: str, given: SanctionsList) -> None:
    """Store a list's addresses in one transaction, for good."""
    rows = (
        (address, listing.profile, listing.currency)
        for address, listings in given.addresses.items()
        for listing in listings
    )
    async with await connect(conninfo) as connection, connection.transaction():
        for columns in _columns(rows):
            await connection.execute(_KEEP, (given.sha256, *columns))


def _columns(rows: Iterator[Row]) -> Iterator[Iterable[list[str]]]:
    """The rows as columns, so many at a time."""
    while some := list(islice(rows, ROWS)):
        yield (list(column) for column in zip(*some, strict=True))


def _published(given: SanctionsList, *, sample: bool) -> SanctionsListPublished:
    return SanctionsListPublished(
        list_name=OFAC,
        list_version=given.published.isoformat(),
        list_hash=given.sha256,
        entries=given.entries,
        addresses=len(given.addresses),
        sample=sample,
    )


def _publish(event: SanctionsListPublished, *, today: date, force: bool) -> Handling:
    """Decide again on the log itself, where nobody can come between."""
    stream = sanctions_list_of(OFAC)
    events = [envelope.event for envelope in (yield (stream,))[stream]]
    in_force = next((event for event in reversed(events) if isinstance(event, SanctionsListPublished)), None)
    decided = publish(in_force, event, today=today, force=force)
    if decided and (in_force.list_hash if in_force else None) != event.previous_hash:
        raise _Overtaken
    return [(stream, decided)]


@cache
def _sample_hash() -> str:
    return sha256(SAMPLE.read_bytes()).hexdigest()
