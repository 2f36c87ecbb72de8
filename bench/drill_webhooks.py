"""`webhooks`: public events go to a receiver that fails now and then, beside a dead one, and workers are killed.

The feed is loaded in bulk, in three parts: for the receiver alone, then beside the dead one, then with kills as well.
Every request's signature is checked by the reference library, by whoever is not measured.
"""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx2
from standardwebhooks import Webhook, WebhookVerificationError

from bench.data import copy
from bench.drill_callers import client
from bench.drill_service import DrilledService, data_of, drilled
from bench.history import SINCE, people
from bench.postgres import Database
from bench.report import BenchError
from bench.sides import environment_of, prepare
from bench.subprocesses import Subprocess, running
from bench.webhook_receiver import Record
from infrastructure.embedded_postgres import EmbeddedPostgres
from projections.feed import CREATED, UPDATED, FeedRow

DELIVERIES: Final = 100_000
TARGET: Final = 300.0
"""Deliveries a second."""
MEASURED: Final = 10_000
"""Below so many deliveries, what is measured is how long retries wait."""
STATUSES: Final = ("initiating", "screening", "verifying", "active")
CROWD: Final = 1000
"""Customers that take their steps together."""
NEARLY: Final = 0.94
"""Of a part so much is taken before the next one begins: what failed is tried again later, and measured with it."""
LOOK: Final = 0.25
STANDSTILL: Final = 90.0
"""Seconds without anything new that the receiver takes, after which the drill has failed: more than a lease lasts."""


@dataclass(slots=True)
class Findings:
    """What the receiver was sent, held against what webhooks promise."""

    secret: str
    taken: set[int] = field(default_factory=set)
    """Sequences that were answered with success."""
    seen: dict[int, str] = field(default_factory=dict)
    """The `webhook-id` of each sequence that came at all."""
    repeated: int = 0
    failed: int = 0
    forged: int = 0
    disordered: int = 0
    renamed: int = 0

    def take(self, record: Record) -> None:
        """Look at one request."""
        body: dict[str, Any] = json.loads(record["body"])
        sequence, previous, message = body["sequence"], body["previousSequence"], record["headers"]["webhook-id"]
        try:
            Webhook(self.secret).verify(record["body"], record["headers"], json_parse=False)
        except WebhookVerificationError:
            self.forged += 1
        self.repeated += sequence in self.taken
        self.renamed += self.seen.setdefault(sequence, message) != message
        self.disordered += previous is not None and previous not in self.taken and sequence not in self.taken
        if record["way"].startswith("taken"):
            self.taken.add(sequence)
        self.failed += record["way"] != "taken"


@dataclass(slots=True)
class Drill:
    """A receiver, its findings, and the service that sends."""

    database: Database
    partner: UUID
    service: DrilledService
    receiver: Subprocess
    findings: Findings
    loaded: int = 0
    kills: int = 0

    def load(self, deliveries: int, part: int) -> None:
        """Put so many public events more into the feed."""
        rows = feed_rows(self.partner, deliveries, first=self.loaded + 1, position=part * 10_000_000)
        copy(self.database.conninfo, ["gatehouse", "feed"], FeedRow._fields, rows)
        self.loaded += deliveries

    async def until(self, taken: int, each_look: Callable[[], None] = lambda: None) -> float:
        """Wait until so many events were taken; the seconds that took."""
        loop = asyncio.get_running_loop()
        began = moved = loop.time()
        while len(self.findings.taken) < taken:
            before = len(self.findings.taken)
            for record in await asyncio.to_thread(self.receiver.ask, {}):
                self.findings.take(record)
            moved = loop.time() if len(self.findings.taken) > before else moved
            if loop.time() > moved + STANDSTILL:
                raise BenchError(
                    f"{taken - len(self.findings.taken)} events do not arrive:\n{self.service.last_words()}"
                )
            each_look()
            await asyncio.sleep(LOOK)
        return loop.time() - began

    def kill(self) -> None:
        """Kill -9 of the process that sends; `serve` starts another."""
        for worker in self.service.workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self.kills += 1


