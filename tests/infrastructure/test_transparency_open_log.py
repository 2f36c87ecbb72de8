"""The log's open side: what was published, to the byte, and nothing beyond it; for anybody, with no customer in it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from application.transparency.notes import Checkpoint, opened_checkpoint
from application.transparency.tiles import hashes_of, needed, path_of, width_at
from application.transparency.tree import consistency, inclusion, leaf_hash, root, verify_consistency, verify_inclusion
from tests.support.http import SECURITY, assert_problem
from tests.support.naive_tree import as_administrator, lines_of, root_over, say
from tests.support.transparency import NEXT, SIGNER, announce, publish_all
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

OPENLY: Final = {name: value for name, value in SECURITY.items() if name != "cache-control"}


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path) as world:
        yield world


@pytest.fixture
async def anybody(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{world.url}/tlog", timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
async def whoever(published: World) -> AsyncIterator[httpx2.AsyncClient]:
    """Anybody, at a log that stays as it is."""
    async with httpx2.AsyncClient(base_url=f"{published.url}/tlog", timeout=30) as client:
        yield client


async def fetched(
    anybody: httpx2.AsyncClient, checkpoint: Checkpoint, places: set[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    found = {}
    for place in places:
        response = await anybody.get("/" + path_of(place, width_at(place, checkpoint.size)))
        assert response.status_code == 200
        found[place] = response.content
    return found


async def test_there_is_no_checkpoint_before_the_first(anybody: httpx2.AsyncClient) -> None:
    assert_problem(await anybody.get("/checkpoint"), 404, "checkpoint_not_found")
    assert_problem(await anybody.get("/tile/0/000.p/1"), 404, "tile_not_found")


async def test_the_newest_checkpoint_is_there_for_anybody_and_kept_for_moments(
    world: World, anybody: httpx2.AsyncClient, database: str
) -> None:
    await publish_all(world.services)
    say(database, 1, 1, 5)
    newest = await publish_all(world.services)

    response = await anybody.get("/checkpoint")

    assert opened_checkpoint(response.text, [SIGNER.public]) == newest
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=5"
    assert OPENLY.items() <= dict(response.headers).items()


async def test_tiles_lead_anybody_from_any_leaf_to_the_root(
    world: World, anybody: httpx2.AsyncClient, database: str
) -> None:
    old = await publish_all(world.services)
    say(database, 1, 1, 700)
    new = await publish_all(world.services)
    lines = lines_of(database)
    for index in (0, 300, new.size - 1):
        places = needed(lambda at, index=index: (inclusion(index, new.size, at), root(new.size, at)))  # type: ignore[misc] # bound at once
        hash_at = hashes_of(await fetched(anybody, new, places))
        path = inclusion(index, new.size, hash_at)
        assert root(new.size, hash_at) == new.root == root_over(lines[: new.size])
        assert verify_inclusion(index, new.size, leaf_hash(lines[index]), path, new.root)
    places = needed(lambda at: consistency(old.size, new.size, at))
    path = consistency(old.size, new.size, hashes_of(await fetched(anybody, new, places)))
    assert verify_consistency(old.size, new.size, path, old.root, new.root)


async def test_a_tile_is_bytes_that_may_be_kept_for_good(
    world: World, anybody: httpx2.AsyncClient, database: str
) -> None:
    say(database, 1, 1, 600)
    await publish_all(world.services)
    lines = lines_of(database)

    for path, first, count in (("0/000", 0, 256), ("0/001", 256, 256), ("0/000.p/255", 0, 255), ("0/002.p/7", 512, 7)):
        response = await anybody.get(f"/tile/{path}")
        assert response.content == b"".join(map(leaf_hash, lines[first : first + count]))
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert OPENLY.items() <= dict(response.headers).items()


async def test_nothing_is_shown_beyond_what_was_published(
    world: World, anybody: httpx2.AsyncClient, database: str
) -> None:
    size = (await publish_all(world.services)).size
    say(database, 1, 1, 600)
    assert (await anybody.get(f"/tile/0/000.p/{size}")).status_code == 200
    for path in (f"0/000.p/{size + 1}", "0/000", "0/001", "1/000.p/1"):
        assert_problem(await anybody.get(f"/tile/{path}"), 404, "tile_not_found")

    newer = (await publish_all(world.services)).size

    for path in (f"0/000.p/{size + 1}", "0/000", "0/001", "1/000.p/2", f"0/002.p/{newer - 512}"):
        assert (await anybody.get(f"/tile/{path}")).status_code == 200
    for path in (f"0/002.p/{newer - 511}", "0/002", "0/003.p/1", "1/000.p/3", "1/001.p/1", "2/000.p/1", "63/000.p/1"):
        assert_problem(await anybody.get(f"/tile/{path}"), 404, "tile_not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/0",
        "/tile/0/000.p/0",
        "/tile/0/000.p/257",
        "/tile/0/000.p/01",
        "/tile/00/000.p/1",
        "/tile/64/000.p/1",
        "/tile/0/x000/000.p/1",
        "/tile/0/000.p/1/",
        "/tile/0//000.p/1",
        "/tile/entries/000.p/1",
        "/tile/data/000",
        "/tile/0/x001/x234/067.p/112",
        "/tile/0/x999" + "/x999" * 6 + "/999",
        "/tile/0/%2e%2e/0/000.p/1",
        "/tile/0/000.p/1'%20OR%201=1",
        "/tile/0/" + "x001/" * 2000 + "000",
    ],
)
async def test_what_is_no_tile_is_not_found(whoever: httpx2.AsyncClient, path: str) -> None:
    assert_problem(await whoever.get(path), 404, "tile_not_found")


@pytest.mark.parametrize("path", ["", "/", "/tile", "/tile/", "/entries", "/checkpoint/", "/keys/1"])
async def test_there_is_nothing_else(whoever: httpx2.AsyncClient, path: str) -> None:
    assert (await whoever.get(path)).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_written(whoever: httpx2.AsyncClient, method: str) -> None:
    for path in ("/checkpoint", "/keys", "/tile/0/000.p/1"):
        response = await whoever.request(method, path)
        assert_problem(response, 405, "method_not_allowed")
        assert response.headers["allow"] == "GET, HEAD"


async def test_the_keys_are_there_with_the_word_of_the_one_before(world: World, anybody: httpx2.AsyncClient) -> None:
    assert (await anybody.get("/keys")).json() == {"keys": []}
    await announce(world.services, SIGNER)
    await announce(world.services, NEXT, previous=SIGNER)

    first, second = (await anybody.get("/keys")).json()["keys"]

    assert first == {"key": SIGNER.public.vkey, "since": first["since"]}
    assert (second["key"], second["previous"]) == (NEXT.public.vkey, SIGNER.public.vkey)
    assert second["handover"].startswith(f"{SIGNER.public.name}\nnext signing key\n{NEXT.public.vkey}\n\n— ")
    assert first["since"] < second["since"]
    assert (await world.auditor.get("/v1/audit/keys")).json() == {"keys": [first, second]}


async def test_nothing_of_a_customer_is_on_the_open_side(world: World, anybody: httpx2.AsyncClient) -> None:
    customer = await world.register(Wallet(1), external_id="user-canary")
    size = (await publish_all(world.services)).size

    shown = b"".join(
        [(await anybody.get(path)).content for path in ("/checkpoint", "/keys", f"/tile/0/000.p/{size}")]
    ).lower()

    for secret in (customer["id"], customer["id"].replace("-", ""), customer["chainId"].split(":")[2], "user-canary"):
        assert secret.lower().encode() not in shown


async def test_tiles_that_are_gone_are_an_error_of_ours(
    world: World, anybody: httpx2.AsyncClient, database: str
) -> None:
    await publish_all(world.services)
    as_administrator(database, "DELETE FROM gatehouse.tiles")

    response = await anybody.get("/tile/0/000.p/1")

    assert_problem(response, 500, "log_does_not_match")
    assert response.headers["cache-control"] == "no-store"
