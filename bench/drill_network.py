"""`network`: the line to the database is cut, delayed, held up and half closed, also between COMMIT and its answer.

Over the same line go a whole service, with callers over HTTP, and executors whose commands have ids of the drill's
own. Each must be answered within `BOUND`, be it that the service is unavailable, and go on when the line is good again.
Then a sample of the commands is asked again under their ids: each must come to what it came to.
"""

import asyncio
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

import httpx2
from rich.console import Console
from rich.progress import track

from bench.drill_callers import CALLERS, Caller, Heard, client
from bench.drill_findings import find, work_ends
from bench.drill_findings import stored as stored_events
from bench.drill_kill_postgres import Tally, ask_again, compare, stored, write
from bench.drill_service import data_of, drilled
from bench.faulty_line import FaultyLine, Way, faulty_line
from bench.postgres import Database
from bench.sides import environment_of, prepare
from bench.traffic import SEED
from infrastructure.bootstrap import open_services
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.keys.deployment import load_keys
from infrastructure.settings import Settings

BOUND: Final = 10.0
"""Seconds within which everybody is answered."""
SHORT: Final = (0.3, 1.5)
LONG: Final = (3.0, 8.0)
"""Seconds that a fault lasts, from and to: less and more than the service waits for an answer."""
WRITERS: Final = 4
BOTH: Final = (Way.TO_SERVER, Way.TO_CLIENT)


def _delay(line: FaultyLine) -> None:
    line.delayed = frozenset(BOTH)


def _lose_answers(line: FaultyLine) -> None:
    line.losing_answers = True


FAULTS: Final[tuple[tuple[str, Callable[[FaultyLine], None], tuple[float, float]], ...]] = (
    ("answers lost", _lose_answers, SHORT),
    ("stalled", lambda line: line.stall(*BOTH), LONG),
    ("half closed to client", lambda line: line.close_half(Way.TO_CLIENT), SHORT),
    ("stalled to client", lambda line: line.stall(Way.TO_CLIENT), LONG),
    ("cut", FaultyLine.cut, SHORT),
    ("stalled to server", lambda line: line.stall(Way.TO_SERVER), LONG),
    ("delayed", _delay, SHORT),
    ("half closed to server", lambda line: line.close_half(Way.TO_SERVER), SHORT),
    ("stalled shortly", lambda line: line.stall(*BOTH), SHORT),
)


async def run(rounds: int) -> dict[str, object]:
    """Break the line `rounds` times, each time another way, and count."""
    heard, tally = Heard(), Tally()
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as server,
    ):
        folder, direct = Path(name), server.conninfo()
        key = await asyncio.to_thread(prepare, Database(direct), folder, GATEHOUSE_DATA=str(data_of(folder)))
        async with faulty_line(direct) as line:
            with drilled(folder, environment_of(Database(line.conninfo))) as service:
                await service.start()
                async with client(service.url, key.key) as http:
                    await _load(line, http, folder, (heard, tally), rounds)
                await work_ends(direct, heard)
            lost_answers = line.lost_answers
        findings = find(stored_events(direct), heard)
        lost, doubled = compare(tally.acknowledged, stored(direct))
    wrong = {
        "lost": findings.lost + lost,
        "doubled": findings.doubled + doubled,
        "undone": findings.undone,
        "phantom_conflicts": tally.phantom_conflicts,
        "forgotten": tally.forgotten,
        "wrong_answers": len(heard.wrong),
        "hung": heard.hung + heard.silent,
    }
    slowest = max(heard.slowest, tally.slowest)
    return {
        "acknowledged": len(heard.registered) + len(heard.signed) + len(tally.acknowledged),
        **wrong,
        "unavailable": heard.statuses[503] + tally.unavailable,
        "lost_answers": lost_answers,
        "slowest_answer_s": round(slowest, 2),
        "slowest_recovery_s": round(max(tally.recoveries, default=0.0), 2),
        "ok": not any(wrong.values()) and slowest <= BOUND and len(tally.recoveries) == rounds,
    }


async def _load(
    line: FaultyLine, http: httpx2.AsyncClient, folder: Path, told: tuple[Heard, Tally], rounds: int
) -> None:
    """Call the service, and an executor of our own, while the line breaks."""
    heard, tally = told
    settings = Settings(data=data_of(folder))
    keys = load_keys(settings.keys_folder, generate=False)
    async with open_services(settings, line.conninfo, keys) as services:
        async with asyncio.TaskGroup() as load:
            wallets = count(1)
            for _ in range(WRITERS):
                load.create_task(write(services.executor, wallets, tally))
            for _ in range(CALLERS):
                load.create_task(Caller(http, heard).run())
            await _break(line, heard, tally, rounds)
            heard.enough = tally.enough = True
        await ask_again(services.executor, tally)


async def _break(line: FaultyLine, heard: Heard, tally: Tally, rounds: int) -> None:
    chance, loop = Random(SEED), asyncio.get_running_loop()  # noqa: S311 -- how long, no secret
    for number in track(range(rounds), description="breaking", console=Console(stderr=True), transient=True):
        await asyncio.sleep(0.2 + chance.random() / 2)
        _, fault, (shortest, longest) = FAULTS[number % len(FAULTS)]
        fault(line)
        await asyncio.sleep(chance.uniform(shortest, longest))
        line.heal()
        heard.answering.clear()
        tally.answering.clear()
        healed_at = loop.time()
        async with asyncio.timeout(60):
            await asyncio.gather(heard.answering.wait(), tally.answering.wait())
        tally.recoveries.append(loop.time() - healed_at)
