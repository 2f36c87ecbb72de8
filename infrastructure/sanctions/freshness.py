"""How current the sanctions list in force is: for readiness, metrics, and the log once a day."""

import asyncio
import math
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from domain.events import SanctionsListPublished
from domain.sanctions import age, stale
from infrastructure.metrics import SANCTIONS_LIST_AGE, SANCTIONS_LIST_SAMPLE
from infrastructure.postgres import AWAY
from infrastructure.reading import Pool
from infrastructure.screening.ofac import adopted_list
from infrastructure.services import Services

EVERY: Final = timedelta(days=1)
"""How often the log says the same again."""
LOOK: Final = 600.0
"""Seconds between two looks."""

log = structlog.get_logger()


async def sanctions_warnings(pool: Pool, now: datetime) -> list[str]:
    """What whoever runs the service must know of the list that it screens with."""
    in_force = await _in_force(pool)
    if in_force is None:
        return ["no sanctions list was adopted: nobody passes screening"]
    warnings = []
    if in_force.sample:
        warnings.append("screening uses the sample of the sanctions list, not the list")
    elif stale(in_force, today=now.date()):
        warnings.append(f"the sanctions list is of {in_force.list_version}: adopt a newer one")
    return warnings


async def measure(pool: Pool, now: datetime) -> None:
    """Set the gauges; without a list, the age is infinite."""
    in_force = await _in_force(pool)
    SANCTIONS_LIST_AGE.set(age(in_force, today=now.date()).days if in_force else math.inf)
    SANCTIONS_LIST_SAMPLE.set(in_force is not None and in_force.sample)


class Reminder:
    """Tells the log what readiness warns of: when it begins, and once a day while it lasts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._told: dict[str, datetime] = {}

    async def run(self) -> None:
        """Look for good."""
        while True:
            with suppress(*AWAY):  # the database's absence is told elsewhere
                await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Tell what was not told today, and forget what is over."""
        now = self._services.clock()
        warnings = await sanctions_warnings(self._services.pool, now)
        self._told = {warning: at for warning, at in self._told.items() if warning in warnings and now - at < EVERY}
        for warning in warnings:
            if warning not in self._told:
                self._told[warning] = now
                log.warning("sanctions_list", warning=warning)


async def _in_force(pool: Pool) -> SanctionsListPublished | None:
    async with pool.connection() as connection:
        return await adopted_list(connection)
