"""Asking the sources: what each says of one wallet, with the bytes it said it in kept as evidence."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from application.ports import Answer, ScreeningSource
from domain.findings import SourceReport
from infrastructure.services import Services

PATIENCE: Final = 20.0
"""Seconds that a source has to answer."""


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


async def asked(services: Services, sources: Sequence[ScreeningSource], step: Step) -> tuple[SourceReport, ...]:
    """Ask the sources at once. The reports name the evidence that was kept."""
    answers = await asyncio.gather(
        *(_in_time(source.ask(step.wallet, customer=step.customer, key=step.key), source.name) for source in sources)
    )
    kept = await services.evidence.keep(step.customer, [answer.payload for answer in answers if answer.payload])
    digests = iter(kept)
    return tuple(
        answer.report.model_copy(update={"evidence": next(digests)}) if answer.payload else answer.report
        for answer in answers
    )


async def _in_time(question: Awaitable[Answer], source: str) -> Answer:
    """The answer, or that there was none in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await question
    except TimeoutError:
        return Answer(SourceReport(source=source, answered=False))
