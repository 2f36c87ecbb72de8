"""For whoever runs the service: is it alive, is it ready, what does it count."""

import json
from typing import Any, Final

import psycopg
import psycopg_pool
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from infrastructure.metrics import (
    CHECKPOINT_AGE,
    CHECKPOINT_SIZE,
    LOG_POSITION,
    PROJECTION_POSITION,
    PROJECTION_STOPPED,
    TREE_SIZE,
    TREE_STOPPED,
    WEBHOOK_DELIVERIES_DUE,
    WORK_DUE,
)
from infrastructure.migrate import migrations
from infrastructure.progress import progress
from infrastructure.sanctions.freshness import measure, sanctions_warnings
from infrastructure.services import Services
from infrastructure.transparency.checkpoints import newest_checkpoint
from infrastructure.transparency.tile_store import TreeState, tree_state

LONGEST_LAG: Final = 10_000
"""Events that a projection, or the tree over the log, may be behind before the process says that it is not ready."""

_SCHEMA: Final = "SELECT max(number) FROM gatehouse.migrations"
_DUE: Final = """
    SELECT kind, count(*) FROM gatehouse.worklist
    WHERE CASE kind WHEN 'await_verification' THEN greatest(due, leased_until) ELSE due END <= now() GROUP BY kind
"""
_WEBHOOKS_DUE: Final = "SELECT count(*) FROM gatehouse.webhook_deliveries WHERE due <= now()"


class Operations:
    """Endpoints without a key; they name nothing of any customer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def live(self, _: Request) -> Response:
        """200 as long as the process answers."""
        return _json({"status": "alive"}, 200)

    async def ready(self, _: Request) -> Response:
        """200 if the database answers, its schema is ours, and no projection nor tree stands or lags; else 503, why."""
        try:
            state = await self._state()
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.PoolTimeout):
            return _json({"status": "unready", "problems": ["the database does not answer"]}, 503)
        return _json(state, 503 if state["problems"] else 200)

    async def metrics(self, _: Request) -> Response:
        """Counters of this process, and gauges of the whole service, for Prometheus."""
        async with self._services.pool.connection() as connection:
            for projection in await progress(connection):
                PROJECTION_POSITION.labels(projection.name).set(projection.position)
                PROJECTION_STOPPED.labels(projection.name).set(projection.stopped_at is not None)
                LOG_POSITION.set(projection.head)
            WORK_DUE.clear()
            for kind, due in await (await connection.execute(_DUE)).fetchall():
                WORK_DUE.labels(kind).set(due)
            for (due,) in await (await connection.execute(_WEBHOOKS_DUE)).fetchall():
                WEBHOOK_DELIVERIES_DUE.set(due)
            await self._measure_tree(connection)
        await measure(self._services.pool, self._services.clock())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def _state(self) -> dict[str, Any]:
        problems: list[str] = []
        async with self._services.pool.connection() as connection:
            row = await (await connection.execute(_SCHEMA)).fetchone()
            projections, tree = await progress(connection), await tree_state(connection)
        if row is None or row[0] != len(migrations()):
            problems.append("the database's schema is another version's")
        for projection in projections:
            if projection.stopped_at is not None:
                problems.append(f"projection {projection.name} {projection.state}")
            elif projection.lag > LONGEST_LAG:
                problems.append(f"projection {projection.name} is {projection.lag} events behind")
        problems += _of_tree(tree)
        return {
            "status": "unready" if problems else "ready",
            "problems": problems,
            "warnings": await sanctions_warnings(self._services.pool, self._services.clock()),
            "position": projections[0].head,
            "projections": {known.name: {"position": known.position, "lag": known.lag} for known in projections},
            "tree": {"size": tree.size, "lag": tree.lag},
        }

    async def _measure_tree(self, connection: AsyncConnection[Any]) -> None:
        """Set the tree's gauges; without a checkpoint, there is nothing to say of one."""
        tree, newest = await tree_state(connection), await newest_checkpoint(connection)
        TREE_SIZE.set(tree.size)
        TREE_STOPPED.set(tree.stopped_at is not None)
        if newest is not None:
            CHECKPOINT_SIZE.set(newest.event.size)
            CHECKPOINT_AGE.set((self._services.clock() - newest.envelope.recorded_at).total_seconds())


def _of_tree(tree: TreeState) -> list[str]:
    """What is wrong with the tree over the log."""
    if tree.stopped_at is not None:
        return [f"the tree over the log stopped at {tree.stopped_at}: {tree.fault}"]
    if tree.lag > LONGEST_LAG:
        return [f"the tree over the log is {tree.lag} events behind"]
    return []


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")
