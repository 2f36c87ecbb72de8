"""Tries a policy version on every decision of the log, in read-only transactions: whom it would have treated otherwise.

Each decision is judged in the state that was recorded up to it: what an earlier one would have come to changes nothing
for the later ones, which may not have happened at all.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TextIO

from application.trial import Trial, tried
from domain.policies.registry import STEPS
from infrastructure.faults import CannotStart
from infrastructure.replay.decisions import opened
from infrastructure.replay.lives import Access, Life
from infrastructure.replay.processes import Progress, together
from infrastructure.replay.snapshot import reading, taken


class Change(NamedTuple):
    """What decisions were, what they would be, and why."""

    was: str
    would_be: str
    reasons: tuple[str, ...]


@dataclass(slots=True)
class TrialFindings:
    """What came of a range."""

    events: int = 0
    decisions: int = 0
    """Decisions of the policy's step that were tried."""
    customers: int = 0
    """Customers that it would have treated otherwise at least once."""
    changes: Counter[Change] = field(default_factory=Counter)

    def join(self, other: "TrialFindings") -> None:
        """Take in what came of the next range."""
        self.events += other.events
        self.decisions += other.decisions
        self.customers += other.customers
        self.changes += other.changes


@dataclass(frozen=True, slots=True)
class TrialTask:
    """Try a policy on a range of customers. Whom it treats otherwise is written to `spool`, a line of JSON each."""

    access: Access
    snapshot: str
    policy: str
    spool: Path
    upto: int
    lowest: int
    highest: int

    def run(self, progress: Progress) -> TrialFindings:
        """Do it."""
        findings = TrialFindings()
        with (
            reading(self.access.conninfo, self.snapshot) as connection,
            self.spool.open("w", encoding="ascii") as spool,
        ):
            lives, retaking = opened(connection, self.access, self.upto)
            for page in lives.pages(self.lowest, self.highest):
                for life in page:
                    tries = (
                        (retaken.decision.opening.version, tried(retaken))
                        for retaken in retaking.retake(life.history, life.evidence, policy=self.policy)
                    )
                    _count(life, [(version, trial) for version, trial in tries if trial], findings, spool)
                progress(sum(life.events for life in page))
        return findings


@dataclass(frozen=True, slots=True)
class TrialRun:
    """What came of it, up to which position of the log, and the files that list whom it concerns, in order."""

    findings: TrialFindings
    position: int
    spools: tuple[Path, ...]

    def lines(self) -> Iterator[str]:
        """Whom it would have treated otherwise: an object of JSON for each decision, in the order of their ids."""
        for spool in self.spools:
            with spool.open(encoding="ascii") as lines:
                yield from (line.rstrip("\n") for line in lines)


@contextmanager
def tried_policy(
    access: Access, policy: str, *, processes: int, begun: Progress, progress: Progress
) -> Iterator[TrialRun]:
    """Try a policy in processes of their own. The list is there as long as the context."""
    known_policy(policy)
    with TemporaryDirectory(prefix="gatehouse-trial-") as folder, taken(access.conninfo) as snapshot:
        head = snapshot.head
        events, ranges = snapshot.ranges(processes, head)
        begun(events)
        spools = tuple(Path(folder) / str(number) for number in range(len(ranges)))
        tasks = [
            TrialTask(access, snapshot.name, policy, spool, head, *bounds)
            for spool, bounds in zip(spools, ranges, strict=True)
        ]
        yield TrialRun(together(tasks, progress), head, spools)


def summary(run: TrialRun, policy: str) -> dict[str, object]:
    """What came of it, without the list."""
    findings = run.findings
    return {
        "policy": policy,
        "step": STEPS[policy],
        "position": run.position,
        "decisions": findings.decisions,
        "otherwise": findings.changes.total(),
        "customers": findings.customers,
        "changes": [
            described(change) | {"decisions": decisions} for change, decisions in findings.changes.most_common()
        ],
    }


def known_policy(policy: str) -> None:
    """Raise `CannotStart` for a name that no policy has."""
    if policy not in STEPS:
        raise CannotStart(f"a policy is one of {', '.join(sorted(STEPS))}")


def _count(life: Life, tries: list[tuple[int, Trial]], findings: TrialFindings, spool: TextIO) -> None:
    """Count one customer's decisions, and write down those that would be otherwise."""
    findings.events += life.events
    findings.decisions += len(tries)
    otherwise = [(version, trial) for version, trial in tries if trial.otherwise]
    findings.customers += bool(otherwise)
    for version, (was, would_be) in otherwise:
        change = Change(was.verdict, would_be.verdict, tuple(map(str, would_be.reasons)))
        findings.changes[change] += 1
        line = {"customer": str(life.stream), "version": version, **described(change)}
        spool.write(json.dumps(line) + "\n")


def described(change: Change) -> dict[str, object]:
    """A change as JSON."""
    return {"was": change.was, "wouldBe": change.would_be, "reasons": list(change.reasons)}
