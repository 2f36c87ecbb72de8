"""Exports over HTTP: ordered by auditors, made beside the service, fetched whole or in parts, and on record."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx2
import pytest
import uvloop
from pyarrow.parquet import read_table  # type: ignore[import-untyped] # it comes without types

from infrastructure.exports import jobs as jobs_module
from infrastructure.exports.beside import Died, beside
from infrastructure.exports.target import Target
from infrastructure.key_changes import issue_key
from infrastructure.keys.signing import announce_signing_key
from infrastructure.settings import Settings
from tests.conftest import Server
from tests.support.exports import HOSTILE, rows
from tests.support.http import MISSING, assert_problem, fresh_wallet
from tests.support.planted import found_in, plant
from tests.support.world import World, running

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo, folder = server.clone(), tmp_path_factory.mktemp("service")
    async with running(conninfo, folder) as world:
        await announce_signing_key(world.services, Settings(data=folder))
        await world.register(fresh_wallet(), external_id=HOSTILE)
        yield world
    server.drop(conninfo)


async def ordered(world: World, **asked: object) -> dict[str, Any]:
    """An order, just given."""
    response = await world.auditor.post("/v1/exports", json=asked)
    assert response.status_code == 202, response.text
    told: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/exports/{told['id']}"
    return told


async def finished(world: World, **asked: object) -> dict[str, Any]:
    """An order, once it is not running any more."""
    return await settled(world.auditor, await ordered(world, **asked))


async def settled(client: httpx2.AsyncClient, told: dict[str, Any], **headers: str) -> dict[str, Any]:
    """The same order, once it is not running any more."""
    while told["status"] == "running":
        told = (await client.get(f"/v1/exports/{told['id']}", headers=headers)).json()
    return told


@pytest.fixture(scope="module")
async def export(world: World) -> dict[str, Any]:
    """A finished export of everything."""
    return await finished(world, formats=["csv"])


async def test_an_order_becomes_a_bundle_that_verifies(world: World, export: dict[str, Any], tmp_path: Path) -> None:
    assert export["status"] == "ready"
    assert export["formats"] == ["csv", "jsonl"]
    assert export["position"] == export["size"] == export["entries"]

    fetched = await world.auditor.get(f"/v1/exports/{export['id']}/file")

    assert fetched.status_code == 200
    assert fetched.headers["content-type"] == "application/zip"
    assert fetched.headers["accept-ranges"] == "bytes"
    assert fetched.headers["etag"] == f'"{export["sha256"]}"'
    assert int(fetched.headers["content-length"]) == export["bytes"] == len(fetched.content)
    assert sha256(fetched.content).hexdigest() == export["sha256"]
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(fetched.content)
    with ZipFile(bundle) as archive:
        assert sha256(archive.read("manifest.json")).hexdigest() == export["manifest"]
        archive.extractall(tmp_path / "bundle")
    verified = subprocess.run(  # noqa: S603, ASYNC221 -- as an auditor does
        [sys.executable, tmp_path / "bundle" / "verify.py", bundle], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout.splitlines()[-1]) == (0, "All right.")


async def test_who_ordered_it_is_on_record(world: World, export: dict[str, Any]) -> None:
    produced = next(
        told for told in rows(world.services.conninfo, "ExportProduced") if told["manifest"] == export["manifest"]
    )

    reader = next(key for key in await world.services.directory.all() if key["name"] == "auditor")
    assert produced["reader"] == reader["keyId"]
    assert (produced["formats"], produced["upto"]) == (["csv", "jsonl"], export["size"])


async def test_a_hostile_reference_comes_out_of_the_csv_as_text(world: World, export: dict[str, Any]) -> None:
    fetched = await world.auditor.get(f"/v1/exports/{export['id']}/file")

    with ZipFile(BytesIO(fetched.content)) as archive:
        text = archive.read("events.csv").decode()
    assert "=HYPERLINK" in text
    assert ",=" not in text
    assert ";" not in text


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=0-999999999", slice(None)),
        ("bytes=5-5", slice(5, 6)),
    ],
)
async def test_a_part_is_answered_with_206(world: World, export: dict[str, Any], asked: str, part: slice) -> None:
    path = f"/v1/exports/{export['id']}/file"
    whole = (await world.auditor.get(path)).content

    response = await world.auditor.get(path, headers={"Range": asked})

    first, last, _ = part.indices(len(whole))
    assert (response.status_code, response.content) == (206, whole[part])
    assert response.headers["content-range"] == f"bytes {first}-{last - 1}/{len(whole)}"
    assert response.headers["content-length"] == str(last - first)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=9-5",
        "bytes=9-8",
        "bytes=999999999-5",
        "bytes=x-",
        "bytes=",
        "bytes=-",
        "items=0-1",
        "bytes=0-1,5-6",
        "0-1",
    ],
)
async def test_a_range_that_makes_no_sense_is_answered_with_everything(
    world: World, export: dict[str, Any], asked: str
) -> None:
    response = await world.auditor.get(f"/v1/exports/{export['id']}/file", headers={"Range": asked})

    assert (response.status_code, len(response.content)) == (200, export["bytes"])
    assert "content-range" not in response.headers


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes={size}-{size}", "bytes=-0"])
async def test_a_part_that_is_not_there_is_refused(world: World, export: dict[str, Any], asked: str) -> None:
    given = {"Range": asked.format(size=export["bytes"])}

    response = await world.auditor.get(f"/v1/exports/{export['id']}/file", headers=given)

    assert_problem(response, 416, "range_not_satisfiable")
    assert response.headers["content-range"] == f"bytes */{export['bytes']}"


async def test_a_download_goes_on_only_with_the_very_same_file(world: World, export: dict[str, Any]) -> None:
    path = f"/v1/exports/{export['id']}/file"

    same = await world.auditor.get(path, headers={"Range": "bytes=5-", "If-Range": f'"{export["sha256"]}"'})
    other = await world.auditor.get(path, headers={"Range": "bytes=5-", "If-Range": f'"{"0" * 64}"'})

    assert (same.status_code, len(same.content)) == (206, export["bytes"] - 5)
    assert (other.status_code, len(other.content)) == (200, export["bytes"])


async def test_an_export_belongs_to_the_key_that_ordered_it(world: World, export: dict[str, Any]) -> None:
    issued = await issue_key(world.services, role="auditor", name="another")
    headers = {"Authorization": f"Bearer {issued.key}"}
    async with httpx2.AsyncClient(base_url=world.url, headers=headers, timeout=30) as another:
        for path in (f"/v1/exports/{export['id']}", f"/v1/exports/{export['id']}/file"):
            assert_problem(await another.get(path), 404, "export_not_found")


@pytest.mark.parametrize("path", ["/v1/exports/{id}", "/v1/exports/{id}/file"])
async def test_what_is_not_there_is_told(world: World, path: str) -> None:
    assert_problem(await world.auditor.get(path.format(id=MISSING)), 404, "export_not_found")
    assert_problem(await world.auditor.get(path.format(id="nonsense")), 422, "malformed_id")


async def test_filters_are_those_of_the_bundle(world: World) -> None:
    told = await finished(world, types=["CustomerRegistered"], recordedFrom="2020-01-01T00:00:00+01:00")

    fetched = await world.auditor.get(f"/v1/exports/{told['id']}/file")
    with ZipFile(BytesIO(fetched.content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        lines = archive.read("entries.jsonl").splitlines()
    assert (manifest["filters"]["types"], manifest["filters"]["recordedFrom"]) == (
        ["CustomerRegistered"],
        "2019-12-31T23:00:00.000000Z",
    )
    assert {json.loads(line)["type"] for line in lines} == {"CustomerRegistered"}
    assert told["entries"] == len(lines) >= 1


@pytest.mark.parametrize(
    "body",
    [
        {"formats": ["xml"]},
        {"types": ["Nothing"]},
        {"recordedUntil": "2026-05-01T12:00:00"},
        {"recordedFrom": "yesterday"},
        {"recordedFrom": "0001-01-01T00:00:00+14:00"},
        {"recordedUntil": "9999-12-31T23:59:59-14:00"},
        {"customer": "5"},
        {"unknown": 1},
    ],
)
async def test_what_cannot_be_asked_is_refused(world: World, body: dict[str, Any]) -> None:
    assert_problem(await world.auditor.post("/v1/exports", json=body), 422, "invalid_request")


async def test_where_nothing_was_recorded_by_then_it_says_so(world: World) -> None:
    told = await finished(world, recordedUntil="2020-01-01T00:00:00Z")

    assert (told["status"], told["failure"]) == ("failed", "nothing_recorded")
    assert_problem(await world.auditor.get(f"/v1/exports/{told['id']}/file"), 409, "export_not_ready")


async def test_a_format_that_was_not_installed_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.exports.parquet.find_spec", lambda _: None)

    response = await world.auditor.post("/v1/exports", json={"formats": ["parquet"]})

    assert_problem(response, 422, "format_unavailable")


async def test_one_is_made_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held, writes = asyncio.Event(), jobs_module._write  # noqa: SLF001 -- what is held up here

    async def held_up(writing: Any) -> Any:  # noqa: ANN401 -- passed on
        await held.wait()
        return await writes(writing)

    monkeypatch.setattr(jobs_module, "_write", held_up)
    first = await ordered(world)

    second = await world.auditor.post("/v1/exports", json={})
    early = await world.auditor.get(f"/v1/exports/{first['id']}/file")
    held.set()

    assert_problem(second, 409, "export_under_way")
    assert_problem(early, 409, "export_not_ready")
    assert (await settled(world.auditor, first))["status"] == "ready"


async def test_files_are_the_services_alone_and_go_when_their_time_is_over(world: World) -> None:
    told = await finished(world)
    orders = world.services.exports
    folder = next(order.path for order in orders.all() if str(order.id) == told["id"])
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]

    orders.clear(world.clock() + timedelta(days=6, hours=23))
    assert (await world.auditor.get(f"/v1/exports/{told['id']}")).status_code == 200
    orders.clear(world.clock() + timedelta(days=7))

    assert_problem(await world.auditor.get(f"/v1/exports/{told['id']}"), 404, "export_not_found")
    assert not folder.exists()


async def test_what_was_half_removed_goes_too(world: World) -> None:
    """Had the order gone first, and the bundle not, nobody would know of it any more."""
    told = await finished(world)
    orders = world.services.exports
    folder = next(order.path for order in orders.all() if str(order.id) == told["id"])
    (folder / "order.json").unlink()

    orders.clear(world.clock())

    assert not folder.exists()


async def test_the_service_answers_while_a_bundle_is_handed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_over, threads = Target.hand_over, list[threading.Thread]()

    def seen(target: Target) -> None:
        threads.append(threading.current_thread())
        hand_over(target)

    monkeypatch.setattr(Target, "hand_over", seen)

    assert (await finished(world))["status"] == "ready"
    assert threads
    assert threading.main_thread() not in threads


async def test_a_restarted_service_goes_on_with_what_it_had_begun(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo = server.clone()

    async def never(_: object) -> Any:  # noqa: ANN401 -- never
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(jobs_module, "_write", never)
        async with running(conninfo, tmp_path) as world:
            await announce_signing_key(world.services, Settings(data=tmp_path))
            told = await ordered(world)
            auditor = world.auditor.headers["authorization"]
    async with running(conninfo, tmp_path) as world:
        told = await settled(world.admin, told, authorization=auditor)

    assert told["status"] == "ready"
    server.drop(conninfo)


async def test_an_export_after_an_erasure_has_nothing_of_whom_it_was(server: Server, tmp_path: Path) -> None:
    conninfo = server.clone()
    async with running(conninfo, tmp_path) as world:
        await announce_signing_key(world.services, Settings(data=tmp_path))
        second = await issue_key(world.services, role="officer", name="second")
        headers = {"Authorization": f"Bearer {second.key}"}
        world.clients["second"] = httpx2.AsyncClient(base_url=world.url, headers=headers, timeout=30)
        planted = await plant(world)
        with world.clock.moved(world.services.retention):
            erased = await world.admin.post(f"{planted.path}/erasure", json={"legalBasis": "retention_over"})
        assert erased.status_code == 200, erased.text

        told = await finished(world, formats=["csv", "cloudevents", "ocel", "parquet"])
        fetched = (await world.auditor.get(f"/v1/exports/{told['id']}/file")).content

    with ZipFile(BytesIO(fetched)) as archive:
        everything = {name: archive.read(name) for name in archive.namelist()}
    everything["in columns"] = repr(read_table(BytesIO(everything["events.parquet"])).to_pylist()).encode()
    assert str(planted.id).encode() in everything["in columns"]
    assert found_in(planted, b"\n".join(everything.values())) == []
    server.drop(conninfo)


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), Died(), ValueError("a mistake of ours")])
async def test_what_fails_for_good_is_told_as_failed(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def failing(_: object) -> Any:  # noqa: ANN401 -- never
        raise fault

    monkeypatch.setattr(jobs_module, "_write", failing)

    told = await finished(world)

    assert (told["status"], told["failure"]) == ("failed", "export_failed")


def answer() -> int:
    return 42


def fail() -> int:
    raise OSError(28, "No space left on device")


def answer_at_length() -> bytes:
    return bytes(1_000_000)


def told_to_end() -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    return 42


def die() -> int:
    raise SystemExit(9)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_it_hands_back_may_be_longer_than_a_pipe_holds(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(beside(answer_at_length)) == bytes(1_000_000)


async def test_a_process_beside_leaves_it_to_the_service_when_all_are_told_to_end() -> None:
    """Were it to end by itself, the service would take the export for failed, and not go on with it later."""
    assert await beside(told_to_end) == 42


async def test_a_process_beside_hands_back_what_comes_of_its_work() -> None:
    assert await beside(answer) == 42
    with pytest.raises(OSError, match="No space"):
        await beside(fail)
    with pytest.raises(Died):
        await beside(die)
