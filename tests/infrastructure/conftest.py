"""A running service that the tests of one module share."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Server
from tests.support.world import World, running


@pytest.fixture(scope="module")
async def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    async with running(conninfo, tmp_path_factory.mktemp("service")) as world:
        yield world
    server.drop(conninfo)
