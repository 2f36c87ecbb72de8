"""What the load process is asked, and what it answers."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to send to a local port. `requests` are raw HTTP/1.1 bytes read as latin-1, each sent once."""

    port: int
    requests: list[str]
    expected_status: int
    seconds: float
    connections: int = 32


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came back. Latencies in milliseconds; `failures` counts answers with another status and lost connections."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    answered: int
    cpu_us_per_request: float
    failures: int
    first_failure: str

    @classmethod
    def of(  # noqa: PLR0913  # what a run has measured
        cls,
        latencies: Sequence[float],
        *,
        in_time: int,
        seconds: float,
        cpu_seconds: float,
        failures: int = 0,
        first_failure: str = "",
    ) -> Self:
        """Summarise latencies in seconds, of which `in_time` lie within the timed window."""
        enough = list(latencies) if len(latencies) > 1 else [0.0, 0.0]
        percentiles = statistics.quantiles(enough, n=100, method="inclusive")
        return cls(
            requests_per_s=in_time / seconds if seconds > 0 else 0.0,
            p50_ms=1000 * percentiles[49],
            p99_ms=1000 * percentiles[98],
            answered=len(latencies),
            cpu_us_per_request=1e6 * cpu_seconds / max(1, len(latencies)),
            failures=failures,
            first_failure=first_failure,
        )
