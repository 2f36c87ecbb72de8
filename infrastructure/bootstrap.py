"""The composition root: reads the environment, starts what is needed, and puts the objects together."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import psycopg
from psycopg.conninfo import conninfo_to_dict

from application.executor import Executor
from application.ports import Clock, VerificationProvider
from domain.challenge import Site
from infrastructure import ids
from infrastructure.access.issuer import chosen_issuer
from infrastructure.api_keys import KeyDirectory
from infrastructure.as_of import AsOf
from infrastructure.bounds import Bounds
from infrastructure.embedded_postgres import DataFolderHeld, EmbeddedPostgres
from infrastructure.evidence_store import SealedEvidence
from infrastructure.exports.order_folder import ExportOrders
from infrastructure.faults import CannotStart
from infrastructure.keys.deployment import Keys, check_keys, load_keys
from infrastructure.keys.keyring import Keyring
from infrastructure.keys.masters import MasterKeys
from infrastructure.keys.signing_key import SigningKey
from infrastructure.log.journal import PostgresJournal, log_on
from infrastructure.migrate import check, migrate
from infrastructure.postgres import POOL_PATIENCE, RECONNECT, BoundedPool, Connection, configure, service_conninfo
from infrastructure.provider_api import ProviderApi
from infrastructure.reading import Pool, Reader
from infrastructure.sandbox.provider import SandboxProvider
from infrastructure.sandbox.source import SandboxSource, Scripts
from infrastructure.services import Sandbox, Services, WebhookSending
from infrastructure.settings import Settings
from infrastructure.sources import chosen_sources
from infrastructure.verification.nobody import NoProvider
from infrastructure.verification.sumsub import Account, Sumsub
from infrastructure.wallets.contract_wallets import ContractWallets
from infrastructure.wallets.ethereum_node import EthereumNode
from infrastructure.wallets.json_rpc import JsonRpc, content_type
from infrastructure.webhooks.public_addresses import Guard, Resolver
from infrastructure.webhooks.sender import Sender

POOL: Final = 8
STARTING: Final = 5.0
"""Seconds that another command has to say where its database is."""
LANES: Final = 2
"""One batch is decided while another is being committed."""
NODE_RATE: Final = "40/second"
"""How often this process may call a chain's node; a contract wallet's proof takes three or four calls."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database that has our schema, and the server that this process runs for it, if it does."""

    conninfo: str
    server: EmbeddedPostgres | None = None


@contextmanager
def database(settings: Settings, *, join: bool = True) -> Iterator[Database]:
    """The database to work on, ready: an embedded one is started, or joined where another command runs it."""
    if os.environ.get("POSTGRES_ENABLE_DB_FUNCTIONS"):
        raise CannotStart("POSTGRES_ENABLE_DB_FUNCTIONS is set: with it the library writes past the log's lock")
    if settings.database_url is not None:
        yield _ready(settings, settings.database_url)
        return
    server = EmbeddedPostgres(settings.data / "postgres")
    note = settings.data / "connection"
    try:
        server.start()
    except DataFolderHeld:
        conninfo = _noted(note) if join else None
        if conninfo is None:
            raise
    else:
        with server_running(server, note) as conninfo:
            yield replace(_ready(settings, conninfo), server=server)
        return
    with let_in(conninfo):
        check(conninfo)
    yield Database(conninfo)


@contextmanager
def server_running(server: EmbeddedPostgres, note: Path) -> Iterator[str]:
    """The server's connection, noted for other commands of this user, until it is stopped."""
    try:
        conninfo = server.conninfo()
        note.unlink(missing_ok=True)
        with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(conninfo)
        yield conninfo
    finally:
        note.unlink(missing_ok=True)
        server.stop()


