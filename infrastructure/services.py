"""What the process is made of, put together by `bootstrap` and used by routes, workers and commands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import httpx2

from application.envelope import Context
from application.executor import Executor, Outcome
from application.handlers import Condition, Handler, change
from application.idempotency import Once
from application.ports import Clock, NewId, Reported, ScreeningSource, VerificationProvider
from domain.challenge import Site
from domain.commands import Command, RecordVerification
from domain.customer import fold
from domain.policies.verification import VERIFICATION_1
from domain.vocabulary import Confirmation
from infrastructure.access.persons import Persons
from infrastructure.api_keys import KeyDirectory
from infrastructure.as_of import AsOf
from infrastructure.bounds import Bounds
from infrastructure.evidence_store import SealedEvidence
from infrastructure.exports.order_folder import ExportOrders
from infrastructure.keys.deployment import Keys
from infrastructure.keys.keyring import Keyring
from infrastructure.keys.signing_key import SigningKey
from infrastructure.keys.sources import KeySource
from infrastructure.reading import Pool, Reader
from infrastructure.sandbox.provider import Callback, SandboxProvider
from infrastructure.sandbox.source import Scripts
from infrastructure.wallets.contract_wallets import ContractWallets
from infrastructure.webhooks.sender import Sender


def callback_path(provider: str) -> str:
    """Where a KYC provider calls back."""
    return f"/v1/providers/{provider}/callback"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The stand-in vendors of sandbox mode. None of this exists in production mode."""

    provider: SandboxProvider
    scripts: Scripts
    client: httpx2.AsyncClient
    """Calls this very service, as a vendor would."""

    async def deliver(self, callback: Callback) -> None:
        """Sign a callback and send it to the callback's URL; raises `httpx2.HTTPError` where it is not taken."""
        signed = self.provider.sign(callback)
        path = callback_path(self.provider.name)
        response = await self.client.post(path, content=signed.body, headers=signed.headers)
        response.raise_for_status()


@dataclass(frozen=True, slots=True)
class WebhookSending:
    """How webhooks are sent to, and which addresses may be registered."""

    sender: Sender
    allow_loopback: bool


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a route or a worker needs."""

    conninfo: str
    executor: Executor
    reader: Reader
    as_of: AsOf
    pool: Pool
    directory: KeyDirectory
    persons: Persons | None
    """None where no OIDC issuer is set."""
    keys: Keys
    key_source: KeySource
    signing: SigningKey
    keyring: Keyring
    evidence: SealedEvidence
    exports: ExportOrders
    sources: tuple[ScreeningSource, ...]
    """In the order in which they are asked."""
    confirming: tuple[ScreeningSource, ...]
    """Asked after them, once one source alone found something grave."""
    provider: VerificationProvider
    contracts: ContractWallets | None
    """None where no chain's node is set."""
    webhooks: WebhookSending
    site: Site
    public_url: str | None
    """What callers know us by; None where whoever runs it has not said, and any name will do."""
    clock: Clock
    new_id: NewId
    confirmation: Confirmation
    retention: timedelta
    """How long a customer's data is kept after the relationship ended, and not erased."""
    bounds: Bounds
    sandbox: Sandbox | None

    @property
    def rehearses_verification(self) -> bool:
        """Whether it is the sandbox that verifies: what it says of another provider's applicants counts for nothing."""
        return self.sandbox is not None and self.provider is self.sandbox.provider

    async def execute(
        self,
        handler: Handler,
        *,
        actor: str,
        correlation_id: UUID | None = None,
        causation_id: UUID | None = None,
        occurred_at: datetime | None = None,
    ) -> Outcome:
        """Run a command under a new id, which is the correlation id of all that comes of it where none is given."""
        command_id = self.new_id()
        context = Context(
            actor=actor,
            command_id=command_id,
            correlation_id=correlation_id or command_id,
            occurred_at=occurred_at or self.clock(),
            causation_id=causation_id,
        )
        return await self.executor.execute(handler, context)

    async def execute_once(
        self,
        handler: Handler,
        *,
        actor: str,
        once: Once | None,
        correlation_id: UUID | None = None,
        occurred_at: datetime | None = None,
    ) -> Outcome:
        """Run a caller's command. A repeat, where it is known what it repeats, has the first one's outcome."""
        if once is None:
            return await self.execute(handler, actor=actor, correlation_id=correlation_id, occurred_at=occurred_at)
        moment = occurred_at or self.clock()
        context = Context(actor, once.command_id, correlation_id or once.command_id, moment)
        return await self.executor.execute(handler, context, once)

    def change(
        self,
        customer_id: UUID,
        command: Command,
        *,
        partner: UUID | None = None,
        if_match: Condition | None = None,
    ) -> Handler:
        """The handler of a command for a customer."""
        fingerprint = self.keys.fingerprint_of
        return lambda: change(customer_id, command, fingerprint=fingerprint, partner=partner, if_match=if_match)

    async def applicant_of(self, customer_id: UUID) -> str | None:
        """How the KYC provider of today knows the customer, if it does."""
        history = (await self.reader.streams([customer_id])).get(customer_id, [])
        customer = fold(envelope.event for envelope in history)
        return customer.applicant if customer and customer.provider == self.provider.name else None

    async def may_be_about(self, customer_id: UUID) -> bool:
        """Whether anything may still be kept about this: a customer of ours who was not erased."""
        history = (await self.reader.streams([customer_id])).get(customer_id, [])
        customer = fold(envelope.event for envelope in history)
        return customer is not None and not customer.erased

    async def record(
        self, reported: Reported, *, correlation_id: UUID | None = None, causation_id: UUID | None = None
    ) -> Outcome:
        """Keep the evidence of what a KYC provider reports, then decide on it."""
        await self.evidence.keep(reported.customer, reported.payloads)
        return await self.execute(
            self.change(reported.customer, RecordVerification(reported.result, confirmation=self.confirmation)),
            actor=f"policy:{VERIFICATION_1}",
            correlation_id=correlation_id,
            causation_id=causation_id,
            occurred_at=reported.result.reported_at,
        )
