"""Monitoring: every customer that is in is looked at once a day, and when a new sanctions list names its wallet.

A new list touches nobody else: whom it names is found by joining what is new in it with the customers.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog

from application.handlers import append
from application.ports import ProviderUnavailable
from domain.commands import RecordMonitoring
from domain.events import CustomersRescreened, SanctionsListPublished
from domain.findings import SourceReport
from domain.policies.monitoring import MONITORING_1
from domain.refusals import Refused
from domain.vocabulary import Event
from infrastructure.screening.ofac import OfacList
from infrastructure.services import Services
from infrastructure.work.step import Step, asked

ACTOR: Final = f"policy:{MONITORING_1}"

# The read model must know every customer that was there when the list was published.
_CAUGHT_UP: Final = "SELECT FROM gatehouse.tracking WHERE projection = 'customers' AND position >= %b"
# Whom the new list names and the one before did not. Canonical wallets and addresses are in lower case.
_NAMED: Final = """
    SELECT DISTINCT c.id, c.chain_id FROM gatehouse.sanctioned_addresses a
    JOIN gatehouse.customers c ON c.wallet = 'eip155:' || a.address
    WHERE a.list_hash = %b AND c.status IN ('active', 'inactive') AND NOT EXISTS (
        SELECT FROM gatehouse.sanctioned_addresses b WHERE b.list_hash = %b AND b.address = a.address
    )
    ORDER BY c.id
"""

log = structlog.get_logger()


class Monitoring:
    """What the worklist's steps `monitor` and `rescreen` ask for."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._list = OfacList(services.pool)

    async def look(self, step: Step) -> None:
        """Ask all sources about one customer, others too where one alone finds something, and record what they say."""
        reports = await asked(self._services, self._services.sources, step)
        heard = [report for report in reports if report.answered]
        if any(report.grave for report in heard) and not any(report.listed for report in heard):
            reports += await asked(self._services, self._services.confirming, step)
        await self._record(step, reports, attempt=step.attempt)

    async def rescreen(self, step: Step) -> None:
        """Look at whom a new list names. Interrupted, it begins again: a second look does no harm."""
        history = (await self._services.reader.streams([step.customer]))[step.customer]
        events = [envelope.event for envelope in history]
        new = _newest(events)
        named = await self._named(history[-1].position, new=new, before=_rescreened(events))
        missed = [each for each in named if not await self._looked_at(step, *each)]
        if missed:
            raise ProviderUnavailable
        done = CustomersRescreened(list_hash=new, named=len(named))
        await self._services.execute(
            lambda: append(step.customer, lambda now: (done,) if len(now) == len(history) else ()),
            actor=ACTOR,
            correlation_id=step.correlation,
            causation_id=step.caused_by,
        )
        log.info("customers_rescreened", list_hash=new, named=len(named))

    async def _named(self, position: int, *, new: str, before: str) -> list[tuple[UUID, str]]:
        async with self._services.pool.connection() as connection:
            if not (await connection.execute(_CAUGHT_UP, (position,))).rowcount:
                raise ProviderUnavailable(retry_after=1)
            cursor = await connection.execute(_NAMED, (new, before), binary=True)
            return [(customer, wallet) for customer, wallet in await cursor.fetchall()]

    async def _looked_at(self, listed: Step, customer: UUID, wallet: str) -> bool:
        """Look at one who is named; False where that has to be done again. One customer's fault is no other's."""
        step = replace(listed, customer=customer, wallet=wallet)
        try:
            if not await self._services.may_be_about(customer):
                return True
            reports = await asked(self._services, (self._list,), step)
            if not all(report.answered for report in reports):
                return False
            await self._record(step, reports, attempt=None)
        except Refused as refusal:
            log.info("step_refused", kind=step.kind, code=refusal.code)
        except Exception as fault:  # whoever is named after this one must not wait for it
            log.exception("step_failed", kind=step.kind, fault=type(fault).__name__)
            return False
        return True

    async def _record(self, step: Step, reports: tuple[SourceReport, ...], *, attempt: int | None) -> None:
        services = self._services
        command = RecordMonitoring(
            alert=services.new_id(),
            reports=reports,
            now=services.clock(),
            attempt=attempt,
            jitter=random.random(),  # noqa: S311 -- spreads retries, decides nothing
            confirmation=services.confirmation,
        )
        await services.execute(
            services.change(step.customer, command),
            actor=ACTOR,
            correlation_id=step.correlation,
            causation_id=step.caused_by,
        )


def _newest(history: Sequence[Event]) -> str:
    """The hash of the list that was published last."""
    return next(event.list_hash for event in reversed(history) if isinstance(event, SanctionsListPublished))


def _rescreened(history: Sequence[Event]) -> str:
    """The hash of the list that customers were held against last; empty where there was none."""
    return next((event.list_hash for event in reversed(history) if isinstance(event, CustomersRescreened)), "")
