"""Orders for exports, carried out one at a time in a process beside the service.

What a process before left unfinished is gone on with. Whoever's bundle it is is on record before it can be fetched.
"""

import asyncio
import json
import zipfile
from contextlib import suppress
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import psycopg
import structlog

from application.ports import Unavailable
from infrastructure.exports.asked import Asked
from infrastructure.exports.beside import Died, beside
from infrastructure.exports.bundle import Made, Writing
from infrastructure.exports.order_folder import Failed, Finished, Order, OrderFolder, Outcome
from infrastructure.exports.production import Exporter, NothingRecorded, produce
from infrastructure.exports.progress import unheard
from infrastructure.exports.target import Held
from infrastructure.faults import CannotStart
from infrastructure.postgres import AWAY
from infrastructure.services import Services

LOOK: Final = 60.0
"""Seconds from one look for what is unfinished, or was kept long enough, to the next."""

log = structlog.get_logger()


class UnderWay(Exception):
    """Another export is being made."""


class ExportJobs:
    """The orders of this service's auditors."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._orders = services.exports
        self._ordered = asyncio.Event()

    def begin(self, asked: Asked, *, reader: UUID, actor: str, order_id: UUID | None = None) -> OrderFolder:
        """Take an order; one that was taken before is the same one. Raises `UnderWay` and `OSError`."""
        order_id = order_id or uuid4()
        if taken := self.find(order_id, reader=reader):
            return taken
        if any(order.outcome is None for order in self._orders.all()):
            raise UnderWay
        taken = self._orders.take(order_id, Order(asked, reader, actor, self._services.clock()))
        self._ordered.set()
        return taken

    def find(self, order_id: UUID, *, reader: UUID) -> OrderFolder | None:
        """An order, for whoever gave it."""
        found = self._orders.find(order_id)
        return found if found and found.order.reader == reader else None

    async def run(self) -> None:
        """Carry out what is ordered or unfinished, and remove what was kept long enough, for good."""
        while True:
            self._ordered.clear()
            self._orders.clear(self._services.clock())
            for order in [*self._orders.all()]:
                if order.outcome is None:
                    await self._carry_out(order)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._ordered.wait()

    async def _carry_out(self, taken: OrderFolder) -> None:
        """Make one bundle, and note what came of it. What comes right by itself is left for the next look."""
        try:
            taken.conclude(await self._outcome(taken))
        except (*AWAY, Unavailable, Held, OSError) as fault:
            log.warning("export_interrupted", export=str(taken.id), fault=type(fault).__name__)

    async def _outcome(self, taken: OrderFolder) -> Outcome:
        """What comes of an order."""
        order, target = taken.order, taken.target
        try:
            if not target.path.exists():  # else only the last word is missing
                await produce(self._services, order.asked, target, Exporter(order.actor, order.reader), _write)
            return await asyncio.to_thread(_finished, target.path)
        except NothingRecorded:
            return Failed("nothing_recorded")
        except (*AWAY, Unavailable, Held):
            raise
        except CannotStart as fault:
            log.error("export_failed", export=str(taken.id), fault=type(fault).__name__, why=str(fault))  # noqa: TRY400 -- the line says it
        except (Died, OSError, psycopg.Error) as fault:
            log.error("export_failed", export=str(taken.id), fault=type(fault).__name__)  # noqa: TRY400 -- the same
        except Exception as fault:  # the edge of this order: whoever waits is told
            log.exception("export_failed", export=str(taken.id), fault=type(fault).__name__)
        return Failed("export_failed")


async def _write(writing: Writing) -> Made:
    """How far it has come is in the target's state."""
    return await beside(partial(writing.run, unheard))


def _finished(path: Path) -> Finished:
    """What is said of a bundle, from itself."""
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read("manifest.json")
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    told = json.loads(manifest)
    size = told["checkpoint"]["size"]
    return Finished(told["entries"], size, sha256(manifest).hexdigest(), path.stat().st_size, digest)
