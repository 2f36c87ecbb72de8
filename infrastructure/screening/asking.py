"""Asking the screening sources, one after the other: who comes first is free or local, who comes later is paid."""

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from application.ports import Answer, ScreeningSource
from domain.findings import SourceReport

PATIENCE: Final = 20.0
"""Seconds that a source has to answer."""
ALL: Final = 25.0
"""Seconds that all of them have, however many they are: a look that asks twice must be over within its lease."""


async def ask_in_order(
    sources: Iterable[ScreeningSource], wallet: str, *, customer: UUID, key: str
) -> tuple[Answer, ...]:
    """What the sources say, up to and with the first exact sanctions match: it decides, whatever others would say."""
    loop = asyncio.get_running_loop()
    end = loop.time() + ALL
    answers: list[Answer] = []
    for source in sources:
        until = min(loop.time() + PATIENCE, end)
        answers.append(await _asked(source, wallet, customer=customer, key=key, until=until))
        if answers[-1].report.answered and answers[-1].report.listed:
            break
    return tuple(answers)


async def _asked(source: ScreeningSource, wallet: str, *, customer: UUID, key: str, until: float) -> Answer:
    """The source's answer, or that there was none in time."""
    try:
        async with asyncio.timeout_at(until):
            return await source.ask(wallet, customer=customer, key=key)
    except TimeoutError:
        return Answer(SourceReport(source=source.name, answered=False))
