"""What adopting a full-size sanctions list costs: `./run sanctions adopt` of 120 MB, from a file and from a URL."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

from bench.footprint import peak_mb
from bench.postgres import postgres
from bench.report import BenchError, Report, Target
from bench.server import MODULES
from infrastructure.ids import now
from infrastructure.migrate import migrate
from infrastructure.sanctions.sdn_writer import write

ADDRESSES: Final = 1_000
FILLER: Final = 29_000
"""Parties without an address: with them the list is as large as OFAC's."""
QUICK_FILLER: Final = 5_000
MEMORY: Final = 100.0
SECONDS: Final = 60.0
LOOK: Final = 0.02
"""Seconds between two looks at a peak that the kernel remembers: only the last ones may be missing."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One adoption: megabytes of 10^6 bytes, and the adopting process's own peak, PostgreSQL apart."""

    source: str
    mb: float
    seconds: float
    peak_mb: float


def run(*, quick: bool) -> Report:
    """Write two lists, and adopt one from a file and the next from a server on this machine."""
    with postgres() as server:
        database = server.create_database("gatehouse")
        migrate(database.conninfo)
        environment = {"DATABASE_URL": database.url(), "GATEHOUSE_DATA": str(server.folder / "data")}
        turns = []
        for source, days in (("file", 2), ("url", 1)):
            path = server.folder / f"{source}.xml"
            _written(path, days_ago=days, filler=QUICK_FILLER if quick else FILLER)
            with _served(server.folder) as url:
                turns.append(_turn(source, path, f"{url}/{path.name}" if source == "url" else str(path), environment))
        return report(turns, {"postgresql": server.version(), "addresses": ADDRESSES})


def report(turns: list[Turn], measured: dict[str, object]) -> Report:
    """Compare the worse turn with the targets."""
    peak = round(max(turn.peak_mb for turn in turns), 1)
    seconds = round(max(turn.seconds for turn in turns), 2)
    return Report(
        bench="sanctions",
        figures={"mb": round(turns[0].mb, 1), "peak_mb": peak, "seconds": seconds, **measured},
        targets=[
            Target(name="peak_mb", measured=peak, sense="below", bound=MEMORY),
            Target(name="seconds", measured=seconds, sense="at_most", bound=SECONDS),
        ],
        columns=("source", "MB", "seconds", "MB/s", "peak MB"),
        rows=[_row(turn) for turn in turns],
    )


def _written(path: Path, *, days_ago: int, filler: int) -> None:
    addresses = [("ETH", f"0x{number + days_ago:040x}") for number in range(ADDRESSES)]
    with path.open("wb") as stream:
        write(stream, published=now().date() - timedelta(days=days_ago), addresses=addresses, filler=filler)


def _turn(source: str, path: Path, named: str, environment: dict[str, str]) -> Turn:
    begun = time.monotonic()
    with subprocess.Popen(  # noqa: S603  # our own command line
        [sys.executable, "-m", "infrastructure", "sanctions", "adopt", named, "--json"],
        env={**os.environ, "PYTHONPATH": MODULES, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, peak_mb(process.pid))
            time.sleep(LOOK)
        told = process.stdout.read() if process.stdout else ""
    if process.returncode or json.loads(told)["addresses"] != ADDRESSES:
        raise BenchError("the list was not adopted; the message is above")
    return Turn(source=source, mb=path.stat().st_size / 1e6, seconds=time.monotonic() - begun, peak_mb=peak)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The folder's files over HTTP."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _row(turn: Turn) -> list[str]:
    return [
        turn.source,
        f"{turn.mb:.1f}",
        f"{turn.seconds:.2f}",
        f"{turn.mb / turn.seconds:.1f}",
        f"{turn.peak_mb:.1f}",
    ]
