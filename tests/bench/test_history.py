import asyncio
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from bench.history import CROWD, EACH, load_log, load_read_models
from infrastructure.postgres import service_conninfo
from infrastructure.projector import Projector
from projections import PROJECTIONS


def read_models(conninfo: str) -> dict[str, list[tuple[Any, ...]]]:
    rows = {}
    with psycopg.connect(conninfo) as connection:
        for table in ("customers", "tracking"):
            query = SQL("SELECT * FROM gatehouse.{} ORDER BY 1, 2").format(Identifier(table))
            rows[table] = connection.execute(query).fetchall()
            connection.execute(SQL("TRUNCATE gatehouse.{}").format(Identifier(table)))
    return rows


@pytest.mark.parametrize("customers", [3, CROWD + 7])
def test_loaded_read_models_are_what_projections_make_of_the_loaded_log(database: str, customers: int) -> None:
    assert load_log(database, customers * EACH + 1) == customers * EACH
    load_read_models(database, customers * EACH + 1)
    loaded = read_models(database)

    asyncio.run(Projector(service_conninfo(database), PROJECTIONS).catch_up())

    projected = read_models(database)
    assert projected == loaded
    assert len(loaded["customers"]) == customers
