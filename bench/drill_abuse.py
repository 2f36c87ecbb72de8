"""`abuse`: what is done to the service on purpose must not be felt by whoever means well.

A partner registers and reads at a steady pace, round after round, under each attack (bench/abuse.py, a process of its
own) and in peace right before it. What counts is its p99 under attack by that in peace, each over all rounds.
The service runs as it is delivered, with its default limits.
"""

import asyncio
import json
import statistics
import tempfile
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from itertools import chain, count
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import UUID

import httpx2
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from rich.console import Console
from rich.progress import track

from application.handlers import append
from bench.abuse import ATTACKS, Target, answered
from bench.drill_callers import client
from bench.drill_service import DrilledService, data_of, drilled
from bench.footprint import watch_memory
from bench.report import BenchError
from bench.subprocesses import Subprocess, running
from infrastructure.bootstrap import open_services
from infrastructure.demo.wallet import OwnedWallet
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.key_changes import issue_key
from infrastructure.keys.deployment import load_keys
from infrastructure.migrate import migrate
from infrastructure.request_keys import RequestKey, register
from infrastructure.services import Services
from infrastructure.settings import Settings

SECONDS: Final = 4.0
"""Of a turn."""
GRACE: Final = 1.0
"""Seconds from an attack's beginning to the turn's."""
REQUESTS: Final = 200
"""A second, of which one in three is a registration."""
AT_ONCE: Final = 8
AT_MOST: Final = 2.0
"""Times the p99 in peace."""


class Partner:
    """Whoever means well: some connections, each with a request now and then."""

    def __init__(self, port: int, key: str, seconds: float) -> None:
        self._seconds = seconds
        self._target = Target(port, key, "", "", {})
        self._numbers = count()
        self.statuses: Counter[str] = Counter()

    async def turn(self) -> list[float]:
        """Call for a turn; how long each answer took, in milliseconds."""
        latencies: list[float] = []
        await asyncio.gather(*(self._call(latencies, number / REQUESTS) for number in range(AT_ONCE)))
        return latencies

    async def _call(self, latencies: list[float], after: float) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target.port)
        for number in range(int(self._seconds * REQUESTS / AT_ONCE)):
            await asyncio.sleep(begun + after + number * AT_ONCE / REQUESTS - loop.time())
            sent = perf_counter()
            writer.write(self._request())
            await answered(reader, self.statuses)
            latencies.append(1000 * (perf_counter() - sent))
        writer.close()

    def _request(self) -> bytes:
        number = next(self._numbers)
        if number % 3:
            return self._target.head("GET /v1/customers?limit=1")
        content = json.dumps({"chainId": OwnedWallet().account, "externalId": f"good-{number}"}).encode()
        fields = ("Content-Type: application/json", f"Content-Length: {len(content)}")
        return self._target.head("POST /v1/customers", *fields) + content


@dataclass
class Turns:
    """How long answers took before and under each attack, and what the attackers were answered."""

    before: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    under: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def ratios(self) -> dict[str, float]:
        """What counts, by attack."""
        return {attack: round(p99(under) / p99(self.before[attack]), 2) for attack, under in self.under.items()}


def p99(latencies: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(latencies, n=100, method="inclusive")[98]


async def run(rounds: int, seconds: float = SECONDS) -> dict[str, object]:
    """Every attack once a round."""
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as server,
        drilled(folder := Path(name), {"DATABASE_URL": (conninfo := server.conninfo())}) as service,
        running("bench.abuse") as attackers,
    ):
        migrate(conninfo)
        good, target = await _callers(folder, conninfo, service)
        await service.start()
        async with client(service.url, target.key) as http:
            target = await _with_customer(http, target)
        partner = Partner(service.port, good, seconds)
        await partner.turn()
        with watch_memory(service.pid) as peak:
            turns = await _rounds(
                rounds, partner, attackers, {"seconds": seconds + 2 * GRACE, "target": asdict(target)}
            )
    ratios = turns.ratios()
    wrong = sum(number for status, number in partner.statuses.items() if status not in {"200", "201"})
    return {
        "p99_in_peace_ms": round(p99([*chain.from_iterable(turns.before.values())]), 2),
        "p99_by_that_in_peace": ratios,
        "at_most": AT_MOST,
        "answers": turns.answers,
        "wrong_answers": wrong,
        "peak_memory_mb": round(peak.mb, 1),
        "ok": not wrong and max(ratios.values()) <= AT_MOST,
    }


async def _rounds(rounds: int, partner: Partner, attackers: Subprocess, job: dict[str, object]) -> Turns:
    """Peace and war by turns."""
    turns = Turns()
    for _ in track(range(rounds), description="attacking", console=Console(stderr=True), transient=True):
        for attack in ATTACKS:
            turns.before[attack] += await partner.turn()
            attackers.tell({"attack": attack, **job})
            await asyncio.sleep(GRACE)
            turns.under[attack] += await partner.turn()
            turns.answers[attack].update(await asyncio.to_thread(attackers.answer))
            await asyncio.sleep(GRACE)
    return turns


async def _callers(folder: Path, conninfo: str, service: DrilledService) -> tuple[str, Target]:
    """The good partner's key, and the attackers' two."""
    settings = Settings(data=data_of(folder))
    async with open_services(settings, conninfo, load_keys(settings.keys_folder, generate=True)) as services:
        good, bad, signed = [await issue_key(services, role="partner", name=name) for name in ("good", "bad", "signed")]
        await _register(services, signed.key_id)
    return good.key, Target(service.port, bad.key, signed.key, str(signed.key_id), {})


async def _register(services: Services, key_id: UUID) -> None:
    key = RequestKey("ecdsa-p384-sha384", generate_private_key(SECP384R1()).public_key())
    await services.execute(lambda: append(key_id, lambda history: register(key, history)), actor="admin:console")


async def _with_customer(http: httpx2.AsyncClient, target: Target) -> Target:
    """With a customer of the attackers', whose challenge waits to be signed."""
    response = await http.post("/v1/customers", json={"chainId": OwnedWallet().account, "externalId": "bad"})
    if response.status_code != httpx2.codes.CREATED:
        raise BenchError(f"a customer was not registered: {response.text}")
    return Target(target.port, target.key, target.signed_key, target.signed_key_id, response.json())
