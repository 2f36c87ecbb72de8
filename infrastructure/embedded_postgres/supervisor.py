"""Starts a PostgreSQL on a data folder, and ends it: with `stop`, with this process, and with a kill -9 of it too.

The data folder holds `cluster` (PostgreSQL's own), `password`, `postgres.log`, two locks and, where possible, `run`
(the socket). As root the server runs as another user, and the data folder may lie where that user cannot go, such
as below a `mktemp -d`: the server gets the cluster as an open file, and its /proc/self/fd/N leads there without a
path. The death signal is SIGQUIT: no backend can delay it, and the WAL has every commit.
"""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from psycopg.conninfo import make_conninfo

from infrastructure.embedded_postgres import binaries, cluster
from infrastructure.embedded_postgres.errors import NotTheMainThread, ServerFailed
from infrastructure.embedded_postgres.launch import Launch
from infrastructure.embedded_postgres.locks import held, server_is_gone, without_server
from infrastructure.embedded_postgres.place import account_for, place_for

PORT: Final = "5432"  # only names the socket
ORPHAN_SECONDS: Final = 15  # for the server of a killed process to end
LOOK: Final = 0.01
READY_SECONDS: Final = 300  # crash recovery may have a gigabyte of WAL to replay, and starts anew if interrupted
STOPPING: Final = {signal.SIGINT: 15, signal.SIGQUIT: 10, signal.SIGKILL: 5}  # the seconds each gets
SETTINGS: Final = {
    "listen_addresses": "",
    "port": PORT,
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",
    # More people read a log than the database: no statements, no parameters, no values of a violated key.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}


class EmbeddedPostgres:
    """A PostgreSQL server for the folder `data`, with `settings` over the usual ones. A context manager.

    `fresh` tells whether the last start made the database cluster; `password` is the superuser's.
    """

    fresh: bool = False
    password: str = ""

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        self._data = data.absolute()
        self._cluster = self._data / "cluster"
        self._settings = {**SETTINGS, **(settings or {})}
        self._run = self._data / "run"
        self._server: subprocess.Popen[bytes] | None = None
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None while there is none."""
        return self._server.pid if self._server else None

    @property
    def alive(self) -> bool:
        """Whether the server runs. It may end without us: killed, or out of memory."""
        return self._server is not None and self._server.poll() is None

    def conninfo(self, dbname: str = "postgres", user: str = "postgres") -> str:
        """A libpq connection string, the same after every start. Other roles must have been given `password` too."""
        return make_conninfo(host=str(self._run), port=PORT, user=user, password=self.password, dbname=dbname)

    def start(self) -> None:
        """Return when the server accepts connections; or raise an `EmbeddedPostgresError` and leave nothing running."""
        for _ in self.starting():
            time.sleep(LOOK)

    def starting(self) -> Generator[None, None, None]:
        """`start`, for whoever has something else to do while the server recovers: a look at each step."""
        if threading.current_thread() is not threading.main_thread():
            raise NotTheMainThread
        with ExitStack() as undo:
            undo.enter_context(held(self._data))
            with without_server(self._data, within=ORPHAN_SECONDS) as lock:
                account = account_for(self._cluster)
                place = undo.enter_context(place_for(self._data, account))
                programs = binaries.find().within_reach(place, account, lasting=place == self._data)
                launch = Launch.with_log(self._data / "postgres.log", programs=programs, account=account, lock=lock)
                self.fresh = not self._cluster.exists()
                if self.fresh:
                    cluster.make(self._data, launch)
                undo.callback(self._end)
                self._server = self._serve(launch, place / "run")
            yield from self._await_ready(self._server, launch)
            self._running = undo.pop_all()

    def stop(self) -> None:
        """End the server: disconnect everybody, write a checkpoint; sterner if that takes long. Harmless twice."""
        self._running.close()

    def kill(self) -> None:
        """End the server as a crash would, for drills; `start` recovers."""
        if self._server:
            self._server.kill()
        self.stop()

    def _serve(self, launch: Launch, run: Path) -> subprocess.Popen[bytes]:
        """Launch the server on the cluster, with its socket in `run`."""
        cluster.check_major(self._cluster, launch.programs.major)
        cluster.forget_stale_pid(self._cluster)
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(mode=0o700)
        launch.account.give(run)
        self._run = run
        self.password = cluster.password(self._data)
        settings = {**self._settings, "unix_socket_directories": str(run)}
        return launch.program(
            "postgres",
            *(argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")),
            cluster=self._cluster,
            death=signal.SIGQUIT,
            stdin=subprocess.DEVNULL if sys.platform == "linux" else subprocess.PIPE,
        )

    def _await_ready(self, server: subprocess.Popen[bytes], launch: Launch) -> Iterator[None]:
        """Look until the server accepts connections; `ServerFailed` if it ends first."""
        deadline = time.monotonic() + READY_SECONDS
        while not cluster.is_ready(self._cluster, server.pid):
            if server.poll() is not None:
                raise ServerFailed("PostgreSQL ended", launch.last_words())
            if time.monotonic() > deadline:
                raise ServerFailed("PostgreSQL does not get ready", launch.last_words())
            yield

    def _end(self) -> None:
        """End the server, and wait for its last process: after a crash they outlive the postmaster by a little."""
        server, self._server = self._server, None
        if server is None:
            return
        with server:  # closes its pipe
            for number, seconds in STOPPING.items():
                server.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    server.wait(timeout=seconds)
                    break
            server_is_gone(self._data, within=ORPHAN_SECONDS)
