"""`tamper`: history is changed at random, in bundles and in the database, and the verifier has to say how.

The auditor has what auditors have: the log's first key, and two checkpoints from before. Whoever tampers has all
rights, and in half of the bundles the signing key, too.
"""

import secrets
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import uvloop

from bench.bundles import OWN, EntryLog, lived_log
from bench.report import BenchError
from bench.tampered_bundles import IN_WHOLE, OF_CUSTOMER
from bench.tampered_log import DEEDS, TamperedLog
from bench.tampering import Planted, Scene
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.exports.verify import Report, verify
from infrastructure.migrate import migrate

ENTRIES: Final = 600
"""In the log: two full tiles and a part of one."""
SHOWN: Final = 5
"""Misses that are told."""


@dataclass
class Tally:
    """What was planted, and what of it was found and named as what it is."""

    found: int = 0
    named: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def take(self, kind: str, planted: Planted, report: Report) -> None:
        """Count one."""
        told = report.warnings if planted.warned else report.problems
        named = planted.named_in(told)
        self.kinds[kind] += 1
        self.found += bool(told)
        self.named += named
        if not named:
            self.missed.append(f"{kind}: {sorted(planted.codes)} at {planted.lines}: {report.text()[:500]}")


def run(rounds: int) -> dict[str, object]:
    """Tamper `rounds` times, each way as often as any other."""
    seed = secrets.randbits(32)
    with (
        tempfile.TemporaryDirectory(prefix="gatehouse-drill-") as name,
        EmbeddedPostgres(Path(name) / "postgres", settings={"fsync": "off"}) as server,
    ):
        migrate(server.conninfo())
        drill = Drill(Path(name), server.conninfo(), Random(seed))  # noqa: S311 -- the seed is told
        uvloop.run(drill.run(rounds))
    tally = drill.tally
    outcome: dict[str, object] = {
        "found": tally.found,
        "named": tally.named,
        "kinds": dict(sorted(tally.kinds.items())),
    }
    if tally.missed:
        outcome["missed"] = tally.missed[:SHOWN]
    return {"seed": seed, **outcome, "ok": tally.found == tally.named == rounds > 0}


class Drill:
    """A log, as bundles and in a database, and an auditor's look at what became of it."""

    def __init__(self, folder: Path, conninfo: str, source: Random) -> None:
        self._folder, self._source = folder, source
        self._log: EntryLog = lived_log(ENTRIES)
        self._database = TamperedLog(conninfo, self._log, source)
        self._customer = self._some_customer()
        self._kept = [self._log.checkpoint(size).whole.encode() for size in (ENTRIES // 2, ENTRIES)]
        self._key = self._log.first_signer.public.vkey
        self.tally = Tally()

    async def run(self, rounds: int) -> None:
        """Begin with what nobody touched, which has to be all right, and go on with what somebody did."""
        self._log.write(self._folder / "whole")
        self._log.write(
            self._folder / "customer", chosen=lambda told: told.stream == self._customer, customer=str(self._customer)
        )
        await self._database.load()
        for bundle in (self._folder / "whole", self._folder / "customer", await self._database.export(self._folder)):
            self._must_be_right(self._look(bundle))
        kinds = [
            *(("whole", name) for name in IN_WHOLE),
            *(("customer", name) for name in OF_CUSTOMER),
            *(("database", name) for name in DEEDS),
        ]
        for number in range(rounds):
            where, name = kinds[number % len(kinds)]
            planted, bundle = await self._in_database(name) if where == "database" else self._in_bundle(where, name)
            report = self._look(bundle, keyless=planted.warned)
            self.tally.take(f"{where}: {name}", planted, report)

    def _in_bundle(self, where: str, name: str) -> tuple[Planted, Path]:
        bundle = self._folder / "tampered"
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.copytree(self._folder / where, bundle)
        customer = self._customer if where == "customer" else None
        scene = Scene(bundle, self._log, self._source, sealed=self._source.random() < 1 / 2, customer=customer)
        return (OF_CUSTOMER if customer else IN_WHOLE)[name](scene), bundle

    async def _in_database(self, name: str) -> tuple[Planted, Path]:
        shutil.rmtree(self._folder / "bundle.partial", ignore_errors=True)
        self._database.restore()
        return DEEDS[name](self._database), await self._database.export(self._folder)

    def _look(self, bundle: Path, *, keyless: bool = False) -> Report:
        """Verify, with what was kept. Without a key that is trusted, all hangs on those that the log announces."""
        return verify(bundle, known=self._kept, keys=[] if keyless else [self._key])

    def _must_be_right(self, report: Report) -> None:
        if not report.ok:
            raise BenchError(f"what nobody touched is not all right: {report.text()}")

    def _some_customer(self) -> UUID:
        """Whoever has most events."""
        streams = Counter(told.stream for told in self._log.told if told.topic not in OWN)
        return streams.most_common(1)[0][0]
