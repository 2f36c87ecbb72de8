"""`serve` in a drill: killed and started again on one port, and gone with the drill, however that ends.

The kernel kills it when the drill's main thread is gone (infrastructure/embedded_postgres/launcher.py), and its work
process and embedded database end with it.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx2

from bench.footprint import runs, tree
from bench.report import BenchError
from bench.server import MODULES, free_port
from infrastructure.embedded_postgres import launcher

PATIENCE: Final = 60.0
LOOK: Final = 0.01
_KEY: Final = re.compile(r"^  (\w+) +[0-9a-f-]{36}  (gh_\w+_[\w-]{43})$", re.MULTILINE)
SERVE: Final = (sys.executable, "-m", "infrastructure", "serve", "--port")


class DrilledService:
    """One service on one port. `within` goes before its command line, such as what gives it a disk of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str], within: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.log = folder / "serve.log"
        self._folder = folder
        self._environment = _plain() | {"GATEHOUSE_DATA": str(data_of(folder)), **environment}
        self._within = within
        self._process: subprocess.Popen[bytes] | None = None
        self._members: set[int] = set()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of `serve`."""
        if self._process is None:
            raise BenchError("the service was not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether `serve` runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def workers(self) -> list[int]:
        """Its work processes."""
        return [process for process in tree(self.pid)[1:] if _does(process, b"work")]

    async def start(self) -> None:
        """Return when it answers. Raises `BenchError` where it does not."""
        bound = (sys.executable, "-I", "-S", launcher.__file__)
        life = map(str, (os.getpid(), int(signal.SIGKILL), os.geteuid(), os.getegid()))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 -- starts at once; our own command line
                [*bound, *life, *self._within, *SERVE, str(self.port)],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False) as client:

            async def answers() -> bool:
                if not self.alive:
                    raise BenchError(f"the service did not start:\n{self.last_words()}")
                with suppress(httpx2.HTTPError):
                    return (await client.get("/health/live", timeout=1)).is_success
                return False

            await until(answers, "the service answers")

    def keys(self) -> dict[str, str]:
        """A key's secret for each role, which a sandbox with a database of its own shows when it is first started."""
        return dict(_KEY.findall(self.log.read_text()))

    def kill(self) -> None:
        """Kill -9 of `serve` alone; the rest of it ends by itself."""
        self._members |= set(tree(self.pid))
        if self._process:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """Kill all of it, and return when it is gone. Harmless where nothing was started."""
        if self._process is None:
            return
        self._members |= set(tree(self.pid))
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        for process in self._members:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()

    def last_words(self) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-3000:]


@contextmanager
def drilled(folder: Path, environment: Mapping[str, str], within: Sequence[str] = ()) -> Iterator[DrilledService]:
    """A service that is gone when the block is left."""
    service = DrilledService(folder, environment, within)
    try:
        yield service
    finally:
        service.end()


def data_of(folder: Path) -> Path:
    """Where the service keeps its own, its keys above all."""
    return folder / "data"


async def until(condition: Callable[[], Awaitable[bool]], what: str, *, within: float = PATIENCE) -> None:
    """Look until `condition` holds. Raises `BenchError` where that takes too long."""
    deadline = asyncio.get_running_loop().time() + within
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise BenchError(f"not within {within:g} s: {what}")
        await asyncio.sleep(LOOK)


def _plain() -> dict[str, str]:
    """Our environment, without what would change how the service behaves."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GATEHOUSE_", "POSTGRES_"))}
    ours.pop("DATABASE_URL", None)
    return ours | {"PYTHONPATH": MODULES, "PYTHONUNBUFFERED": "1"}


def _does(process: int, command: bytes) -> bool:
    with suppress(OSError):
        return runs(process) and command in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return False
