"""`serve` and `work`: the long-running processes.

`serve` answers HTTP and runs one `work` process beside it, so that projections and vendors' slowness never share an
interpreter with the API. The `work` process ends when its standard input does: with `serve`, a kill -9 included.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, get_args

import structlog
import typer
import uvicorn
import uvloop

from infrastructure.administration import sample_adopted
from infrastructure.api_keys import Role
from infrastructure.bootstrap import database, keys_for, open_services
from infrastructure.collector import spared_collector
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.embedded_postgres.errors import EmbeddedPostgresError
from infrastructure.faults import CannotStart
from infrastructure.http.app import create_app
from infrastructure.http.connections import Connections
from infrastructure.http.protocol import JoiningProtocol
from infrastructure.idempotency import IdempotencyKeys, keep_swept
from infrastructure.key_changes import issue_key
from infrastructure.keys.signing import announce_signing_key
from infrastructure.logs import set_up_logs
from infrastructure.projector import Projector
from infrastructure.sanctions.freshness import Reminder
from infrastructure.services import Services
from infrastructure.settings import Settings, load_settings
from infrastructure.transparency.builder import TreeBuilder
from infrastructure.transparency.copies import keep_copies
from infrastructure.transparency.publisher import Publisher
from infrastructure.webhooks.deliverer import Deliverer
from infrastructure.work.deadlines import keep_deadlines
from infrastructure.work.worker import Worker
from projections import PROJECTIONS

BACKLOG: Final = 2048
DRAIN: Final = 5
"""Seconds that requests under way have when the service is told to end."""
RESPAWN: Final = 0.5
LOOK: Final = 0.1
"""Seconds between two looks at the embedded database."""
SAID_AGAIN: Final = 10.0
"""Seconds after which we are told to end once more: what was under way may have lost it."""
NICENESS: Final = 10
"""Projections and vendors can wait; a caller of the API, on the same cores, cannot."""

log = structlog.get_logger()


def serve(overrides: dict[str, object], *, workers: bool) -> None:
    """Run the service until it is told to end."""
    settings = load_settings().model_copy(update=overrides)
    set_up_logs(settings.log_level)
    with listening(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        with database(settings, join=False) as ready:
            keys = keys_for(settings, ready.conninfo)
            if settings.mode == "production" and settings.public_url is None:
                raise CannotStart("production mode needs GATEHOUSE_PUBLIC_URL: challenges name it")

            async def run() -> None:
                async with open_services(settings, ready.conninfo, keys) as services:
                    await sample_adopted(services, settings)
                    await announce_signing_key(services, settings)
                    await _announce(services, settings)
                    with spared_collector():
                        async with answering(services, listener), asyncio.TaskGroup() as lives:
                            lives.create_task(keep_database(ready.server))
                            lives.create_task(Reminder(services).run())
                            lives.create_task(keep_copies(services.pool, settings.checkpoint_copies))
                            if workers:
                                lives.create_task(keep_working(settings, ready.conninfo))

            run_until_told(run)


def work(*, attached: bool) -> None:
    """Run projections and workers until told to end or, `attached`, until standard input ends."""
    settings = load_settings()
    set_up_logs(settings.log_level)
    _give_way()
    if attached:
        _end_with_input()
    if settings.database_url is None:
        raise CannotStart("`work` needs DATABASE_URL: an embedded database has its workers inside `serve`")
    with database(settings) as ready:
        keys = keys_for(settings, ready.conninfo)

        async def run() -> None:
            async with open_services(settings, ready.conninfo, keys) as services:
                await announce_signing_key(services, settings)
                projector = Projector(services.conninfo, PROJECTIONS)
                worker = Worker(services, projector.moved)
                builder = TreeBuilder(services.conninfo)
                lives = (
                    projector.run(),
                    worker.run(),
                    keep_deadlines(services),
                    keep_swept(IdempotencyKeys(services.pool)),
                    builder.run(),
                    Deliverer(services).run(),
                    Publisher(services, builder, timedelta(seconds=settings.checkpoint_seconds)).run(),
                )
                tasks = [asyncio.ensure_future(life) for life in lives]
                try:
                    with spared_collector():
                        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                except Exception as fault:
                    log.exception("work_failed", fault=type(fault).__name__)
                    raise SystemExit(1) from None
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

        run_until_told(run)


def _give_way() -> None:
    """Let others go first, also where Linux weighs sessions against each other instead of processes (sched(7))."""
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICENESS))


def run_until_told(main: Callable[[], Awaitable[None]]) -> None:
    """Run `main` on uvloop; SIGTERM and SIGINT end it in good order."""

    async def until_told() -> None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()

        def end() -> None:
            task.cancel()
            loop.call_later(SAID_AGAIN, end)

        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, end)
        with suppress(asyncio.CancelledError):
            await task

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_told())


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket that the service will answer on, taken before anything else is begun."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _taken((settings.host, settings.port)):
            listener.bind((settings.host, settings.port))
        yield listener


@contextmanager
def _taken(address: tuple[object, ...]) -> Iterator[None]:
    """Say in one line that an address cannot be had."""
    try:
        yield
    except OSError as fault:
        raise CannotStart(f"cannot listen on {address[0]}:{address[1]}: {fault.strerror}") from fault


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to `run_until_told`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def answering(services: Services, listener: socket.socket) -> AsyncIterator[None]:
    """Answer HTTP on `listener` until the context is left."""
    with _taken(listener.getsockname()):
        listener.listen(BACKLOG)  # two that were bound at the same moment learn here who came first
    app, connections = create_app(services), Connections(services.bounds.connections)
    config = uvicorn.Config(
        app,
        http=partial(JoiningProtocol, connections),  # type: ignore[arg-type] # uvicorn only calls it
        log_config=None,
        log_level="error",  # whoever floods us with what is not HTTP does not flood the log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",  # whatever is installed beside us: an upgrade would lead past our bounds
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN,
        lifespan="off",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    lives = [
        asyncio.create_task(life)
        for life in (
            app.state.exports.run(),
            app.state.feed.run(),
            app.state.authentication.run(),
            services.directory.follow(services.conninfo),
            connections.watch(),
        )
    ]
    for life in lives:
        life.add_done_callback(_mourn)
    try:
        yield
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        server.should_exit = True
        await asyncio.shield(serving)


def _mourn(life: "asyncio.Task[None]") -> None:
    """Say that a part of the service has ended which never should: the rest goes on."""
    if not life.cancelled() and (fault := life.exception()) is not None:
        log.error("life_ended", fault=type(fault).__name__, exc_info=fault)


async def keep_database(server: EmbeddedPostgres | None) -> None:
    """Start an embedded server again whenever it dies under us, for as long as it takes: its disk may be full."""
    while True:
        await asyncio.sleep(LOOK)
        if server is None or server.alive:
            continue
        log.error("database_died")
        try:
            server.stop()
            with closing(server.starting()) as looks:
                for _ in looks:
                    await asyncio.sleep(LOOK)
        except (EmbeddedPostgresError, OSError) as fault:
            log.error("database_does_not_start", fault=type(fault).__name__)  # noqa: TRY400 -- it is retried
            await asyncio.sleep(RESPAWN)


async def keep_working(settings: Settings, conninfo: str) -> None:
    """A `work` process, and another one whenever it dies."""
    given = {
        "DATABASE_URL": conninfo,
        "GATEHOUSE_DATA": str(settings.data),
        "GATEHOUSE_KEYS": str(settings.keys_folder),
        "GATEHOUSE_LOG_LEVEL": settings.log_level,
        "GATEHOUSE_HOST": settings.host,
        "GATEHOUSE_PORT": str(settings.port),
    }
    while True:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "infrastructure", "work", "--attached"),
            stdin=asyncio.subprocess.PIPE,
            env=os.environ | given,
            start_new_session=True,
        )
        try:
            await process.wait()
        finally:
            if process.stdin:
                process.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
        log.error("worker_died", status=process.returncode)
        await asyncio.sleep(RESPAWN)


def _end_with_input() -> None:
    """End this process when whoever started it is gone: in good order if it can, and whatever it waits for if not."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(DRAIN)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


async def _announce(services: Services, settings: Settings) -> None:
    """Say where to go, and on an embedded database the first time, with what."""
    typer.echo(f"Gatehouse ({settings.mode} mode) on {settings.url}, docs at {settings.url}/docs")
    if settings.database_url is not None or settings.mode == "production":
        return
    if await services.directory.was_issued("sandbox admin"):
        return
    typer.echo("A sandbox key per role and its secret, shown this once:")
    for role in get_args(Role):
        issued = await issue_key(services, role=role, name=f"sandbox {role}")
        typer.echo(f"  {role:8} {issued.key_id}  {issued.key}")