async def run(rounds: int, deliveries: int = DELIVERIES) -> dict[str, object]:
    """Deliver, kill the worker `rounds` times meanwhile, and count."""
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as server,
        running("bench.webhook_receiver") as receiver,
    ):
        folder, database, ports = Path(name), Database(server.conninfo()), receiver.answer()
        key = await asyncio.to_thread(prepare, database, folder, GATEHOUSE_DATA=str(data_of(folder)))
        environment = environment_of(database) | {"GATEHOUSE_WEBHOOKS_ALLOW_LOOPBACK": "true"}
        with drilled(folder, environment) as service:
            await service.start()
            async with client(service.url, key.key) as http:
                secret = await _register(http, ports["healthy"])
                drill = Drill(database, key.partner, service, receiver, Findings(secret))
                return await _deliver(drill, http, ports["dead"], deliveries=deliveries, rounds=rounds)


async def _deliver(
    drill: Drill, http: httpx2.AsyncClient, dead: int, *, deliveries: int, rounds: int
) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    began, part, findings = loop.time(), deliveries // 5, drill.findings
    drill.load(part, 1)
    alone = await drill.until(int(part * NEARLY))
    await _register(http, dead)
    drill.load(part, 2)
    beside_dead = await drill.until(int(part * 2 * NEARLY))
    drill.load(deliveries - 2 * part, 3)
    left = deliveries - len(findings.taken)
    marks = iter([len(findings.taken) + left * number // (rounds + 1) for number in range(1, rounds + 1)])
    await drill.until(deliveries, _killing(drill, marks))
    seconds = loop.time() - began
    rate = deliveries / seconds
    wrong = {
        "lost": deliveries - len(findings.taken),
        "disordered": findings.disordered,
        "forged": findings.forged,
        "renamed": findings.renamed,
    }
    return {
        "deliveries": len(findings.taken),
        **wrong,
        "failures": findings.failed,
        "repeated": findings.repeated,
        "kills": drill.kills,
        "per_second": round(rate),
        "alone_per_second": round(part * NEARLY / alone),
        "beside_dead_per_second": round(part * NEARLY / beside_dead),
        "ok": not any(wrong.values()) and drill.kills == rounds and (rate >= TARGET or deliveries < MEASURED),
    }


def _killing(drill: Drill, marks: Iterator[int]) -> Callable[[], None]:
    """Kills the worker when so many events were taken, for each mark."""
    following = next(marks, None)

    def look() -> None:
        nonlocal following
        if following is not None and len(drill.findings.taken) >= following:
            drill.kill()
            following = next(marks, None)

    return look


async def _register(http: httpx2.AsyncClient, port: int) -> str:
    """A webhook's secret."""
    asked = {"callbackUrl": f"http://127.0.0.1:{port}/", "types": [CREATED, UPDATED]}
    response = await http.put("/v1/webhooks", json=asked)
    if not response.is_success:
        raise BenchError(f"the webhook was not registered: {response.text}")
    return str(response.json()["secret"])


def feed_rows(partner: UUID, events: int, *, first: int, position: int) -> Iterator[FeedRow]:
    """So many public events as the projection has them: customers in crowds, each step after the other."""
    customers = people(first + events)[first:]
    sequences = count(first)
    for begin in range(0, events, CROWD * len(STATUSES)):
        size = min(CROWD * len(STATUSES), events - begin)
        crowd = customers[begin : begin + max(1, size // len(STATUSES))]
        last: dict[str, int] = {}
        for number in range(size):
            step, place = divmod(number, len(crowd))
            sequence, customer = next(sequences), crowd[place]
            yield FeedRow(
                customer_id=UUID(customer.ids + "00"),
                position=position + sequence,
                partner=partner,
                event_id=UUID(int=position << 64 | sequence),
                webhook_type=UPDATED if customer.ids in last else CREATED,
                external_id=customer.name,
                chain_id=f"eip155:1:{customer.address}",
                status=STATUSES[min(step, len(STATUSES) - 1)],
                created_at=SINCE,
                updated_at=SINCE,
                sequence=sequence,
                previous_sequence=last.get(customer.ids),
            )
            last[customer.ids] = sequence
