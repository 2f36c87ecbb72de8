"""One server under test: its own process and process group, waited for by its port, and always stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.footprint import cpu_seconds, runs, tree
from bench.report import BenchError

ROOT: Final = Path(__file__).parent.parent
MODULES: Final = os.pathsep.join([str(ROOT), str(ROOT / "client")])
"""Where every process finds our modules."""
START_PATIENCE: Final = 60.0
STOP_PATIENCE: Final = 10.0
QUIET: Final = 0.1  # processor seconds per second below which a server counts as idle


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a server: the command for a given port, and what its environment adds to ours."""

    command: Callable[[int], Sequence[str]]
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    name: str
    pid: int
    port: int
    log: Path
    dress: Callable[[Iterable[bytes]], Iterator[bytes]] = iter
    """Gives requests the headers of this side."""

    def last_words(self) -> str:
        """Return the end of the server's output."""
        return self.log.read_text(errors="replace")[-3000:]

    def settle(self, *, patience: float = 20.0) -> float:
        """Wait until the server has done the work it left for later. Return the seconds that took."""
        start = time.monotonic()
        while time.monotonic() - start < patience:
            before = cpu_seconds(self.pid)
            time.sleep(0.2)
            if cpu_seconds(self.pid) - before <= QUIET * 0.2:
                break
        return time.monotonic() - start


def uvicorn(app: str, **environment: str) -> Launch:
    """Serve an application factory as Gatehouse serves its own: one process, uvloop, httptools, no access log."""

    def command(port: int) -> list[str]:
        options = "--factory --loop uvloop --http httptools --no-access-log --log-level warning --port"
        return [sys.executable, "-m", "uvicorn", app, *options.split(), str(port)]

    return Launch(command=command, environment=environment)


@contextmanager
def serving(name: str, launch: Launch, *, folder: Path) -> Iterator[Server]:
    """Run a server in `folder` while the block runs; its output goes to a file there. Raise BenchError if it dies."""
    port, log = free_port(), folder / f"{name}.log"
    environment = {**os.environ, "PYTHONPATH": MODULES, **launch.environment}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own command line
            launch.command(port), env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    server = Server(name=name, pid=process.pid, port=port, log=log)
    try:
        _wait_for(server, process)
        yield server
    finally:
        _stop(process)


@contextmanager
def serving_all(launches: Mapping[str, Launch], *, folder: Path) -> Iterator[dict[str, Server]]:
    """Run one server of each launch while the block runs."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving(name, launch, folder=folder)) for name, launch in launches.items()}


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.05)
    raise BenchError(f"{server.name} did not start:\n{server.last_words()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, end whatever of its group is left, and return when all of it is gone."""
    members = tree(process.pid)
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + STOP_PATIENCE
    while any(map(runs, members)) and time.monotonic() < deadline:
        time.sleep(0.01)
