"""A log of any length, loaded by COPY: one customer's way in, as the product writes it, under other ids.

Customers come in crowds, as in life: each crowd takes one step of the way after the other, so that a customer's events
lie apart in the log and a projection meets rows that it has written long before.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from application.envelope import Context, Envelope
from application.mapper import EnvelopeMapper
from bench.data import copy
from bench.traffic import SEED
from domain import events as e
from domain.challenge import Site, issue
from domain.findings import SourceReport
from domain.vocabulary import Event
from domain.wallet import Wallet, canonical
from projections import PROJECTIONS
from projections.customers import CUSTOMERS, CustomerRow

SINCE: Final = datetime(2025, 1, 1, tzinfo=UTC)
APART: Final = timedelta(milliseconds=10)
CROWD: Final = 1000
PARTNER: Final = UUID("0198a001-0000-7000-8000-00000000000a")

# What stands for a customer in the story, and is replaced in each copy: 34 digits of all its ids, wallet and name.
IDS: Final = "cccccccc-cccc-7ccc-8ccc-cccccccccc"
ADDRESS: Final = "0x" + "ad" * 20
NAME: Final = "user-cccccccc"
DIGEST: Final = "d" * 64
CLAIM: Final = UUID(int=1)

_TRACKING: Final = "INSERT INTO gatehouse.tracking (projection, position) VALUES (%s, %s)"


class Step(NamedTuple):
    """What one command adds to the customer's stream, and to its claim's."""

    actor: str
    events: tuple[Event, ...]
    claims: bool = False


def story() -> tuple[Step, ...]:
    """From registration to an active customer."""
    challenge = issue(
        Site("bench.example", "https://bench.example"),
        Wallet("1", ADDRESS),
        customer=UUID(IDS + "00"),
        nonce="c" * 20,
        now=SINCE,
    )
    said = SourceReport(source="ofac", answered=True, list_version="2025-01-01", list_hash=DIGEST, evidence=DIGEST)
    by = {"policy": "standard-1", "decided_by": "policy:standard-1"}
    registered = e.CustomerRegistered(partner=PARTNER, wallet=f"eip155:1:{ADDRESS}", external_id=NAME)
    verified = e.ChallengeVerified(
        message=challenge.message, signature="0x" + "51" * 65, method="eip191", chain="eip155:1"
    )
    attempted = e.ScreeningAttempted(attempt=1, reports=(said,), verdict="clear", policy=by["policy"])
    passed = e.ScreeningPassed(attempt=1, findings=(), evidence=(DIGEST,), **by)
    started = e.VerificationStarted(provider="sandbox", applicant="applicant", level="basic")
    approved = e.VerificationPassed(provider="sandbox", applicant="applicant", evidence=DIGEST, reported_at=SINCE, **by)
    return (
        Step(f"partner:{PARTNER}", (registered, challenge), claims=True),
        Step(f"partner:{PARTNER}", (verified,)),
        Step("policy:standard-1", (attempted, passed)),
        Step("system:worker", (started,)),
        Step("provider:sandbox", (approved,)),
    )


def told() -> list[list[Envelope]]:
    """The story's events by step, with the claim's last in its step."""
    steps: list[list[Envelope]] = []
    version = 0
    for number, step in enumerate(story()):
        context = Context(step.actor, UUID(f"{IDS}{0xC0 + number:02x}"), UUID(IDS + "c0"), SINCE)
        made = []
        for event in step.events:
            version += 1
            made.append(Envelope(UUID(IDS + "00"), version, UUID(f"{IDS}{version:02x}"), context, event))
        if step.claims:
            claimed = e.WalletClaimed(customer=UUID(IDS + "00"))
            made.append(Envelope(CLAIM, 1, UUID(IDS + "ff"), context, claimed))
        steps.append(made)
    return steps


STORY: Final = told()
EACH: Final = sum(map(len, STORY))
"""Events of a customer."""


class Copied(NamedTuple):
    """One customer: what stands in the story's places."""

    ids: str
    address: str
    name: str
    claim: UUID


