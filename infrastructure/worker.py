"""Workers: take what is due on the worklist, ask the provider, record what it says as a command.

A row is leased, not removed: the event that follows removes it or moves it on. A worker that dies leaves its lease
to run out, and the next one asks again under the same key.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg
import structlog

from application.ports import Answer, ProviderUnavailable, Unavailable
from domain.commands import Command, RecordScreening, StartVerification
from domain.findings import SourceReport
from domain.refusals import Refused
from infrastructure.postgres import AWAY
from infrastructure.services import Services

LEASE: Final = 60
"""Seconds that a worker has for a step before another may take it."""
AT_ONCE: Final = 32
POLL: Final = 0.5
PATIENCE: Final = 20.0
"""Seconds that a source has to answer."""

_CLAIM: Final = """
    UPDATE gatehouse.worklist w
    SET leased_until = now() + %b * interval '1 second', leased_step = kind || '/' || attempt
    FROM (
        SELECT customer FROM gatehouse.worklist
        WHERE due <= now() AND (leased_until IS NULL OR leased_until < now() OR leased_step <> kind || '/' || attempt)
        ORDER BY due LIMIT %b FOR UPDATE SKIP LOCKED
    ) taken
    WHERE w.customer = taken.customer
    RETURNING w.customer, w.kind, w.attempt, w.wallet, w.caused_by, w.correlation
"""
_POSTPONE: Final = """
    UPDATE gatehouse.worklist SET leased_until = now() + %b * interval '1 second'
    WHERE customer = %b AND leased_step = %b
"""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the worklist, leased."""

    customer: UUID
    kind: str
    attempt: int
    wallet: str
    caused_by: UUID
    correlation: UUID

    @property
    def name(self) -> str:
        """The step within its customer."""
        return f"{self.kind}/{self.attempt}"

    @property
    def key(self) -> str:
        """The same for every repetition: the provider's idempotency key."""
        return f"{self.customer}/{self.name}"


class Worker:
    """Takes steps until it is cancelled, `AT_ONCE` at a time. `moved` tells that the worklist may have changed."""

    def __init__(self, services: Services, moved: asyncio.Event) -> None:
        self._services = services
        self._moved = moved
        self._under_way: set[asyncio.Task[None]] = set()
        self._steps: dict[str, Callable[[Step], Awaitable[None]]] = {
            "screen": self._screen,
            "open_verification": self._open_verification,
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
        if room <= 0:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
            return True
        async with self._services.pool.connection() as connection:
            cursor = await connection.execute(_CLAIM, (LEASE, room), prepare=True, binary=True)
            rows = await cursor.fetchall()
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
        """Ask all sources at once and record what they said."""
        services = self._services
        answers = await asyncio.gather(
            *(
                _asked(source.ask(step.wallet, customer=step.customer, key=step.key), source.name)
                for source in services.sources
            )
        )
        digests = iter(
            await services.evidence.keep(step.customer, [answer.payload for answer in answers if answer.payload])
        )
        reports = tuple(
            answer.report.model_copy(update={"evidence": next(digests)}) if answer.payload else answer.report
            for answer in answers
        )
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


async def _asked(question: Awaitable[Answer], source: str) -> Answer:
    """The answer, or that there was none in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await question
    except TimeoutError:
        return Answer(SourceReport(source=source, answered=False))
