"""The bench's handle on its load process (`bench.load`)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

from bench.job import Job, Outcome
from bench.report import BenchError
from bench.server import ROOT, Server

COMMAND: Final = (sys.executable, "-m", "bench.load")


class LoadGenerator:
    """One load process, used for every turn, so that all servers meet the same client."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def turn(self, server: Server, requests: list[bytes], *, expected_status: int, seconds: float) -> Outcome:
        """Load one server. Raise BenchError for any answer that is not the expected one, and for too few of them."""
        outcome = self._run(
            Job(
                port=server.port,
                requests=[request.decode("latin-1") for request in requests],
                expected_status=expected_status,
                seconds=seconds,
            )
        )
        if outcome.failures:
            raise BenchError(
                f"{server.name}: {outcome.failures} of {outcome.answered} answers were not {expected_status}. "
                f"The first:\n{outcome.first_failure}\n{server.last_words()}"
            )
        if outcome.answered < 2:  # noqa: PLR2004  # a percentile needs two
            raise BenchError(f"{server.name} answered {outcome.answered} requests in {seconds:g} s")
        return outcome

    def _run(self, job: Job) -> Outcome:
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise BenchError("the load process was started without pipes")
        questions.write(json.dumps(asdict(job)) + "\n")
        questions.flush()
        line = answers.readline()
        if not line:
            raise BenchError("the load process ended early; its message is above")
        return Outcome(**json.loads(line))


@contextmanager
def load_generator() -> Iterator[LoadGenerator]:
    """Run a load process while the block runs. It ends when its input does, so also when this process is killed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(  # noqa: S603  # our own command line
        COMMAND, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield LoadGenerator(process)
    finally:
        process.kill()
        process.communicate()
