"""Deadlines: a proposal to reject that nobody confirmed in time is let go, on record.

Nothing depends on when that happens: a proposal that is over cannot be confirmed, whether its end is recorded or not.
"""

import asyncio
from typing import Final

import structlog

from application.ports import Unavailable
from domain.commands import ExpireRejection
from domain.refusals import Refused
from infrastructure.postgres import AWAY
from infrastructure.services import Services

PAUSE: Final = 60.0
"""Seconds from one look to the next."""
AT_ONCE: Final = 100
ACTOR: Final = "system:deadlines"

_OVER: Final = """
    SELECT customer FROM gatehouse.reviews WHERE expires_at <= %b AND closed_at IS NULL ORDER BY expires_at LIMIT %b
"""

log = structlog.get_logger()


async def keep_deadlines(services: Services) -> None:
    """Look for what is over, for good."""
    while True:
        try:
            await expire_proposals(services)
        except AWAY as fault:
            log.warning("deadlines_interrupted", fault=type(fault).__name__)
        await asyncio.sleep(PAUSE)


async def expire_proposals(services: Services) -> None:
    """Let go of the proposals that are over by now; what has been decided meanwhile stays as it is."""
    now = services.clock()
    async with services.pool.connection() as connection:
        rows = await (await connection.execute(_OVER, (now, AT_ONCE), binary=True)).fetchall()
    for (customer,) in rows:
        try:
            await services.execute(services.change(customer, ExpireRejection(now)), actor=ACTOR)
        except (Refused, Unavailable) as fault:
            log.warning("proposal_not_expired", fault=type(fault).__name__)
        except Exception as fault:  # one customer's fault must not keep the others waiting
            log.exception("proposal_not_expired", fault=type(fault).__name__)
