"""A log of customers' lives, loaded by COPY: registered, screened, verified, every third switched off and on again."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, Final
from uuid import UUID

import psycopg

from application.envelope import Context, Envelope
from application.mapper import EnvelopeMapper
from application.streams import claim_of
from bench.data import SINCE, copy
from bench.traffic import SEED
from domain.challenge import Site, issue
from domain.events import (
    ChallengeVerified,
    CustomerDeactivated,
    CustomerReactivated,
    CustomerRegistered,
    ScreeningAttempted,
    ScreeningPassed,
    VerificationPassed,
    VerificationStarted,
    WalletClaimed,
)
from domain.findings import Finding, Severity, SourceReport
from domain.vocabulary import Event, Ground, Sealed
from domain.wallet import Wallet

AT_ONCE: Final = 100
"""Customers on their way at the same time: their events stand interleaved in the log."""
APART: Final = timedelta(milliseconds=120)
"""From one event to the next in the log."""
LATE: Final = timedelta(milliseconds=50)
"""From when an event occurred until it is recorded."""
REPORTED: Final = timedelta(seconds=20)
"""The same where a provider reports it: later than the customer's step before was recorded."""
SITE: Final = Site("bench.example", "https://bench.example")
COLUMNS: Final = ("originator_id", "originator_version", "topic", "state", "notification_id", "recorded_at")


def load_lives(conninfo: str, events: int) -> None:
    """Append lives until the log holds `events` more."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events").fetchone()
    head: int = found[0] if found else 0
    rows = stored_lives(events, after=head)
    copy(conninfo, ["gatehouse", "stored_events"], COLUMNS, rows)


def stored_lives(events: int, *, after: int) -> Iterator[tuple[Any, ...]]:
    """The first `events` rows of the log after a position."""
    mapper = EnvelopeMapper()
    source = random.Random(SEED)  # noqa: S311  # the same customers in every run
    numbers = count()
    position = after
    while True:
        crowd = [_life(next(numbers), source) for _ in range(AT_ONCE)]
        for step in range(max(map(len, crowd))):
            for envelope in (life[step] for life in crowd if step < len(life)):
                if position == after + events:
                    return
                position += 1
                late = REPORTED if isinstance(envelope.event, VerificationPassed) else LATE
                envelope.context = envelope.context._replace(occurred_at=recorded_at(position) - late)
                stored = mapper.to_stored_event(envelope)
                yield envelope.stream, envelope.version, stored.topic, stored.state, position, recorded_at(position)


def recorded_at(position: int) -> datetime:
    """When the log heard of what is at a position."""
    return SINCE + APART * position


def _life(number: int, source: random.Random) -> list[Envelope]:
    """One customer's events, after its claim on the wallet. Ids are of version 7, as the service's are."""
    at = SINCE + timedelta(seconds=number)
    customer, partner = id_at(at, source), UUID(int=1 + number % 7, version=4)
    wallet = Wallet("1", f"0x{source.randbytes(20).hex()}")
    account = f"eip155:1:{wallet.address}"
    by_partner = f"partner:{partner}"
    registration = Context(by_partner, customer, customer, at)
    claim = Envelope(claim_of(partner, account), 1, id_at(at, source), registration, WalletClaimed(customer=customer))
    life = [claim]
    challenge = issue(SITE, wallet, customer=customer, nonce=f"{number:020x}", now=at)
    registered = CustomerRegistered(partner=partner, wallet=account, external_id=f"user-{number}")
    switches = _switches(by_partner) if number % 3 == 0 else []
    told: list[tuple[str, Event]] = [(by_partner, registered), (by_partner, challenge)]
    told += [(actor, event) for actor, event in _onboarding(by_partner, challenge.message, at)] + switches
    for version, (actor, event) in enumerate(told, 1):
        when = at + timedelta(seconds=version)
        context = registration if version < 3 else Context(actor, id_at(when, source), customer, when, customer)  # noqa: PLR2004
        life.append(Envelope(customer, version, id_at(when, source), context, event))
    return life


def _onboarding(by_partner: str, message: str, at: datetime) -> list[tuple[str, Event]]:
    """From the signature to the provider's approval."""
    trifle = Finding(category="gambling", severity=Severity.MEDIUM, reference="ofac/1")
    evidence = sha256(message.encode()).hexdigest()
    clean = SourceReport(
        source="ofac",
        answered=True,
        list_version="2025-01-01",
        list_hash=evidence,
        findings=(trifle,),
        evidence=evidence,
    )
    policy, person = "policy:screening-1", "provider:sandbox"
    return [
        (by_partner, ChallengeVerified(message=message, signature="0x" + "5c" * 65, method="eip191", chain="eip155:1")),
        (policy, ScreeningAttempted(attempt=1, reports=(clean,), verdict="clear", policy="screening-1")),
        (
            policy,
            ScreeningPassed(
                attempt=1, findings=(trifle,), policy="screening-1", evidence=(evidence,), decided_by=policy
            ),
        ),
        (by_partner, VerificationStarted(provider="sandbox", applicant=evidence[:24], level="basic")),
        (
            person,
            VerificationPassed(
                provider="sandbox",
                applicant=evidence[:24],
                person=evidence,
                policy="verification-1",
                evidence=evidence,
                reported_at=at,
                decided_by="policy:verification-1",
            ),
        ),
    ]


def _switches(by_partner: str) -> list[tuple[str, Event]]:
    """Off and on again, with a sealed reason."""
    reason = Sealed(sealed="c2VhbGVk" * 8)
    return [
        (by_partner, CustomerDeactivated(ground=Ground.PARTNER_REQUEST, decided_by=by_partner)),
        (by_partner, CustomerReactivated(decided_by=by_partner, reason=reason)),
    ]


def id_at(at: datetime, source: random.Random) -> UUID:
    """A version 7 UUID of that time."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | source.getrandbits(76) & ~(3 << 62) | 2 << 62)
