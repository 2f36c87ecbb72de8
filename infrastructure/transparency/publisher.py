"""The publisher: signs what the tree has come to, on a schedule, and puts it on record.

Only where the tree is built: one process of many. What keeps it from publishing is told, and tried again.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from application.ports import Unavailable
from application.transparency.notes import parse_checkpoint
from infrastructure.faults import KeyProblem
from infrastructure.postgres import AWAY
from infrastructure.services import Services
from infrastructure.transparency.builder import TreeBuilder
from infrastructure.transparency.checkpoints import CheckpointContradicts, publish_if_due
from infrastructure.transparency.tile_store import TilesMissing

LOOK: Final = 1.0
"""Seconds between two looks."""
PAUSE: Final = 10.0
"""The same, after one that failed."""

log = structlog.get_logger()


class Publisher:
    """Publishes a checkpoint `every` so often, while there is anything new."""

    def __init__(self, services: Services, builder: TreeBuilder, every: timedelta) -> None:
        self._services = services
        self._builder = builder
        self._every = every

    async def run(self) -> None:
        """Look for good."""
        while True:
            failed = self._builder.leads and not await self.look()
            await asyncio.sleep(PAUSE if failed else LOOK)

    async def look(self) -> bool:
        """Publish, if it is time to. False where that failed."""
        try:
            note = await publish_if_due(self._services, self._every)
        except (Unavailable, *AWAY) as fault:
            log.warning("checkpoint_delayed", fault=type(fault).__name__)
            return False
        except (TilesMissing, CheckpointContradicts, KeyProblem) as fault:
            log.error("checkpoint_not_published", fault=type(fault).__name__)  # noqa: TRY400 -- it is tried again
            return False
        if note is not None:
            log.info("checkpoint_published", size=parse_checkpoint(note.text).size)
        return True
