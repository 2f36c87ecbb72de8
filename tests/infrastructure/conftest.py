"""A running service that the tests of one module share."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Server
from tests.support.transparency import publish_all
from tests.support.world import World, running


@pytest.fixture(scope="module")
async def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    async with running(conninfo, tmp_path_factory.mktemp("service")) as world:
        yield world
    server.drop(conninfo)


@pytest.fixture(scope="module")
def world(shared: World) -> World:
    """The one that is shared, where a module has none of each test's own."""
    return shared


@pytest.fixture(scope="module")
async def published(shared: World) -> World:
    """The same, with a checkpoint of its log."""
    await publish_all(shared.services)
    return shared
