"""Copies of checkpoints in second places: whole or not there, tried again, and with no word about a URL's secrets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx2
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from application.transparency.notes import opened_checkpoint
from infrastructure.faults import BadSettings
from infrastructure.settings import load_settings
from infrastructure.transparency.copies import LONGEST_PAUSE, LOOK, Copier, Folder, NotTaken, Remote, keep_copies
from tests.support.naive_tree import say
from tests.support.raw_server import Reply, raw_server
from tests.support.transparency import SIGNER, publish_all
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

NOTE: Final = "gatehouse.example/log\n7\nAAAA\n\n— a b\n"
SECRET: Final = "s3cr3t"


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path / "data") as world:
        yield world


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield client


def counted(kind: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("gatehouse_checkpoint_copies_total", {"kind": kind, "outcome": outcome}) or 0.0


async def test_a_folder_gets_a_file_a_checkpoint(world: World, database: str, tmp_path: Path) -> None:
    place = tmp_path / "second" / "place"
    copier = Copier(world.services.pool, Folder(place), 1)
    await copier.look()
    assert not place.exists()
    sizes = []
    for turn in range(1, 4):
        say(database, 1, turn, turn)
        sizes.append((await publish_all(world.services)).size)
        await copier.look()
        await copier.look()

    assert sorted(path.name for path in place.iterdir()) == sorted(f"{size}.checkpoint" for size in sizes)
    for size in sizes:
        note = (place / f"{size}.checkpoint").read_text(encoding="utf-8")
        assert opened_checkpoint(note, [SIGNER.public]).size == size


async def test_an_object_store_is_put_an_object_a_checkpoint(world: World, client: httpx2.AsyncClient) -> None:
    size = (await publish_all(world.services)).size
    async with raw_server(lambda _: Reply(201)) as server:
        copier = Copier(world.services.pool, Remote(f"{server.url}/bucket/", client), 1)
        await copier.look()
        await copier.look()

    (request,) = server.requests
    assert (request.method, request.path) == ("PUT", f"/bucket/{size}.checkpoint")
    assert opened_checkpoint(request.body.decode(), [SIGNER.public]).size == size
    assert request.headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_webhook_is_posted_the_checkpoint_itself(world: World, client: httpx2.AsyncClient) -> None:
    size = (await publish_all(world.services)).size
    async with raw_server(lambda _: Reply(204)) as server:
        await Copier(world.services.pool, Remote(f"{server.url}/hook?token={SECRET}", client), 1).look()

    (request,) = server.requests
    assert (request.method, request.target) == ("POST", f"/hook?token={SECRET}")
    assert opened_checkpoint(request.body.decode(), [SIGNER.public]).size == size


async def test_a_place_that_fails_is_asked_again_later_and_later(world: World, client: httpx2.AsyncClient) -> None:
    await publish_all(world.services)
    answers = iter([Reply(500), Reply(302, headers={"location": "/elsewhere"}), Reply(raw=b"nonsense"), Reply(200)])
    failed, copied = counted("http", "failed"), counted("http", "copied")
    async with raw_server(lambda _: next(answers)) as server:
        copier = Copier(world.services.pool, Remote(f"{server.url}/{SECRET}", client), 3)
        with capture_logs() as logs:
            for _ in range(5):
                await copier.look()

    assert len(server.requests) == 4
    assert (counted("http", "failed") - failed, counted("http", "copied") - copied) == (3, 1)
    assert [line["event"] for line in logs] == ["checkpoint_not_copied"] * 3
    assert [line["place"] for line in logs] == [3] * 3
    assert [line["why"] for line in logs] == ["status 500", "status 302", "RemoteProtocolError"]
    assert SECRET not in str(logs)


async def test_the_pause_after_failures_grows_to_a_bound_and_ends_with_them(world: World, tmp_path: Path) -> None:
    await publish_all(world.services)
    (tmp_path / "file").write_text("no folder")
    copier = Copier(world.services.pool, Folder(tmp_path / "file" / "place"), 1)

    for _ in range(12):
        await copier.look()
    assert copier.pause == LONGEST_PAUSE
    (tmp_path / "file").unlink()
    await copier.look()

    assert copier.pause == LOOK


async def test_after_an_outage_a_place_gets_what_is_newest(world: World, database: str, tmp_path: Path) -> None:
    await publish_all(world.services)
    place = tmp_path / "place"
    place.write_text("no folder")
    copier = Copier(world.services.pool, Folder(place), 1)
    await copier.look()
    say(database, 1, 1, 5)
    newest = (await publish_all(world.services)).size
    place.unlink()

    await copier.look()

    assert [path.name for path in place.iterdir()] == [f"{newest}.checkpoint"]


async def test_a_place_that_says_nothing_is_given_up(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.transparency.copies.PATIENCE", 0.2)
    async with raw_server(lambda _: Reply(silent=True)) as server:
        with pytest.raises(NotTaken) as fault:
            await Remote(f"{server.url}/{SECRET}", client).deliver(7, NOTE)

    assert SECRET not in str(fault.value)


async def test_a_place_that_answers_at_length_is_not_listened_to(client: httpx2.AsyncClient) -> None:
    async with raw_server(lambda _: Reply(200, b"x", length=1 << 40, drip=True)) as server:
        await Remote(server.url, client).deliver(7, NOTE)


async def test_a_file_that_was_half_written_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(NotTaken, match="No space left on device"):
        await Folder(tmp_path).deliver(7, NOTE)

    assert not (tmp_path / "7.checkpoint").exists()


async def test_no_place_keeps_the_others_waiting(world: World, tmp_path: Path) -> None:
    size = (await publish_all(world.services)).size
    good = tmp_path / "good"
    async with raw_server(lambda _: Reply(silent=True)) as server:
        places = f"{server.url}/{SECRET}, {good}"
        life = asyncio.ensure_future(keep_copies(world.services.pool, places))
        try:
            await server.asked.wait()
            async with asyncio.timeout(30):
                while not (good / f"{size}.checkpoint").exists():  # noqa: ASYNC110 -- it is the disk that knows
                    await asyncio.sleep(0.01)
            assert not life.done()
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)


async def test_without_places_nobody_is_asked(world: World) -> None:
    for places in ("", " , ,"):
        await keep_copies(world.services.pool, places)


@pytest.mark.parametrize(
    "places", ["ftp://example/x", "http://", "https://a b/", "http://x:99999/", f"copies,s3://{SECRET}"]
)
def test_a_place_that_nothing_could_be_sent_to_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, places: str
) -> None:
    monkeypatch.setenv("GATEHOUSE_CHECKPOINT_COPIES", places)

    with pytest.raises(BadSettings, match="checkpoint_copies") as fault:
        load_settings()

    assert SECRET not in str(fault.value)


def test_places_may_be_folders_and_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    places = f"copies, /srv/copies,https://user:{SECRET}@store.example/bucket/,http://127.0.0.1:9000/hook"
    monkeypatch.setenv("GATEHOUSE_CHECKPOINT_COPIES", places)

    settings = load_settings()

    assert settings.checkpoint_copies == places
    assert SECRET not in repr(settings)
