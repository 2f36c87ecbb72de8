"""Takes every decision of the log again from its evidence, and lists those that come out otherwise."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

from psycopg import Connection

from application.retaking import Retaken, Retaking
from infrastructure.collector import spared_collector
from infrastructure.replay.lives import Access, Life, Lives
from infrastructure.replay.processes import Progress, illegible_told, together
from infrastructure.replay.snapshot import reading, taken

LISTED: Final = 1000
"""Divergences that are listed of one range; all are counted."""


class Divergence(NamedTuple):
    """A decision that comes out otherwise, or cannot be taken again. Values are not told: they may be personal."""

    customer: str
    version: int
    event: str
    what: tuple[str, ...]
    """Fields that differ, events that are missing or unfounded, or what is wrong with the evidence."""


@dataclass(slots=True)
class DecisionFindings:
    """What came of a range."""

    events: int = 0
    customers: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    """Decisions that were taken again, by step."""
    officers: int = 0
    """Decisions of officers, which are not."""
    erased: int = 0
    """Of those taken again, how many rest on what was recorded alone, because the subject was erased."""
    divergent: int = 0
    listed: list[Divergence] = field(default_factory=list)

    def add(self, divergence: Divergence) -> None:
        """Count a divergence, and list it while there is room."""
        self.divergent += 1
        if len(self.listed) < LISTED:
            self.listed.append(divergence)

    def join(self, other: "DecisionFindings") -> None:
        """Take in what came of the next range."""
        self.events += other.events
        self.customers += other.customers
        self.decisions += other.decisions
        self.officers += other.officers
        self.erased += other.erased
        self.divergent += other.divergent
        self.listed += other.listed[: LISTED - len(self.listed)]


@dataclass(frozen=True, slots=True)
class RetakeTask:
    """Take the decisions of a range of customers again, up to a position of the log."""

    access: Access
    snapshot: str
    upto: int
    lowest: int
    highest: int

    def run(self, progress: Progress) -> DecisionFindings:
        """Do it."""
        findings = DecisionFindings()
        with reading(self.access.conninfo, self.snapshot) as connection:
            lives, retaking = opened(connection, self.access, self.upto)
            for page in lives.pages(self.lowest, self.highest):
                for life in page:
                    _retake(life, retaking, findings)
                progress(sum(life.events for life in page))
        return findings


@dataclass(frozen=True, slots=True)
class DecisionReplay:
    """What came of it, and up to which position of the log."""

    findings: DecisionFindings
    position: int


def opened(connection: Connection[Any], access: Access, upto: int) -> tuple[Lives, Retaking]:
    """Customers up to a position, and who takes their decisions again."""
    lives = Lives(connection, access, upto=upto)
    fingerprint = access.keys.fingerprint_of
    return lives, Retaking(readers=access.readers, fingerprint=fingerprint, others=lives.others)


def replay_decisions(access: Access, *, processes: int, begun: Progress, progress: Progress) -> DecisionReplay:
    """Take everything again. `begun` is told about how many events there are, `progress` how many more are done."""
    with taken(access.conninfo) as snapshot:
        head = snapshot.head
        events, ranges = snapshot.ranges(processes, head)
        begun(events)
        tasks = [RetakeTask(access, snapshot.name, head, *bounds) for bounds in ranges]
        if len(tasks) == 1:
            with illegible_told(), spared_collector():
                return DecisionReplay(tasks[0].run(progress), head)
        return DecisionReplay(together(tasks, progress), head)


def _retake(life: Life, retaking: Retaking, findings: DecisionFindings) -> None:
    """Take one customer's decisions again."""
    findings.customers += 1
    findings.events += life.events
    for divergence in _gaps(life):
        findings.add(divergence)
    for retaken in retaking.retake(life.history, life.evidence):
        _count(retaken, findings)
        if retaken.differs:
            opening = retaken.decision.opening
            what = tuple(dict.fromkeys(retaken.differs))
            findings.add(Divergence(str(life.stream), opening.version, opening.type, what))


def _count(retaken: Retaken, findings: DecisionFindings) -> None:
    if retaken.decision.by_policy:
        findings.decisions[retaken.decision.step] += 1
        findings.erased += retaken.erased
    else:
        findings.officers += 1


def _gaps(life: Life) -> Iterator[Divergence]:
    """Where a stream is not whole, or cannot be read to its end."""
    versions = [0, *(envelope.version for envelope in life.history)]
    for before, version in pairwise(versions):
        if version != before + 1:
            yield Divergence(str(life.stream), before + 1, "?", ("event missing",))
    if life.illegible:
        yield Divergence(str(life.stream), life.illegible.version, life.illegible.type, ("illegible",))