def _noted(note: Path) -> str | None:
    """The connection of the server that another command runs, once it says so."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            return note.read_text(encoding="utf-8")
        time.sleep(0.05)
    return None


@contextmanager
def let_in(conninfo: str) -> Iterator[None]:
    """What PostgreSQL has against us when we begin, in one line and without a password."""
    try:
        yield
    except psycopg.Error as fault:
        raise CannotStart(f"the database does not let us in: {_plain(fault, conninfo)}") from fault


def _ready(settings: Settings, conninfo: str) -> Database:
    """Check the schema, after migrating where that is ours to do."""
    with let_in(conninfo):
        if settings.mode == "sandbox":
            migrate(conninfo)
        check(conninfo)
    return Database(conninfo)


def keys_for(settings: Settings, conninfo: str) -> Keys:
    """The deployment's keys, made now in sandbox mode if there are none, and checked against the log's."""
    keys = load_keys(settings.key_source, generate=settings.mode == "sandbox")
    with let_in(conninfo):
        check_keys(service_conninfo(conninfo), keys)
    return keys


@asynccontextmanager
async def open_services(
    settings: Settings, conninfo: str, keys: Keys, clock: Clock = ids.now
) -> AsyncIterator[Services]:
    """Everything a process needs, running until the context is left."""
    service = service_conninfo(conninfo)
    async with AsyncExitStack() as stack:
        pool: Pool = BoundedPool(
            service,
            min_size=1,
            max_size=POOL,
            open=False,
            timeout=POOL_PATIENCE,
            reconnect_timeout=RECONNECT,
            configure=configure,
            kwargs={"autocommit": True},
        )
        await stack.enter_async_context(pool)
        writing, sealing = Connection(service), Connection(service)
        stack.push_async_callback(writing.close)
        stack.push_async_callback(sealing.close)
        keyring = Keyring(sealing, MasterKeys(keys.masters, settings.key_source))
        executor = Executor(PostgresJournal(writing, log_on(service), keyring), ids.new_id, lanes=LANES)
        running = asyncio.create_task(executor.run())
        stack.push_async_callback(_end, running)
        site = Site(urlsplit(settings.url).netloc, settings.url)
        sandbox = await stack.enter_async_context(_sandbox(settings, pool, keys, site))
        vendors = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        sources, confirming = chosen_sources(settings, pool, vendors)
        provider = _provider(settings, keys, sandbox, vendors)
        webhooks = await stack.enter_async_context(_webhooks(settings))
        yield Services(
            conninfo=service,
            executor=executor,
            reader=Reader(pool),
            as_of=AsOf(pool),
            pool=pool,
            directory=KeyDirectory(pool),
            persons=chosen_issuer(settings, keys, vendors),
            keys=keys,
            key_source=settings.key_source,
            signing=SigningKey(settings.key_source, keys.signing),
            keyring=keyring,
            evidence=SealedEvidence(sealing, keyring),
            exports=ExportOrders(settings.data / "exports", timedelta(days=settings.exports_kept_days)),
            sources=(*sources, *((SandboxSource(sandbox.scripts),) if sandbox else ())),
            confirming=confirming,
            provider=provider,
            contracts=_contracts(settings, vendors) if settings.rpc else None,
            webhooks=webhooks,
            site=site,
            public_url=settings.public_url and settings.url,
            clock=clock,
            new_id=ids.new_id,
            confirmation=settings.confirmation,
            retention=timedelta(days=settings.retention_days),
            bounds=Bounds(settings.reads_per_minute, settings.writes_per_minute, settings.connections),
            sandbox=sandbox,
        )


@asynccontextmanager
async def _sandbox(settings: Settings, pool: Pool, keys: Keys, site: Site) -> AsyncIterator[Sandbox | None]:
    """The sandbox's vendors; None in production mode. They call this process where it listens."""
    if settings.mode == "production":
        yield None
        return
    async with httpx2.AsyncClient(base_url=settings.local_url, timeout=10, trust_env=False) as client:
        yield Sandbox(SandboxProvider(keys.callback, site.uri, keys.fingerprint_of), Scripts(pool), client)


@asynccontextmanager
async def _webhooks(settings: Settings) -> AsyncIterator[WebhookSending]:
    """What sends to partners' webhooks."""
    resolver = Resolver()
    sender = Sender(Guard(resolver, allow_loopback=settings.webhooks_allow_loopback))
    try:
        yield WebhookSending(sender, settings.webhooks_allow_loopback)
    finally:
        await sender.aclose()
        resolver.close()


def _contracts(settings: Settings, client: httpx2.AsyncClient) -> ContractWallets:
    """The nodes of the chains that can be asked about contract wallets."""
    nodes: dict[str, EthereumNode] = {}
    for chain, url in settings.rpc.items():
        api = ProviderApi(chain, url.get_secret_value(), client=client, sign=content_type, rate=NODE_RATE)
        nodes[chain] = EthereumNode(chain.removeprefix("eip155:"), JsonRpc(api))
    return ContractWallets(nodes)


def _provider(
    settings: Settings, keys: Keys, sandbox: Sandbox | None, client: httpx2.AsyncClient
) -> VerificationProvider:
    """Who verifies persons."""
    if settings.kyc is None:
        return sandbox.provider if sandbox else NoProvider()
    settings.check_sumsub()
    account = Account(
        token=settings.sumsub_token,
        secret=settings.sumsub_secret,
        callback_secret=settings.sumsub_callback_secret,
        level=settings.sumsub_level,
        url=settings.sumsub_url,
        sandbox=settings.mode == "sandbox",
    )
    return Sumsub(account, client=client, fingerprint=keys.fingerprint_of)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _plain(fault: psycopg.Error, conninfo: str) -> str:
    """The fault in one line, without a password."""
    text = " ".join(str(fault.diag.message_primary or fault).split())
    password = conninfo_to_dict(conninfo).get("password")
    return text.replace(str(password), "***") if password else text
