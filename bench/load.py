"""A cheap closed-loop HTTP/1.1 client: `python -m bench.load`, a process of its own.

One job per line of standard input, one outcome per line of standard output, both JSON; it ends with its input.
Each connection sends its next prepared request as soon as the last one is answered.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from time import perf_counter, process_time
from typing import Final, cast

import uvloop

from bench.job import Job, Outcome

HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
PATIENCE: Final = 30.0  # seconds without the last answer before a run is given up


class Run:
    """One job under way: the requests left, the latencies seen."""

    def __init__(self, job: Job, requests: Iterator[bytes]) -> None:
        self.requests = requests
        self.status_line = b"HTTP/1.1 %d " % job.expected_status
        self.latencies: list[float] = []
        self.in_time = 0
        self.deadline = 0.0
        self.failures = 0
        self.first_failure = ""
        self.open = job.connections
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next_request(self, now: float) -> bytes | None:
        """Return the next request, or None once time or requests have run out; both end the timed window."""
        if now < self.deadline:
            request = next(self.requests, None)
            if request is not None:
                return request
            self.deadline = now
        return None

    def fail(self, reason: str) -> None:
        """Count a failure, and keep the first one's words."""
        self.failures += 1
        self.first_failure = self.first_failure or reason


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buffer = b""
        self.sent = 0.0
        self.through = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self.transport = cast("asyncio.Transport", transport)

    def send(self, now: float) -> None:
        """Send the next request, or leave."""
        request = self.run.next_request(now)
        if request is None:
            self.leave()
        else:
            self.sent = now
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Put an answer together, however it was cut."""
        self.buffer = answer = self.buffer + data if self.buffer else data
        end = answer.find(HEAD_END)
        if end < 0:
            return
        at = answer.find(LENGTH, 0, end)
        if at < 0:
            self.run.fail(f"no content-length in {answer[:300]!r}")
            self.leave()
            return
        length = int(answer[at + len(LENGTH) : answer.find(b"\r", at)])
        if len(answer) < end + len(HEAD_END) + length:
            return
        self.buffer = b""
        self.take(answer)

    def take(self, answer: bytes) -> None:
        """Record one whole answer and go on."""
        run, now = self.run, perf_counter()
        if not answer.startswith(run.status_line):
            run.fail(answer[:600].decode("latin-1"))
        run.latencies.append(now - self.sent)
        run.in_time += now < run.deadline
        self.send(now)

    def leave(self) -> None:
        """Stop counting on this connection, and close it."""
        if not self.through:
            self.through = True
            self.transport.close()
            self.run.open -= 1
            if self.run.open == 0 and not self.run.done.done():
                self.run.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count a connection that the server ended."""
        if not self.through:
            self.run.fail(f"the server closed the connection ({exc})")
            self.leave()


async def drive(job: Job) -> Outcome:
    """Connect, then send until time or requests run out. Answers after the deadline count as latencies only."""
    run = Run(job, iter([request.encode("latin-1") for request in job.requests]))
    connect = asyncio.get_running_loop().create_connection
    made = [await connect(lambda: Connection(run), "127.0.0.1", job.port) for _ in range(job.connections)]
    cpu, start = process_time(), perf_counter()
    run.deadline = start + job.seconds
    for _, connection in made:
        connection.send(perf_counter())
    try:
        await asyncio.wait_for(run.done, job.seconds + PATIENCE)
    except TimeoutError:
        run.fail(f"no answer for {PATIENCE:g} s")
    return Outcome.of(
        run.latencies,
        in_time=run.in_time,
        seconds=run.deadline - start,
        cpu_seconds=process_time() - cpu,
        failures=run.failures,
        first_failure=run.first_failure,
    )


def main() -> None:
    """Answer one job after another until standard input ends."""
    gc.disable()
    for line in sys.stdin:
        print(json.dumps(asdict(uvloop.run(drive(Job(**json.loads(line)))))), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
