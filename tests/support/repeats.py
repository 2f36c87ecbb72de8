"""What tests of repeated requests share: when two answers are the same, and a service with a second process."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx2

from tests.support.world import World, running

KEY: Final = "Idempotency-Key"
OF_AN_ANSWER: Final = ("location", "etag", "content-type", "content-length", "www-authenticate")
"""The headers that say something."""


def alike(answers: Iterable[httpx2.Response]) -> bool:
    """Whether all are the same in status, headers and every byte of the body."""
    told = {
        (answer.status_code, answer.content, *(answer.headers.get(name) for name in OF_AN_ANSWER)) for answer in answers
    }
    return len(told) == 1


@asynccontextmanager
async def two_processes(database: str, folder: Path) -> AsyncIterator[tuple[World, httpx2.AsyncClient]]:
    """A world, and its partner's client of another service on the same database, which shares nothing else."""
    async with running(database, folder) as world, running(database, folder) as second:
        headers = {"Authorization": world.partner.headers["Authorization"]}
        async with httpx2.AsyncClient(base_url=second.url, headers=headers, timeout=30) as elsewhere:
            yield world, elsewhere
