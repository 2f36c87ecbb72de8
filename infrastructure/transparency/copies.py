"""Second places for checkpoints: folders, object stores, webhooks. Whoever holds a copy need not trust ours.

A place gets the newest checkpoint, which vouches for all before it. One that fails is asked again, and again, and
keeps nobody waiting; of its URL, which may hold a secret, no word is said.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import httpx2
import structlog

from infrastructure.metrics import CHECKPOINT_COPIES
from infrastructure.postgres import AWAY
from infrastructure.reading import Pool
from infrastructure.transparency.checkpoints import CheckpointContradicts, newest_checkpoint

LOOK: Final = 5.0
"""Seconds between two looks."""
LONGEST_PAUSE: Final = 300.0
"""Seconds that a place which keeps failing is left alone at most."""
PATIENCE: Final = 15.0
"""Seconds that one delivery may take."""
NOTE: Final = "text/plain; charset=utf-8"

Deliver = Callable[[int, str], Awaitable[None]]
"""Takes a checkpoint's size and the note. Raises `NotTaken`."""

log = structlog.get_logger()


class NotTaken(Exception):
    """A place did not take a checkpoint; says why, without saying where."""


class Folder:
    """A file a checkpoint, each whole or not there."""

    kind: Final = "folder"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def deliver(self, size: int, note: str) -> None:
        """Write the file, unless it is there. Raises `NotTaken`."""
        try:
            await asyncio.to_thread(self._write, size, note.encode())
        except OSError as fault:
            raise NotTaken(fault.strerror or type(fault).__name__) from None

    def _write(self, size: int, note: bytes) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        path = self._path / f"{size}.checkpoint"
        draft = path.with_suffix(f".{os.getpid()}.new")
        with draft.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


class Remote:
    """An object store, whose URL ends in a slash: one object a checkpoint. Any other URL is posted to."""

    kind: Final = "http"

    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self._url = url
        self._client = client

    async def deliver(self, size: int, note: str) -> None:
        """Send it. Raises `NotTaken`."""
        store = self._url.endswith("/")
        method, url = ("PUT", f"{self._url}{size}.checkpoint") if store else ("POST", self._url)
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._client.stream(method, url, content=note.encode(), headers={"Content-Type": NOTE}) as response,
            ):
                status = response.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as fault:
            raise NotTaken(type(fault).__name__) from None
        if not response.is_success:
            raise NotTaken(f"status {status}")


async def keep_copies(pool: Pool, places: str) -> None:
    """Bring every place, of which `places` names any number with commas between them, up to the newest checkpoint."""
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as client, asyncio.TaskGroup() as lives:
        for number, place in enumerate(filter(None, map(str.strip, places.split(","))), 1):
            found = Remote(place, client) if place.startswith(("http://", "https://")) else Folder(Path(place))
            lives.create_task(Copier(pool, found, number).run())


class Copier:
    """Keeps one place up to date."""

    def __init__(self, pool: Pool, place: Folder | Remote, number: int) -> None:
        """`number`: what the place is called where it is told of, as the setting counts them."""
        self._pool = pool
        self._place = place
        self._number = number
        self._size = 0
        self.pause = LOOK
        """Seconds until the next look."""

    async def run(self) -> None:
        """Look for good."""
        while True:
            try:
                await self.look()
            except (*AWAY, CheckpointContradicts) as fault:
                log.warning("copies_interrupted", fault=type(fault).__name__)
            await asyncio.sleep(self.pause)

    async def look(self) -> None:
        """Deliver the newest checkpoint, unless the place has it."""
        async with self._pool.connection() as connection:
            published = await newest_checkpoint(connection)
        if published is None or published.event.size <= self._size:
            return
        size = published.event.size
        try:
            await self._place.deliver(size, published.event.note)
        except NotTaken as fault:
            self._failed(size, str(fault))
        except Exception as fault:  # noqa: BLE001 -- whatever others' servers do, the service goes on
            self._failed(size, type(fault).__name__)
        else:
            self._size, self.pause = size, LOOK
            CHECKPOINT_COPIES.labels(self._place.kind, "copied").inc()

    def _failed(self, size: int, why: str) -> None:
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
        CHECKPOINT_COPIES.labels(self._place.kind, "failed").inc()
        log.warning("checkpoint_not_copied", place=self._number, kind=self._place.kind, size=size, why=why)
