"""A contest in figures (for the JSON line) and rows (for the table)."""

import os
import platform
from collections.abc import Sequence

from bench.contest import (
    DISTURBANCE,
    LOAD_CPU,
    P50,
    P99,
    SERVER_CPU,
    SETTLING,
    THROUGHPUT,
    Contest,
    Plan,
)


def ratios(contest: Contest, ours: str, others: Sequence[str]) -> dict[str, float]:
    """Return our throughput as a multiple of each other side's."""
    return {other: round(contest.ratio(ours, other, THROUGHPUT), 3) for other in others}


def figures(contest: Contest, plan: Plan) -> dict[str, object]:
    """Return the absolute figures, medians over the rounds, and how they were taken."""
    sides = list(contest.turns)
    return {
        "requests_per_s": {side: round(contest.median(side, THROUGHPUT), 1) for side in sides},
        "p50_ms": {side: round(contest.median(side, P50), 2) for side in sides},
        "p99_ms": {side: round(contest.median(side, P99), 2) for side in sides},
        "server_cpu_us_per_request": {side: round(contest.median(side, SERVER_CPU)) for side in sides},
        "load_cpu_us_per_request": {side: round(contest.median(side, LOAD_CPU), 1) for side in sides},
        "memory_mb": {side: round(contest.peak_mb(side), 1) for side in sides},
        "memory_is": "peak PSS of the server's process tree, without PostgreSQL",
        "settling_s": {side: round(contest.median(side, SETTLING), 1) for side in sides},
        "disturbance": {side: round(contest.median(side, DISTURBANCE), 3) for side in sides},
        "plan": {"rounds": plan.rounds, "seconds": plan.seconds, "connections": 32},
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
    }


def columns(ours: str) -> list[str]:
    """Return the table's head."""
    return ["side", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "peak MB", "settling s", f"{ours} ÷ it"]


def rows(contest: Contest, ours: str) -> list[list[str]]:
    """Return a row per side."""
    return [
        [
            side,
            f"{contest.median(side, THROUGHPUT):,.0f}",
            f"{contest.median(side, P50):.1f}",
            f"{contest.median(side, P99):.1f}",
            f"{contest.median(side, SERVER_CPU):,.0f}",
            f"{contest.peak_mb(side):.0f}",
            f"{contest.median(side, SETTLING):.1f}",
            f"{contest.ratio(ours, side, THROUGHPUT):.2f}",
        ]
        for side in contest.turns
    ]
