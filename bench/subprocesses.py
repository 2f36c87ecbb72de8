"""A process of our own that answers one line of JSON with another, and ends when its input does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench.report import BenchError
from bench.server import MODULES


class Subprocess:
    """The bench's handle on it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, question: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- whatever JSON the process answers
        """Ask, and wait for the answer. Raise BenchError if the process ended instead."""
        self.tell(question)
        return self.answer()

    def tell(self, question: Mapping[str, Any]) -> None:
        """Ask without waiting, so that several processes work at once."""
        if self._process.stdin is None:
            raise BenchError("the process was started without pipes")
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:  # noqa: ANN401 -- the same
        """Wait for the answer to what was told."""
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise BenchError("a measuring process ended early; its message is above")
        return json.loads(line)


@contextmanager
def running(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Subprocess]:
    """Run `python -m module` while the block runs. It ends when its input does, so also when this process is killed."""
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": MODULES, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Subprocess(process)
    finally:
        process.kill()
        process.communicate()
