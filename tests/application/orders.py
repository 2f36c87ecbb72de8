"""Commands to give to an executor, and an executor to give them to. Ids are numbers, so that each test reads alone."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import count
from typing import Final
from uuid import UUID

from application.envelope import Context, Envelope
from application.executor import Executor, Outcome
from application.handlers import Handler, change, register
from application.ports import Batch, Journal, Receipt
from application.streams import claim_of
from domain.commands import Command
from domain.customer import fold
from domain.events import OnboardingBarred, WalletClaimed
from domain.vocabulary import Event, Status
from tests.domain.histories import History
from tests.domain.samples import NOW, REGISTRATION, WALLET

SOMEBODY: Final = "partner:somebody"
_NUMBERS: Final = count(1)


def fingerprint(text: str) -> str:
    """A keyed SHA-256."""
    return sha256(b"a key" + text.encode()).hexdigest()


def context(command_id: UUID | None = None, *, actor: str = SOMEBODY) -> Context:
    """Who asks: a new command, unless it is given an id."""
    return Context(actor, command_id or UUID(int=next(_NUMBERS)), UUID(int=7), NOW)


def customer(number: int) -> UUID:
    """The customer with this number."""
    return UUID(int=0xC0000 + number)


def wallet(number: int) -> str:
    """The wallet with this number."""
    return f"eip155:1:0x{number:040x}"


def registering(number: int, account: str | None = None, *, partner: UUID = REGISTRATION.partner) -> Handler:
    """A partner registers a customer by number, with the wallet of that number unless another is given."""
    command = replace(REGISTRATION, partner=partner, wallet=account or wallet(number))
    return lambda: register(customer(number), command, fingerprint=fingerprint)


def changing(number: int, command: Command, *, partner: UUID | None = None, if_version: int | None = None) -> Handler:
    """A command for the customer with this number."""
    seen = None if if_version is None else lambda history: len(history) == if_version
    return lambda: change(customer(number), command, fingerprint=fingerprint, partner=partner, if_match=seen)


def written(stream: UUID, *events: Event, after: int = 0, command: Context | None = None) -> Batch:
    """A batch of one command's events on one stream, as another process would write it."""
    by = command or context()
    envelopes = [
        Envelope(stream, after + version, UUID(int=next(_NUMBERS)), by, event)
        for version, event in enumerate(events, 1)
    ]
    return Batch(envelopes, [Receipt(by.command_id, stream, after + len(events))])


async def stored(journal: Journal, number: int, history: History, account: str = WALLET) -> None:
    """Let the customer with this number have this history, and its partner the claim on its wallet."""
    registered, *later = history
    await journal.append(written(customer(number), registered.model_copy(update={"wallet": account}), *later))
    claim = claim_of(REGISTRATION.partner, account)
    await journal.append(written(claim, WalletClaimed(customer=customer(number))))


@asynccontextmanager
async def executing(journal: Journal, *, lanes: int = 1) -> AsyncIterator[Executor]:
    """A running executor."""
    ids = (UUID(int=0xE0000 + number) for number in count())
    executor = Executor(journal, lambda: next(ids), lanes)
    life = asyncio.create_task(executor.run())
    try:
        yield executor
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def together(executor: Executor, *handlers: Handler) -> list[Outcome | BaseException]:
    """Give all commands at once; their outcomes and refusals, in order."""
    calls = (executor.execute(handler, context()) for handler in handlers)
    return await asyncio.gather(*calls, return_exceptions=True)


def names(events: Iterable[Envelope]) -> list[str]:
    """The types of events."""
    return [envelope.type for envelope in events]


def barred(number: int, subject: str) -> OnboardingBarred:
    """A bar that a customer's rejection left."""
    return OnboardingBarred.model_validate({"customer": customer(number), "subject": subject})


async def status_of(journal: Journal, number: int) -> Status | None:
    """The customer's status, as its stream tells."""
    streams = await journal.load([customer(number)])
    found = fold(envelope.event for envelope in streams[customer(number)])
    return found.status if found else None
