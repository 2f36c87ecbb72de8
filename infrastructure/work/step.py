"""A step of the worklist, and asking the sources for it: what they say, with the bytes kept as evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from application.ports import ScreeningSource
from domain.findings import SourceReport
from infrastructure.screening.asking import ask_in_order
from infrastructure.services import Services


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
        """The same for every repetition: the provider's idempotency key. Confirming is screening once more."""
        kind = "screen" if self.kind == "confirm" else self.kind
        return f"{self.customer}/{kind}/{self.attempt}"


async def asked(services: Services, sources: Sequence[ScreeningSource], step: Step) -> tuple[SourceReport, ...]:
    """Ask the sources in order. The reports name the evidence that was kept."""
    answers = await ask_in_order(sources, step.wallet, customer=step.customer, key=step.key)
    kept = await services.evidence.keep(step.customer, [answer.payload for answer in answers if answer.payload])
    digests = iter(kept)
    return tuple(
        answer.report.model_copy(update={"evidence": next(digests)}) if answer.payload else answer.report
        for answer in answers
    )
