"""Entries a second that the auditor's verifier checks, beside a plain pass of hashlib over the same bytes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from application.transparency.notes import Signer
from bench.bundles import ORIGIN, EntryLog
from bench.footprint import peak_mb
from bench.lives import stored_lives
from bench.report import BenchError, Report, Target
from infrastructure.exports.verify import verify

ENTRIES: Final = 1_000_000
QUICK_ENTRIES: Final = 100_000
TURNS: Final = 5
AT_LEAST: Final = 100_000.0
RATIO: Final = 1.5
LOOK: Final = 0.01
"""Seconds from one look at the verifier's memory to the next."""


class Turn(NamedTuple):
    """Seconds for the same entries, and the most megabytes that the verifier held, the process apart that hashes."""

    command: float
    """From the start of `python3 verify.py` to its end."""
    check: float
    """The check itself, without Python's own start, which the plain pass is without, too."""
    plain: float
    peak_mb: float = 0.0


def run(*, quick: bool) -> Report:
    """Write the bundle of a whole log, and check it several times, in turns with the plain pass."""
    entries = QUICK_ENTRIES if quick else ENTRIES
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as name:
        folder = Path(name)
        write_bundle(folder, entries)
        turns = [_turn(folder, entries) for _ in range(TURNS)]
        return report(turns, entries=entries, megabytes=(folder / "entries.jsonl").stat().st_size / 1e6)


def report(turns: list[Turn], *, entries: int, megabytes: float) -> Report:
    """Compare the median turns with the targets."""
    rate = round(median(entries / turn.command for turn in turns))
    ratio = round(median(turn.check / turn.plain for turn in turns), 2)
    return Report(
        bench="verify",
        figures={
            "entries_per_s": rate,
            "times_plain_hashlib": ratio,
            "entries": entries,
            "mb": round(megabytes, 1),
            "peak_mb": round(max(turn.peak_mb for turn in turns), 1),
        },
        targets=[
            Target(name="entries_per_s", measured=rate, sense="at_least", bound=AT_LEAST),
            Target(name="times_plain_hashlib", measured=ratio, sense="at_most", bound=RATIO),
        ],
        columns=("turn", "entries/s", "MB/s", "command s", "check s", "plain hashlib s", "times"),
        rows=[
            [
                str(number),
                f"{entries / turn.command:,.0f}",
                f"{megabytes / turn.command:,.0f}",
                f"{turn.command:.2f}",
                f"{turn.check:.2f}",
                f"{turn.plain:.2f}",
                f"{turn.check / turn.plain:.2f}",
            ]
            for number, turn in enumerate(turns, 1)
        ],
    )


def write_bundle(folder: Path, entries: int) -> None:
    """Write the bundle of a log of customers' lives."""
    signer = Signer(ORIGIN, b"\1" * 32)
    log = EntryLog(signer)
    log.announce(signer)
    log.extend(stored_lives(entries - 1, after=1))
    log.write(folder)


def _turn(folder: Path, entries: int) -> Turn:
    seconds, peak = commanded(folder, entries)
    begun = time.monotonic()
    verify(folder, processes=os.cpu_count() or 1)
    checked = time.monotonic() - begun
    return Turn(seconds, checked, _plain(folder / "entries.jsonl"), peak)


def commanded(folder: Path, entries: int) -> tuple[float, float]:
    """Run the bundle's own file, as an auditor does, without what is installed: how long it took, and its memory."""
    begun, peak = time.monotonic(), 0.0
    with subprocess.Popen(  # noqa: S603  # our own command line
        [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), "--json"], stdout=subprocess.PIPE
    ) as process:
        while process.poll() is None:
            peak = max(peak, peak_mb(process.pid))
            time.sleep(LOOK)
        seconds = time.monotonic() - begun
        told = json.loads((process.stdout.read() if process.stdout else b"") or b"{}")
    if process.returncode or told["entries"] != entries:
        raise BenchError(f"the verifier did not find all right: {told}")
    return seconds, peak


def _plain(path: Path) -> float:
    """What the proof cannot do without: the file's hash, every leaf's, and every node's of full tiles."""
    begun = time.monotonic()
    whole, row = sha256(), []
    with path.open("rb", buffering=1 << 18) as file:
        for line in file:
            whole.update(line)
            row.append(sha256(b"\0" + line[:-1]).digest())
            if len(row) == 256:  # noqa: PLR2004 -- a tile
                _root(row)
                row = []
    whole.digest()
    return time.monotonic() - begun


def _root(row: list[bytes]) -> bytes:
    while len(row) > 1:
        pairs = iter(row)
        row = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]
