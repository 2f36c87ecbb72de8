"""`kill-postgres`: kill -9 of the server under eight writers. Nothing acknowledged may be lost, doubled or denied.

Each writer registers customers one after the other through the executor, as the API does. Whatever was acknowledged
must be in the log exactly once; whatever was refused as a conflict must be one.
"""

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import psycopg
from rich.console import Console
from rich.progress import track

from application.handlers import Handler, register
from application.ports import Unavailable
from bench.traffic import SEED, checksummed
from domain.challenge import Site, issue
from domain.commands import RegisterCustomer
from domain.refusals import CustomerExists
from domain.wallet import Wallet
from infrastructure.bootstrap import open_services
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.ids import nonce
from infrastructure.keys import load_keys
from infrastructure.migrate import migrate
from infrastructure.services import Services
from infrastructure.settings import Settings

WRITERS: Final = 8
SITE: Final = Site("drill.example", "https://drill.example")


@dataclass(slots=True)
class Tally:
    """What the writers were told."""

    acknowledged: list[UUID] = field(default_factory=list)
    unavailable: int = 0
    phantom_conflicts: int = 0
    recoveries: list[float] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, customer_id: UUID) -> None:
        """Note an acknowledgement; the first after a kill ends the outage."""
        self.acknowledged.append(customer_id)
        self.answering.set()


async def run(rounds: int) -> dict[str, object]:
    """Kill the server `rounds` times and count."""
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as server,
    ):
        await asyncio.to_thread(migrate, server.conninfo())
        tally = await _kill_under_load(server, Path(folder), rounds)
        stored = _stored(server.conninfo())
    lost = sum(stored[customer_id] == 0 for customer_id in tally.acknowledged)
    doubled = sum(times > 1 for times in stored.values())
    return {
        "acknowledged": len(tally.acknowledged),
        "lost": lost,
        "doubled": doubled,
        "phantom_conflicts": tally.phantom_conflicts,
        "unavailable": tally.unavailable,
        "slowest_recovery_s": round(max(tally.recoveries, default=0.0), 2),
        "ok": not (lost or doubled or tally.phantom_conflicts) and len(tally.recoveries) == rounds,
    }


async def _kill_under_load(server: EmbeddedPostgres, folder: Path, rounds: int) -> Tally:
    tally, wallets, chance = Tally(), count(1), Random(SEED)  # noqa: S311 -- when to kill, no secret
    keys = load_keys(folder / "keys", generate=True)
    async with open_services(Settings(data=folder), server.conninfo(), keys) as services:
        writers = [asyncio.create_task(_write(services, wallets, tally)) for _ in range(WRITERS)]
        for _ in track(range(rounds), description="killing", console=Console(stderr=True), transient=True):
            await asyncio.sleep(0.2 + chance.random() / 2)
            server.kill()
            tally.answering.clear()
            killed_at = asyncio.get_running_loop().time()
            server.start()
            await tally.answering.wait()
            tally.recoveries.append(asyncio.get_running_loop().time() - killed_at)
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
    return tally


async def _write(services: Services, wallets: "count[int]", tally: Tally) -> None:
    """Register wallets nobody else registers, until cancelled."""
    partner = services.new_id()
    while True:
        customer_id, now = services.new_id(), services.clock()
        wallet = Wallet("1", checksummed(next(wallets).to_bytes(20, "big")))
        challenge = issue(SITE, wallet, customer=customer_id, nonce=nonce(), now=now)
        command = RegisterCustomer(partner, f"eip155:1:{wallet.address}", "drill", challenge)
        handling = _handling(services, customer_id, command)
        try:
            await services.execute(handling, actor="partner:drill", correlation_id=customer_id)
        except Unavailable:
            tally.unavailable += 1
        except CustomerExists:
            tally.phantom_conflicts += 1
        else:
            tally.answered(customer_id)


def _handling(services: Services, customer_id: UUID, command: RegisterCustomer) -> Handler:
    return lambda: register(customer_id, command, fingerprint=services.keys.fingerprint_of)


def _stored(conninfo: str) -> Counter[UUID]:
    """How often each customer was registered, says the log."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT originator_id, count(*) FROM gatehouse.stored_events WHERE topic = 'CustomerRegistered' GROUP BY 1"
        )
        return Counter(dict(rows.fetchall()))
