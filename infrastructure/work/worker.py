"""Workers: take what is due on the worklist, ask the provider, record what it says as a command.

A row is leased, not removed: the event that follows removes it or moves it on. A worker that dies leaves its lease
to run out, and the next one asks again under the same key.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import psycopg
import structlog
from psycopg.sql import SQL

from application.ports import ProviderUnavailable, Unavailable
from domain.commands import Command, RecordScreening, StartVerification
from domain.refusals import Refused
from infrastructure.postgres import AWAY
from infrastructure.services import Services
from infrastructure.work.monitoring import Monitoring
from infrastructure.work.step import Step, asked

LEASE: Final = 60
"""Seconds that a worker has for a step before another may take it."""
AT_ONCE: Final = 64
POLL: Final = 0.5

POLLED_EVERY: Final = timedelta(minutes=15)
"""How long a KYC provider that has no result yet is left alone; as long as the result is overdue, but"""
POLLED_AT_LEAST_EVERY: Final = timedelta(hours=1)

_CLAIM: Final = SQL("""
    UPDATE gatehouse.worklist w
    SET leased_until = now() + %b * interval '1 second', leased_step = kind || '/' || attempt
    FROM (
        SELECT customer FROM gatehouse.worklist
        WHERE due <= greatest(now(), %b) AND {kinds}
            AND (leased_until IS NULL OR leased_until < now() OR leased_step <> kind || '/' || attempt)
        ORDER BY due LIMIT %b FOR UPDATE SKIP LOCKED
    ) taken
    WHERE w.customer = taken.customer
    RETURNING w.customer, w.kind, w.attempt, w.wallet, w.caused_by, w.correlation
""").format
_CLAIM_STEPS: Final = _CLAIM(kinds=SQL("kind NOT IN ('await_verification', 'monitor')"))
# Daily looks can wait for a minute; whoever is on the way in cannot. They are taken where there is room.
_CLAIM_LOOKS: Final = _CLAIM(kinds=SQL("kind = 'monitor'"))
# In another place of the queue: whom nobody has verified yet is no reason to keep others waiting.
_CLAIM_POLLS: Final = """
    UPDATE gatehouse.worklist w
    SET leased_until = at + least(greatest(at - due, %b), %b), leased_step = kind || '/' || attempt
    FROM (
        SELECT customer, at FROM gatehouse.worklist, greatest(now(), %b) AS at
        WHERE kind = 'await_verification' AND greatest(due, leased_until) <= at
        ORDER BY greatest(due, leased_until) LIMIT %b FOR UPDATE OF worklist SKIP LOCKED
    ) taken
    WHERE w.customer = taken.customer
    RETURNING w.customer, w.kind, w.attempt, w.wallet, w.caused_by, w.correlation
"""
_POSTPONE: Final = """
    UPDATE gatehouse.worklist SET leased_until = now() + %b * interval '1 second'
    WHERE customer = %b AND leased_step = %b
"""

log = structlog.get_logger()


class Worker:
    """Takes steps until it is cancelled, `AT_ONCE` at a time. `moved` tells that the worklist may have changed."""

    def __init__(self, services: Services, moved: asyncio.Event) -> None:
        self._services = services
        self._moved = moved
        monitoring = Monitoring(services)
        self._under_way: set[asyncio.Task[None]] = set()
        self._steps: dict[str, Callable[[Step], Awaitable[None]]] = {
            "screen": self._screen,
            "confirm": self._screen,
            "open_verification": self._open_verification,
            "monitor": monitoring.look,
            "rescreen": monitoring.rescreen,
            "await_verification": self._poll,
        }

    async def run(self) -> None:
        """Work for good; steps under way are cancelled with it and taken up again by whoever comes next."""
        try:
            while True:
                try:
                    busy = await self.take()
                except AWAY as fault:
                    log.warning("worker_interrupted", fault=type(fault).__name__)
                    busy = False
                if not busy:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(POLL):  # unlike `wait_for`, it never loses a cancellation
                            await self._moved.wait()
                    self._moved.clear()
        finally:
            for task in self._under_way:
                task.cancel()

    async def take(self) -> bool:
        """Lease what is due and begin it; False if nothing was."""
        room = AT_ONCE - len(self._under_way)
        if room < AT_ONCE // 4:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return True
        async with self._services.pool.connection() as connection:
            cursor = await connection.execute(
                _CLAIM_STEPS, (LEASE, self._services.clock(), room), prepare=True, binary=True
            )
            rows = await cursor.fetchall()
            if len(rows) < room // 2:
                looks = (LEASE, self._services.clock(), room // 2 - len(rows))
                cursor = await connection.execute(_CLAIM_LOOKS, looks, prepare=True, binary=True)
                rows += await cursor.fetchall()
            if len(rows) < room:
                polls = (POLLED_EVERY, POLLED_AT_LEAST_EVERY, self._services.clock(), room - len(rows))
                cursor = await connection.execute(_CLAIM_POLLS, polls, prepare=True, binary=True)
                rows += await cursor.fetchall()
        for row in rows:
            task = asyncio.create_task(self._do(Step(*row)))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return bool(rows)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _do(self, step: Step) -> None:
        try:
            await self._steps[step.kind](step)
        except ProviderUnavailable as outage:
            await self._postpone(step, outage.retry_after or LEASE)
        except Refused as refusal:
            log.info("step_refused", kind=step.kind, code=refusal.code)
        except (Unavailable, psycopg.Error) as fault:
            log.warning("step_interrupted", kind=step.kind, fault=type(fault).__name__)
        except Exception as fault:  # one step's fault must not end the worker; its lease runs out and it is seen again
            log.exception("step_failed", kind=step.kind, fault=type(fault).__name__)

    async def _screen(self, step: Step) -> None:
        """Ask the sources in order, to confirm a finding others too, and record what they said."""
        services = self._services
        sources = services.sources + (services.confirming if step.kind == "confirm" else ())
        reports = await asked(services, sources, step)
        command = RecordScreening(
            attempt=step.attempt,
            reports=reports,
            now=services.clock(),
            jitter=random.random(),  # noqa: S311 -- spreads retries, decides nothing
            confirmation=services.confirmation,
        )
        await self._execute(step, command, f"policy:{command.policy}", services.clock())

    async def _open_verification(self, step: Step) -> None:
        """Make the customer known to the KYC provider."""
        applicant = await self._services.provider.open(step.customer, key=step.key)
        command = StartVerification(applicant.provider, applicant.reference, applicant.level)
        await self._execute(step, command, f"provider:{applicant.provider}", self._services.clock())

    async def _poll(self, step: Step) -> None:
        """Ask for a result whose callback may be lost. Its lease is the time until it is asked for again."""
        services = self._services
        applicant = await services.applicant_of(step.customer)
        if applicant is None:
            return
        with suppress(ProviderUnavailable):
            if reported := await services.provider.poll(step.customer, applicant):
                await services.record(reported, correlation_id=step.correlation, causation_id=step.caused_by)

    async def _execute(self, step: Step, command: Command, actor: str, occurred_at: datetime) -> None:
        await self._services.execute(
            self._services.change(step.customer, command),
            actor=actor,
            correlation_id=step.correlation,
            causation_id=step.caused_by,
            occurred_at=occurred_at,
        )

    async def _postpone(self, step: Step, seconds: int) -> None:
        async with self._services.pool.connection() as connection:
            await connection.execute(_POSTPONE, (seconds, step.customer, step.name))
