"""Whether all decisions of a long log come out the same when they are taken again, and the forged ones alone do not."""

import multiprocessing
import secrets
import time
from itertools import count
from typing import Final, NamedTuple

import psycopg

from bench.answers import BENCH_READERS
from bench.decision_lives import load_decided
from bench.footprint import memory_mb
from bench.forgeries import forge_decision, forge_payload
from bench.postgres import postgres
from bench.report import Report, Target
from infrastructure.collector import spared_collector
from infrastructure.keys.deployment import NAMES, Keys
from infrastructure.migrate import migrate
from infrastructure.postgres import service_conninfo
from infrastructure.replay.decisions import DecisionFindings, replay_decisions
from infrastructure.replay.lives import Access
from infrastructure.replay.processes import cores
from infrastructure.replay.trial import tried_policy

LIVES: Final = 100_000
QUICK_LIVES: Final = 8_000
LARGEST: Final = 200.0
"""Megabytes that a process of the replay may take, however long the log is."""
SAMPLES: Final = 20
"""Pages from one look at the processes' memory to the next."""
CANDIDATE: Final = "screening-2"
AT_LEAST: Final = 1_000.0
"""Decisions a second: what ten thousand customers came to in half a minute."""


class Turn(NamedTuple):
    """One replay of all decisions, in processes of its own."""

    name: str
    findings: DecisionFindings
    seconds: float
    process_mb: float = 0.0
    """The largest that one of its processes was seen to be."""

    @property
    def named(self) -> set[str]:
        """The customers whose decisions come out otherwise."""
        return {divergence.customer for divergence in self.findings.listed}

    @property
    def per_second(self) -> float:
        """Decisions taken again in a second."""
        return self.findings.decisions.total() / self.seconds


class Tried(NamedTuple):
    """A candidate's trial over the same log."""

    decisions: int
    customers: int
    seconds: float


def run(*, quick: bool) -> Report:
    """Make a log, take its decisions again, try a candidate, plant forgeries, and take the decisions again."""
    lives = QUICK_LIVES if quick else LIVES
    keys = Keys(**{name: secrets.token_bytes(32) for name in NAMES})
    with postgres() as server:
        database = server.create_database("gatehouse")
        migrate(database.conninfo)
        with psycopg.connect(database.conninfo, autocommit=True) as owner:
            begun = time.monotonic()
            with spared_collector():
                log = load_decided(owner, keys, lives)
            made = time.monotonic() - begun
            owner.execute("VACUUM ANALYZE")
            access = Access(service_conninfo(database.conninfo), keys, BENCH_READERS)
            untouched, tried = _turn("untouched", access), _tried(access)
            planted = {
                str(forge_decision(owner, after=log.position // 2)),
                str(forge_payload(owner, master=keys.master, after=log.middle)),
            }
            forged = _turn("two forgeries", access)
        measured = {"events": log.position, "made_s": round(made, 1), "postgresql": server.version()}
        return report(lives, (untouched, forged), planted, tried, measured)


def report(
    lives: int, turns: tuple[Turn, Turn], planted: set[str], tried: Tried, measured: dict[str, object]
) -> Report:
    """Compare with the targets: nothing in the untouched log, and the planted customers and no other afterwards."""
    untouched, forged = turns
    divergences, found = untouched.findings.divergent, len(planted & forged.named)
    beside, rate = len(forged.named - planted), round(untouched.per_second)
    memory = round(max(turn.process_mb for turn in turns), 1)
    figures = {
        "histories": lives,
        "decisions": untouched.findings.decisions.total(),
        "by_step": dict(sorted(untouched.findings.decisions.items())),
        "by_officers": untouched.findings.officers,
        "divergences": divergences,
        "planted": len(planted),
        "planted_found": found,
        "found_beside": beside,
        "decisions_per_s": rate,
        "trial": {
            "policy": CANDIDATE,
            "decisions": tried.decisions,
            "customers_otherwise": tried.customers,
            "seconds": round(tried.seconds, 1),
        },
        "process_mb": memory,
    }
    return Report(
        bench="decisions",
        figures={**figures, **measured},
        targets=[
            Target(name="divergences", measured=divergences, sense="at_most", bound=0),
            Target(name="planted_found", measured=found, sense="at_least", bound=len(planted)),
            Target(name="found_beside", measured=beside, sense="at_most", bound=0),
            Target(name="process_mb", measured=memory, sense="at_most", bound=LARGEST),
            Target(name="decisions_per_s", measured=rate, sense="at_least", bound=AT_LEAST),
        ],
        columns=("log", "decisions", "by officers", "divergences", "decisions/s", "s"),
        rows=[_row(turn) for turn in turns],
    )


def _turn(name: str, access: Access) -> Turn:
    """Take everything again."""
    begun, pages, largest = time.monotonic(), count(), 0.0

    def progress(_events: int) -> None:
        nonlocal largest
        if next(pages) % SAMPLES == 0:
            sizes = (memory_mb(process.pid) for process in multiprocessing.active_children() if process.pid)
            largest = max(largest, *sizes, 0.0)

    done = replay_decisions(access, processes=cores(), begun=_silent, progress=progress)
    return Turn(name, done.findings, time.monotonic() - begun, largest)


def _tried(access: Access) -> Tried:
    begun = time.monotonic()
    with tried_policy(access, CANDIDATE, processes=cores(), begun=_silent, progress=_silent) as run_:
        found = run_.findings
        return Tried(found.decisions, found.customers, time.monotonic() - begun)


def _silent(_events: int) -> None:
    """The last line is what counts."""


def _row(turn: Turn) -> list[str]:
    found = turn.findings
    return [
        turn.name,
        f"{found.decisions.total():,}",
        f"{found.officers:,}",
        f"{found.divergent:,}",
        f"{turn.per_second:,.0f}",
        f"{turn.seconds:.1f}",
    ]
