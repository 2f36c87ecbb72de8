"""What a drill finds in the end: the log and the read model, held against what callers were told."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple

import psycopg

from application.mapper import read
from bench.drill_callers import Heard
from bench.drill_service import until
from bench.report import BenchError
from domain.events import ScreeningAttempted

READ: Final = """
    SELECT originator_id, originator_version, topic, state FROM gatehouse.stored_events ORDER BY notification_id
"""
STATUSES: Final = "SELECT id, status FROM gatehouse.customers"
# What somebody is changing is left for the next time: in another order, they could wait for each other.
TIME_PASSES: Final = """
    UPDATE gatehouse.worklist SET due = least(due, now()), leased_until = now()
    WHERE customer IN (
        SELECT customer FROM gatehouse.worklist WHERE kind IN ('screen', 'confirm', 'open_verification')
        FOR UPDATE SKIP LOCKED
    )
"""
STEPS: Final = "SELECT count(*) FROM gatehouse.worklist WHERE kind IN ('screen', 'confirm', 'open_verification')"
ONCE: Final = frozenset(
    {"CustomerRegistered", "ChallengeVerified", "ScreeningPassed", "ScreeningFailed", "VerificationStarted"}
)
"""What happens to a customer of a drill at most once."""
LEADS_TO: Final = {
    "verifying": frozenset({"ScreeningPassed", "VerificationStarted"}),
    "rejected": frozenset({"ScreeningFailed"}),
}
DECISIONS: Final = frozenset({"ScreeningPassed", "ScreeningFailed"})


LOOKS: Final = 25
"""How many looks at the worklist there are between two ends of all leases: about five seconds."""
WORK: Final = 180.0
"""Seconds that workers, who give way to everybody on the machine, have for what is left."""


class Stored(NamedTuple):
    """One event of the log, as far as a drill looks: whose, what, and of which attempt."""

    customer: str
    type: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Findings:
    """How many acknowledged commands left no event, how many events are one too many, how much work is undone."""

    lost: int
    doubled: int
    undone: int

    @property
    def clean(self) -> bool:
        """Whether all is as it must be."""
        return not (self.lost or self.doubled or self.undone)


def stored(conninfo: str) -> list[Stored]:
    """The log, from its beginning."""
    with psycopg.connect(conninfo) as connection:
        envelopes = [read(*row) for row in connection.execute(READ).fetchall()]
    return [
        Stored(
            str(envelope.stream),
            envelope.type,
            envelope.event.attempt if isinstance(envelope.event, ScreeningAttempted) else 0,
        )
        for envelope in envelopes
    ]


def settled(conninfo: str, heard: Heard) -> bool:
    """Whether the read models have every customer where the sandbox's answers lead to, and no step is left."""
    with psycopg.connect(conninfo) as connection:
        steps = connection.execute(STEPS).fetchone()
        statuses = {str(customer): status for customer, status in connection.execute(STATUSES).fetchall()}
    return steps == (0,) and all(statuses.get(customer) == status for customer, status in heard.signed.items())


def let_time_pass(conninfo: str) -> None:
    """Make due what is due later, and end the leases of workers that are gone: nobody waits a minute for that."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(TIME_PASSES)


async def work_ends(conninfo: str, heard: Heard) -> None:
    """Return when all steps are done; where they never are, `find` counts what is undone."""
    looks = count()

    async def done() -> bool:
        if next(looks) % LOOKS == 0:  # not at each: steps under way would all be taken again
            await asyncio.to_thread(let_time_pass, conninfo)
        await asyncio.sleep(0.2)
        return await asyncio.to_thread(settled, conninfo, heard)

    with suppress(BenchError):
        await until(done, "all steps are done", within=WORK)


def find(log: Iterable[Stored], heard: Heard) -> Findings:
    """Count. Each attempt at screening has one event, one of them decides, and verification starts once."""
    times = Counter(log)
    types: dict[str, set[str]] = defaultdict(set)
    for event in times:
        types[event.customer].add(event.type)
    lost = sum("CustomerRegistered" not in types[customer] for customer in heard.registered)
    lost += sum("ChallengeVerified" not in types[customer] for customer in heard.signed)
    twice = sum(
        number - 1 for event, number in times.items() if event.type in ONCE or event.type == "ScreeningAttempted"
    )
    both = sum(types[customer] >= DECISIONS for customer in heard.signed)
    undone = sum(not types[customer] >= LEADS_TO[status] for customer, status in heard.signed.items())
    return Findings(lost=lost, doubled=twice + both, undone=undone)
