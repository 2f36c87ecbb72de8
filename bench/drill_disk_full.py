"""`disk-full`: the disk of a whole service with its embedded database fills up under load, and has room again.

Meanwhile who registers is told that the service is unavailable, and who reads is answered. Once there is room, the
service goes on; it is the same process from beginning to end.
"""

import asyncio
import re
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

import httpx2
from rich.console import Console
from rich.progress import track

from bench.drill_callers import CALLERS, Caller, Heard, client
from bench.drill_disk import Disk, ReadOnlyServer, SmallDisk, conninfo_of, mounted
from bench.drill_findings import find, stored, work_ends
from bench.drill_service import data_of, drilled, until
from bench.traffic import SEED

KEY: Final = re.compile(r"^  partner +[0-9a-f-]{36}  (gh_partner_[\w-]+)$", re.MULTILINE)
BOUND: Final = 10.0
"""Seconds within which everybody is answered."""
READS: Final = 20
"""How many reads are answered before the disk has room again."""


async def run(rounds: int, *, small: bool = True) -> dict[str, object]:
    """Fill the disk `rounds` times and count; not `small`, PostgreSQL is told to refuse writes instead."""
    heard, reads, recoveries = Heard(), Counter[int](), list[float]()
    with tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # noqa: ASYNC240 -- at once; for the server's own user
        within = mounted(folder) if small else None
        with drilled(folder, {}, within or ()) as service:
            await service.start()
            pid, conninfo = service.pid, conninfo_of(service, data_of(folder))
            disk: Disk = SmallDisk(service, data_of(folder)) if within else ReadOnlyServer(conninfo)
            key = KEY.findall(service.log.read_text())[0]
            async with client(service.url, key) as http:
                async with asyncio.TaskGroup() as load:
                    for _ in range(CALLERS):
                        load.create_task(Caller(http, heard).run())
                    load.create_task(_read(http, heard, reads))
                    for _ in track(range(rounds), description="filling", console=Console(stderr=True), transient=True):
                        recoveries.append(await _fill(disk, heard, reads))
                    heard.enough = True
                await work_ends(conninfo, heard)
            findings = find(await asyncio.to_thread(stored, conninfo), heard)
            same = service.alive and service.pid == pid
    wrong = {
        "lost": findings.lost,
        "doubled": findings.doubled,
        "undone": findings.undone,
        "wrong_answers": len(heard.wrong),
        "hung": heard.hung + heard.silent,
    }
    return {
        "disk": disk.name,
        "acknowledged": len(heard.registered) + len(heard.signed),
        **wrong,
        "writes_refused": heard.statuses[503],
        "reads": reads[200],
        "reads_refused": reads[503],
        "slowest_answer_s": round(heard.slowest, 2),
        "slowest_recovery_s": round(max(recoveries, default=0.0), 2),
        "ok": not any(wrong.values()) and same and heard.slowest <= BOUND and len(recoveries) == rounds,
    }


async def _fill(disk: Disk, heard: Heard, reads: Counter[int]) -> float:
    """Fill it until writes are refused and reads answered all the same; the seconds from room to an answer."""
    await heard.answering.wait()  # somebody is there to be read
    refused, loop = heard.statuses[503], asyncio.get_running_loop()

    async def refusing() -> bool:
        await asyncio.to_thread(disk.fill)  # the server goes on finding room in what it gives up
        await asyncio.sleep(0.1)
        return heard.statuses[503] > refused

    await until(refusing, "writes are refused")
    answered = reads[200]

    async def reading() -> bool:
        await asyncio.to_thread(disk.fill)
        return reads[200] >= answered + READS

    try:
        await until(reading, "reads are answered while the disk is full")
    finally:
        await asyncio.to_thread(disk.free)
    heard.answering.clear()
    freed_at = loop.time()
    async with asyncio.timeout(60):
        await heard.answering.wait()
    return loop.time() - freed_at


async def _read(http: httpx2.AsyncClient, heard: Heard, reads: Counter[int]) -> None:
    """Read customers that were registered, whatever the disk is like."""
    chance, loop = Random(SEED), asyncio.get_running_loop()  # noqa: S311 -- whom to read, no secret
    await heard.answering.wait()
    while not heard.enough:
        begun = loop.time()
        response = await http.get(f"/v1/customers/{chance.choice(tuple(heard.registered))}")
        heard.slowest = max(heard.slowest, loop.time() - begun)
        reads[response.status_code] += 1
        if response.status_code not in {200, 503}:
            heard.wrong.append(f"GET: {response.status_code} {response.text}")
        await asyncio.sleep(0.02)
