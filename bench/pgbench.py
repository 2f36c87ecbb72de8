"""pgbench as a side of `append`: single-row inserts of the same row, which is what PostgreSQL gives without us."""

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.job import Outcome
from bench.report import BenchError
from infrastructure.embedded_postgres.binaries import candidates

ROW: Final = """
CREATE TABLE event (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint GENERATED ALWAYS AS IDENTITY,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX ON event (notification_id);
"""
INSERT: Final = """
INSERT INTO event (originator_id, originator_version, topic, state)
VALUES (gen_random_uuid(), 1, 'WalletClaimed', '{state}');
"""
_RATE: Final = re.compile(r"^tps = ([0-9.]+) \(without initial connection time\)", re.MULTILINE)
_FAILED: Final = re.compile(r"^number of failed transactions: ([0-9]+)", re.MULTILINE)


def found() -> Path | None:
    """The program, beside the server's own or in the system."""
    beside = (folder / "pgbench" for folder, _ in candidates())
    on_path = shutil.which("pgbench")
    return next((path for path in beside if path.exists()), Path(on_path) if on_path else None)


class Pgbench:
    """Takes turns on a database of its own."""

    def __init__(self, program: Path, conninfo: str, folder: Path, *, state: bytes) -> None:
        self._program, self._folder, self._conninfo = program, folder, conninfo
        self._script = folder / "insert.sql"
        self._script.write_text(INSERT.format(state=r"\x" + state.hex()))
        with psycopg.connect(conninfo) as connection:
            connection.execute(ROW)

    def turn(self, callers: int, seconds: float) -> Outcome:
        """Insert for whole seconds. Latencies are pgbench's own, of every transaction."""
        given = conninfo_to_dict(self._conninfo)
        options = f"-n -c {callers} -j {min(2, callers)} -M prepared -T {round(seconds)} -l --log-prefix=insert".split()
        said = subprocess.run(  # noqa: S603 -- PostgreSQL's own program
            [self._program, *options, "-f", self._script],
            env={
                **os.environ,
                "PGHOST": str(given["host"]),
                "PGPORT": str(given.get("port", 5432)),
                "PGUSER": str(given["user"]),
                "PGPASSWORD": str(given.get("password", "")),
                "PGDATABASE": str(given["dbname"]),
            },
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode != 0:
            raise BenchError(f"pgbench failed:\n{said.stderr[-2000:]}")
        logs = list(self._folder.glob("insert.[0-9]*"))
        outcome = outcome_of(said.stdout, (line for log in logs for line in log.read_text().splitlines()))
        for log in logs:
            log.unlink()
        return outcome


def outcome_of(summary: str, log: Iterable[str]) -> Outcome:
    """What pgbench measured: its summary's rate, and percentiles from its log, whose third column is microseconds."""
    rate, failed = _RATE.search(summary), _FAILED.search(summary)
    latencies = [int(line.split()[2]) / 1000 for line in log]
    if rate is None or len(latencies) < 2:  # noqa: PLR2004 -- a percentile needs two
        raise BenchError(f"pgbench said nothing that could be read:\n{summary[-2000:]}")
    percentiles = statistics.quantiles(latencies, n=100, method="inclusive")
    return Outcome(
        requests_per_s=float(rate[1]),
        p50_ms=percentiles[49],
        p99_ms=percentiles[98],
        answered=len(latencies),
        cpu_us_per_request=0.0,
        failures=int(failed[1]) if failed else 0,
        first_failure="",
    )
