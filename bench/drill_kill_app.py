"""`kill-app`: kill -9 of `serve`, or of its work process alone, while customers are registered, signed and screened.

After each kill, callers must be answered and steps recorded again. A dead worker's lease is over at once, not in a
minute: its steps are then taken by two workers at a time where the kill hit none of them, which must not show.
"""

import asyncio
import os
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import psycopg
from rich.console import Console
from rich.progress import track

from bench.drill_callers import CALLERS, Caller, Heard, client
from bench.drill_findings import find, let_time_pass, stored, work_ends
from bench.drill_service import DrilledService, data_of, drilled, until
from bench.postgres import Database
from bench.sides import environment_of, prepare
from bench.traffic import SEED
from infrastructure.embedded_postgres import EmbeddedPostgres

NEWEST_STEP: Final = """
    SELECT notification_id FROM gatehouse.stored_events
    WHERE topic = 'VerificationStarted' ORDER BY notification_id DESC LIMIT 1
"""


@dataclass(slots=True)
class Kills:
    """How often each process was killed, and the seconds until callers were answered and steps recorded again."""

    serve: int = 0
    work: int = 0
    recoveries: list[float] = field(default_factory=list)


async def run(rounds: int) -> dict[str, object]:
    """Kill one of the two processes `rounds` times and count."""
    heard, kills = Heard(), Kills()
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as server,
    ):
        folder, database = Path(name), Database(server.conninfo())
        key = await asyncio.to_thread(prepare, database, folder, GATEHOUSE_DATA=str(data_of(folder)))
        with drilled(folder, environment_of(database)) as service:
            await service.start()
            async with client(service.url, key.key) as http, asyncio.TaskGroup() as callers:
                for _ in range(CALLERS):
                    callers.create_task(Caller(http, heard).run())
                await _kill_under_load(service, database, heard, kills, rounds=rounds)
                heard.enough = True
            await work_ends(database.conninfo, heard)
        findings = find(stored(database.conninfo), heard)
    return {
        "acknowledged": len(heard.registered) + len(heard.signed),
        "lost": findings.lost,
        "doubled": findings.doubled,
        "undone": findings.undone,
        "wrong_answers": len(heard.wrong),
        "kills": {"serve": kills.serve, "work": kills.work},
        "slowest_recovery_s": round(max(kills.recoveries, default=0.0), 2),
        "ok": findings.clean and not heard.wrong and not heard.hung and len(kills.recoveries) == rounds,
    }


async def _kill_under_load(
    service: DrilledService,
    database: Database,
    heard: Heard,
    kills: Kills,
    *,
    rounds: int,
) -> None:
    chance, loop = Random(SEED), asyncio.get_running_loop()  # noqa: S311 -- whom to kill and when, no secret
    for number in track(range(rounds), description="killing", console=Console(stderr=True), transient=True):
        await _at_work(database, 0)
        await asyncio.sleep(chance.random())
        killed_at, before = loop.time(), _newest_step(database)
        if number % 2:
            kills.work += 1
            for worker in service.workers:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
        else:
            kills.serve += 1
            service.kill()
            heard.answering.clear()
            await service.start()
        let_time_pass(database.conninfo)
        async with asyncio.timeout(60):
            await heard.answering.wait()
        await _at_work(database, before)
        kills.recoveries.append(loop.time() - killed_at)


async def _at_work(database: Database, position: int) -> None:
    """Wait until a customer was screened after `position`."""

    async def moved() -> bool:
        await asyncio.sleep(0.05)
        return _newest_step(database) > position

    await until(moved, "workers go on")


def _newest_step(database: Database) -> int:
    with psycopg.connect(database.conninfo) as connection:
        row = connection.execute(NEWEST_STEP).fetchone()
    return int(row[0]) if row else 0