def people(count: int) -> list[Copied]:
    """The same customers in every run, with ids in order of time as ours are."""
    source = random.Random(SEED)  # noqa: S311  # the same in every run
    start = int(SINCE.timestamp() * 1000)
    made = []
    for number in range(count):
        digits = f"{start + 80 * number:012x}7{source.getrandbits(12):03x}8{source.getrandbits(52):013x}"
        ids = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        made.append(Copied(ids, f"0x{source.randbytes(20).hex()}", f"user-{number}", UUID(int=source.getrandbits(128))))
    return made


def load_log(conninfo: str, events: int) -> int:
    """Fill an empty log. Returns how many events that are: whole customers."""
    crowd = people(events // EACH)
    columns = ("originator_id", "originator_version", "topic", "state", "notification_id", "recorded_at")
    copy(conninfo, ["gatehouse", "stored_events"], columns, _events(crowd))
    copy(conninfo, ["gatehouse", "receipts"], ("command_id", "stream", "version"), _receipts(crowd))
    return len(crowd) * EACH


def load_read_models(conninfo: str, events: int) -> None:
    """Fill the read models with what projections make of `load_log`'s events."""
    copy(conninfo, ["gatehouse", "customers"], CustomerRow._fields, _customers(people(events // EACH)))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for projection in PROJECTIONS:
            connection.execute(_TRACKING, (projection.name, events // EACH * EACH))
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def positions(number: int, total: int) -> Iterator[list[int]]:
    """The positions of a customer's events, step by step: its place in its crowd, in each of the crowd's steps."""
    crowd, place = divmod(number, CROWD)
    size = min(CROWD, total - crowd * CROWD)
    base = crowd * CROWD * EACH + 1
    for step in STORY:
        first = base + place * len(step)
        yield list(range(first, first + len(step)))
        base += size * len(step)


def moment(position: int) -> datetime:
    """When the log recorded what is at a position."""
    return SINCE + APART * position


def _events(everybody: Sequence[Copied]) -> Iterator[tuple[Any, ...]]:
    mapper = EnvelopeMapper()
    written = [[mapper.to_stored_event(envelope) for envelope in step] for step in STORY]
    here = IDS.encode(), ADDRESS.encode(), NAME.encode()
    position = 0
    for first in range(0, len(everybody), CROWD):
        for step in written:
            for ids, address, name, claim in everybody[first : first + CROWD]:
                customer, in_ids, in_address, in_name = ids + "00", ids.encode(), address.encode(), name.encode()
                for event in step:
                    position += 1
                    state = event.state.replace(here[0], in_ids).replace(here[1], in_address).replace(here[2], in_name)
                    stream = claim if event.originator_id == CLAIM else customer
                    yield stream, event.originator_version, event.topic, state, position, moment(position)


def _receipts(everybody: Sequence[Copied]) -> Iterator[tuple[str, str, int]]:
    reached = [max(envelope.version for envelope in step if envelope.stream != CLAIM) for step in STORY]
    for ids, *_ in everybody:
        for number, version in enumerate(reached):
            yield f"{ids}{0xC0 + number:02x}", ids + "00", version


def _customers(everybody: Sequence[Copied]) -> Iterator[CustomerRow]:
    nothing: CustomerRow | None = None
    row = reduce(CUSTOMERS.evolve, (event for step in STORY for event in step if event.stream != CLAIM), nothing)
    if row is None:
        return
    for number, (ids, address, name, _) in enumerate(everybody):
        at = list(positions(number, len(everybody)))
        yield row._replace(
            id=UUID(ids + "00"),
            external_id=name,
            chain_id=f"eip155:1:{address}",
            wallet=canonical(address),
            created_at=moment(at[0][0]),
            updated_at=moment(at[-1][0]),
            registered_position=at[0][0],
        )
