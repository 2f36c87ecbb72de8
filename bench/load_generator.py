"""The bench's handle on its load process (`bench.load`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from bench.job import Job, Outcome
from bench.report import BenchError
from bench.server import Server
from bench.subprocesses import Subprocess, running


class LoadGenerator:
    """One load process, used for every turn, so that all servers meet the same client."""

    def __init__(self, process: Subprocess) -> None:
        self._process = process

    def turn(self, server: Server, requests: list[bytes], *, expected_status: int, seconds: float) -> Outcome:
        """Load one server. Raise BenchError for any answer that is not the expected one, and for too few of them."""
        job = Job(
            port=server.port,
            requests=[request.decode("latin-1") for request in requests],
            expected_status=expected_status,
            seconds=seconds,
        )
        outcome = Outcome(**self._process.ask(asdict(job)))
        if outcome.failures:
            raise BenchError(
                f"{server.name}: {outcome.failures} of {outcome.answered} answers were not {expected_status}. "
                f"The first:\n{outcome.first_failure}\n{server.last_words()}"
            )
        if outcome.answered < 2:  # noqa: PLR2004  # a percentile needs two
            raise BenchError(f"{server.name} answered {outcome.answered} requests in {seconds:g} s")
        return outcome


@contextmanager
def load_generator() -> Iterator[LoadGenerator]:
    """Run a load process while the block runs."""
    with running("bench.load") as process:
        yield LoadGenerator(process)
