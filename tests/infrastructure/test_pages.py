"""Pages of the log: read ahead, never out of date, and past what no projection takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from domain.events import ApiKeyRevoked
from infrastructure.log.pages import Pages, reading
from infrastructure.postgres import connect, service_conninfo
from projections import PROJECTIONS
from tests.infrastructure.test_executor import adding, context, executing, rows
from tests.infrastructure.test_projector import register

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def pages_of(database: str) -> AsyncIterator[Pages]:
    async with reading(await connect(service_conninfo(database)), PROJECTIONS) as pages:
        yield pages


async def read_on(pages: Pages) -> None:
    for position in (6, 9):
        await pages.after(position, 3)


async def test_page_follows_page_and_claims_are_passed_over(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, *range(4))
    async with pages_of(database) as pages:
        found = [await pages.after(position, 6) for position in (0, 6, 12)]

    assert [(page.upto, page.full, [event.position for event in page.events]) for page in found] == [
        (6, True, [1, 2, 4, 5]),
        (12, True, [7, 8, 10, 11]),
        (12, False, []),
    ]


async def test_what_was_read_ahead_is_not_taken_for_another_page(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, *range(4))
    async with pages_of(database) as pages:
        await pages.after(0, 3)
        again = await pages.after(0, 3)
        further = await pages.after(9, 3)

    assert [event.position for event in again.events] == [1, 2]
    assert [event.position for event in further.events] == [10, 11]


async def test_the_end_of_the_log_is_looked_at_anew(database: str, tmp_path: Path) -> None:
    async with pages_of(database) as pages, executing(database, tmp_path) as executor:
        await executor.execute(adding(uuid4(), ApiKeyRevoked()), context())
        first = await pages.after(0, 10)
        await executor.execute(adding(uuid4(), ApiKeyRevoked()), context())
        second = await pages.after(first.upto, 10)

    assert (first.upto, first.full, second.upto) == (1, False, 2)


async def test_a_page_that_could_not_be_read_ahead_is_told_when_it_is_asked_for(database: str, tmp_path: Path) -> None:
    await register(database, tmp_path, *range(4))
    async with pages_of(database) as pages:
        await pages.after(0, 3)
        await pages.after(3, 3)  # whatever was read ahead is there, and the next one is under way
        rows(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        with pytest.raises(psycopg.OperationalError):
            await read_on(pages)
