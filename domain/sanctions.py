"""Which sanctions list may come into force after which.

A list with less in it lets in whoever it left out. So an older or a much smaller one is put in force only by whoever
says that they mean it; one from the future never, since nothing real could replace it.
"""

from datetime import date, timedelta
from typing import Final

from domain.events import SanctionsListPublished
from domain.refusals import Refused

STALE: Final = timedelta(days=7)
"""OFAC publishes about every other day: a list of an age beyond this misses something."""
AHEAD: Final = timedelta(days=1)
"""How far a list's date may be ahead of ours: the world is a day wide."""
SMALLER: Final = 0.9
"""A list with less than this share of the entries or addresses in force is not taken for whole."""


class ListInFuture(Refused):
    """The list is dated after tomorrow."""

    code = "sanctions_list_in_future"


class ListOlder(Refused):
    """The list was published before the one in force."""

    code = "sanctions_list_older"

    def __init__(self, in_force: str) -> None:
        super().__init__(self.code)
        self.in_force = in_force


class ListMuchSmaller(Refused):
    """The list has much fewer entries or addresses than the one in force."""

    code = "sanctions_list_smaller"

    def __init__(self, *, entries: int, addresses: int) -> None:
        super().__init__(self.code)
        self.entries = entries
        self.addresses = addresses


def publish(
    in_force: SanctionsListPublished | None, given: SanctionsListPublished, *, today: date, force: bool
) -> tuple[SanctionsListPublished, ...]:
    """The decision to put `given` in force; nothing where it is already. `force` allows an older or smaller one.

    A list of the same day may differ: OFAC publishes twice on some days. A sample in force has nothing to compare with.
    """
    if in_force is not None and in_force.list_hash == given.list_hash:
        return ()
    if not given.sample and _published(given) > today + AHEAD:
        raise ListInFuture
    if in_force is not None and not in_force.sample and not force:
        if _published(given) < _published(in_force):
            raise ListOlder(in_force.list_version)
        if given.entries < SMALLER * in_force.entries or given.addresses < SMALLER * in_force.addresses:
            raise ListMuchSmaller(entries=in_force.entries, addresses=in_force.addresses)
    return (given,)


def stale(in_force: SanctionsListPublished, *, today: date) -> bool:
    """Whether a newer list is overdue."""
    return age(in_force, today=today) > STALE


def age(in_force: SanctionsListPublished, *, today: date) -> timedelta:
    """How long ago the list was published."""
    return today - _published(in_force)


def _published(listed: SanctionsListPublished) -> date:
    return date.fromisoformat(listed.list_version)
