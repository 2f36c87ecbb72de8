"""A rebuild: the same rows, put in force under readers and writers that do not notice."""

from pathlib import Path
from typing import Any, Final

import pytest

from infrastructure.rebuild import Rebuilt, rebuild
from projections import PROJECTIONS
from projections.projection import Projection
from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_projector import models, projector, register

pytestmark = pytest.mark.anyio

INDEXES: Final = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'gatehouse' ORDER BY 1, 2"
TABLES: Final = """
    SELECT relname, relacl::text, obj_description(oid, 'pg_class') FROM pg_class
    WHERE relnamespace = 'gatehouse'::regnamespace AND relkind = 'r' ORDER BY 1
"""


async def rebuilt(database: str, projection: Projection[Any]) -> Rebuilt:
    return await rebuild(database, projection, lambda _position, _goal: None)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
async def test_a_rebuilt_read_model_is_what_it_was_twice_in_a_row(
    database: str, tmp_path: Path, projection: Projection[Any]
) -> None:
    await register(database, tmp_path, *range(20))
    await projector(database).catch_up()
    before = models(database), rows(database, INDEXES), rows(database, TABLES)
    for _ in range(2):
        done = await rebuilt(database, projection)
        assert done.before == done.after
        assert (done.position, done.events) == (60, 60)
        assert (models(database), rows(database, INDEXES), rows(database, TABLES)) == before
