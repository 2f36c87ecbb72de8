"""What the tests of the HTTP API share: customers in reserve, problem details, raw bytes, and the service's log."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, suppress
from dataclasses import dataclass
from io import StringIO
from itertools import count
from typing import Any, Final, LiteralString

import httpx2
import structlog

from infrastructure.logs import set_up_logs
from tests.support.world import Wallet, World

CANARY: Final = "canary7f"
HEX_CANARY: Final = "ca11ab1eca11ab1eca11ab1e"
"""Planted in what is sent, where only hexadecimal digits will do."""

SECURITY: Final = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
MISSING: Final = "01930000-0000-7000-8000-000000000000"
"""The id of no customer."""

_NUMBERS: Final = count(1000)
AT_ONCE: Final = 8
_STOCK: Final[dict[str, dict[str, list["Held"]]]] = {}
"""By database and status: customers in reserve."""


def fresh_wallet() -> Wallet:
    """A wallet that no test has used."""
    return Wallet(next(_NUMBERS))


@dataclass(frozen=True)
class Held:
    """A customer of the partner's, and its wallet."""

    customer: dict[str, Any]
    wallet: Wallet

    @property
    def path(self) -> str:
        """Where the customer is."""
        return f"/v1/customers/{self.customer['id']}"

    @property
    def simulator(self) -> str:
        """Where its rehearsals are."""
        return f"/v1/simulator/customers/{self.customer['id']}"


async def customers_at(world: World, status: str, how_many: int = 1) -> list[Held]:
    """Customers that are `initiating`, `verifying` or `active`, and have been given to no test before."""
    if status == "initiating":
        return await _new(world, how_many)
    stock = _STOCK.setdefault(world.services.conninfo, {}).setdefault(status, [])
    if len(stock) < how_many:
        stock += await _advanced(world, await _new(world, max(how_many, AT_ONCE)), status)
    return [stock.pop() for _ in range(how_many)]


async def _new(world: World, how_many: int) -> list[Held]:
    wallets = [fresh_wallet() for _ in range(how_many)]
    return [Held(await world.register(wallet), wallet) for wallet in wallets]


async def _advanced(world: World, held: list[Held], status: str) -> list[Held]:
    """Bring customers in together: a round of work costs as much for one as for many."""
    for customer in held:
        assert (await world.sign(customer.customer, customer.wallet)).status_code == 204
    await world.work()
    if status == "active":
        for customer in held:
            assert (await world.partner.patch(f"{customer.simulator}/verify")).status_code == 202
        await world.project()
    return held


async def rejected(world: World, how: str = "verification") -> Held:
    """A customer that failed a step."""
    at = {"screening": "initiating", "verification": "verifying", "monitoring": "active"}[how]
    held = (await customers_at(world, at))[0]
    outcome = {"screening": "hit", "verification": "final", "monitoring": "evidence"}[how]
    assert (await world.partner.patch(f"{held.simulator}/{how}", json={"outcome": outcome})).status_code == 202
    if how == "screening":
        assert (await world.sign(held.customer, held.wallet)).status_code == 204
        await world.work()
    assert await world.status(held.customer["id"]) == "rejected"
    return held


async def customer_that_is(world: World, status: str) -> Held:
    """A customer at any of the six statuses."""
    if status == "rejected":
        return await rejected(world)
    at = {"screening": "initiating", "inactive": "active"}.get(status, status)
    held = (await customers_at(world, at))[0]
    if status == "screening":
        assert (await world.sign(held.customer, held.wallet)).status_code == 204
    if status == "inactive":
        assert (await world.partner.patch(f"{held.path}/deactivate")).status_code == 200
    assert await world.status(held.customer["id"]) == status
    return held


def assert_problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """An error as RFC 9457 has it, with nothing in it that was sent. Answers its members."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    members: dict[str, Any] = response.json()
    assert (response.status_code, members["code"]) == (status, code), response.text
    assert members["status"] == status
    assert members["type"] == f"urn:gatehouse:problem:{code}"
    assert members["title"].endswith(".")
    assert set(members) <= {"type", "title", "status", "code", "id", "errors"}
    assert SECURITY.items() <= dict(response.headers).items()
    assert_no_canary(str(response.headers) + response.text)
    return members


def assert_no_canary(text: str) -> None:
    """Nothing of what tests plant stands in `text`."""
    assert CANARY not in text.lower()
    assert HEX_CANARY not in text.lower()


@contextmanager
def service_log() -> Iterator[StringIO]:
    """What the service writes to its log, as it is set up when it serves."""
    written, before = StringIO(), structlog.get_config()
    handler = logging.StreamHandler(written)
    logging.getLogger().addHandler(handler)
    with redirect_stderr(written):
        set_up_logs()
    _forget_loggers()
    try:
        yield written
    finally:
        logging.getLogger().removeHandler(handler)
        structlog.configure(**before)
        _forget_loggers()


def _forget_loggers() -> None:
    """Let every module's logger look its configuration up again."""
    for name, module in list(sys.modules.items()):
        log = getattr(module, "log", None)
        if name.startswith(("application.", "infrastructure.")) and type(log).__module__.startswith("structlog"):
            vars(log).pop("bind", None)


@dataclass(frozen=True)
class Raw:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


async def send_raw(world: World, *parts: bytes) -> Raw:
    """Send bytes and read until the service closes the connection."""

    async def one_by_one() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return await send_parts(world, one_by_one())


@asynccontextmanager
async def connected(world: World) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection, aborted in the end."""
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def send_parts(world: World, parts: AsyncIterator[bytes]) -> Raw:
    """Send parts as they come, and read until the service closes the connection."""
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async for part in parts:
            writer.write(part)
            await writer.drain()
        answer = await reader.read()
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = head.decode("latin-1").split("\r\n")
    pairs = (header.partition(": ") for header in headers)
    return Raw(int(status.split(" ")[1]), {name.lower(): value for name, _, value in pairs}, body)


async def head_of(world: World) -> int:
    """The log's newest position."""
    return int((await rows(world, "SELECT max(notification_id) FROM gatehouse.stored_events"))[0][0])


async def rows(world: World, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    """What a query answers."""
    async with world.services.pool.connection() as connection:
        cursor = await connection.execute(query, values)
        found: list[tuple[Any, ...]] = await cursor.fetchall()
        return found


async def types_of(world: World, customer: dict[str, Any]) -> list[str]:
    """The types of a customer's events, in order."""
    answer = await world.auditor.get(f"/v1/customers/{customer['id']}/events")
    return [event["type"] for event in answer.json()["events"]]


async def last_event(world: World, customer: dict[str, Any]) -> dict[str, Any]:
    """A customer's newest event: its type and what it carries."""
    answer = await world.auditor.get(f"/v1/customers/{customer['id']}/events")
    event = answer.json()["events"][-1]
    return {"type": event["type"], **event["event"]["data"]}


async def detail_of(world: World, customer: dict[str, Any]) -> str:
    """What goes on inside the status, as officers see it."""
    return str((await world.officer.get(f"/v1/customers/{customer['id']}/timeline")).json()["detail"])
