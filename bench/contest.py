"""A contest: several servers under the same load, in turns, round after round.

Absolute figures move with the machine's mood; the ratio of two turns of one round holds. So every comparison is the
median of the rounds' ratios, and nobody always comes after the same one. Before each turn, every server has finished
what the turns before left it to do.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Final

from rich.console import Console
from rich.progress import Progress

from bench.footprint import cpu_seconds, watch_memory
from bench.job import Outcome
from bench.load_generator import LoadGenerator
from bench.server import Server

REQUESTS_PER_SECOND: Final = 8000  # prepared for each second of a turn; a turn ends early when they run out

THROUGHPUT: Final = attrgetter("load.requests_per_s")
P50: Final = attrgetter("load.p50_ms")
P99: Final = attrgetter("load.p99_ms")
LOAD_CPU: Final = attrgetter("load.cpu_us_per_request")
SERVER_CPU: Final = attrgetter("server_cpu_us")
SETTLING: Final = attrgetter("settling_s")
DISTURBANCE: Final = attrgetter("disturbance")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: float
    warm_up: float = 1.0


QUICK: Final = Plan(rounds=5, seconds=1.0)
FULL: Final = Plan(rounds=15, seconds=2.5, warm_up=3.0)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One server's turn."""

    load: Outcome
    server_cpu_us: float  # a request, without what was left for later
    peak_mb: float
    settling_s: float  # after the turn
    disturbance: float  # processor time the other servers took during the turn, as a share of its length


@dataclass(frozen=True, kw_only=True)
class Contest:
    """The turns of every side, in the order of the rounds."""

    turns: Mapping[str, Sequence[Turn]]

    def median(self, side: str, figure: Callable[[Turn], float]) -> float:
        """Return the median of a figure over a side's turns."""
        return statistics.median(figure(turn) for turn in self.turns[side])

    def ratio(self, side: str, other: str, figure: Callable[[Turn], float]) -> float:
        """Return the median over the rounds of `side`'s figure divided by `other`'s."""
        pairs = zip(self.turns[side], self.turns[other], strict=True)
        return statistics.median(figure(ours) / figure(theirs) for ours, theirs in pairs)

    def peak_mb(self, side: str) -> float:
        """Return the highest memory seen in any turn."""
        return max(turn.peak_mb for turn in self.turns[side])


def hold(
    servers: Sequence[Server],
    traffic: Iterator[bytes],
    *,
    generator: LoadGenerator,
    plan: Plan,
    expected_status: int,
) -> Contest:
    """Warm every server up, then give each a turn per round. In one round all get the same requests."""
    turns: dict[str, list[Turn]] = {server.name: [] for server in servers}
    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        task = progress.add_task("warming up", total=len(servers) * (plan.rounds + 1))
        for number in range(plan.rounds + 1):
            seconds = plan.seconds if number else plan.warm_up
            requests = list(islice(traffic, int(REQUESTS_PER_SECOND * seconds)))
            for server in servers if number % 2 else servers[::-1]:
                others = [other for other in servers if other is not server]
                own = [*server.dress(requests)]
                job = partial(generator.turn, server, own, expected_status=expected_status, seconds=seconds)
                taken = take_turn(server, others, job)
                if number:
                    turns[server.name].append(taken)
                progress.update(task, advance=1, description=f"round {number} of {plan.rounds}", refresh=True)
    return Contest(turns=turns)


def take_turn(server: Server, others: Sequence[Server], load: Callable[[], Outcome]) -> Turn:
    """Load one server, and wait until it is idle again."""
    start, own, foreign = time.monotonic(), used(server), used(*others)
    with watch_memory(server.pid) as peak:
        outcome = load()
    return Turn(
        load=outcome,
        server_cpu_us=1e6 * (used(server) - own) / outcome.answered,
        disturbance=(used(*others) - foreign) / (time.monotonic() - start),
        peak_mb=peak.mb,
        settling_s=server.settle(),
    )


def used(*servers: Server) -> float:
    """Return the processor time the servers have used so far, in seconds."""
    return sum(cpu_seconds(server.pid) for server in servers)
