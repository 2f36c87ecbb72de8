"""Bundles: the log's own lines, complete, with what it takes to check them, and the same bytes every time."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from application.transparency.entry import entry_of
from application.transparency.notes import Note, opened_checkpoint, parse_key, parse_note
from application.transparency.tiles import hashes_of, place_of
from application.transparency.tree import leaf_hash, root
from infrastructure.exports import stretches
from infrastructure.exports.asked import Asked
from infrastructure.exports.bundle import Made, Writing
from infrastructure.exports.production import NothingRecorded, in_thread
from infrastructure.exports.progress import Progress
from infrastructure.exports.stretches import Stretches
from infrastructure.exports.target import State, Target
from infrastructure.exports.verify import verify
from infrastructure.faults import CannotStart
from infrastructure.schemas import schemas
from tests.conftest import Server
from tests.domain.samples import CUSTOMER, PARTNER, minutes
from tests.support.exports import (
    IDS,
    ORIGIN,
    OTHER_PARTNER,
    OTHERS_CUSTOMER,
    SIGNER,
    entries_of,
    export,
    files_of,
    fill,
    fill_fixed,
    manifest_of,
    rows,
)

GOLDEN: Final = "62d5be63b672302fa6e5d84f2e3aa37b6fdb8dcfdd2b7ec0e2fab1004ab495ef"
"""Of the whole small log's files, but for the verifier and the schemas, which have tests of their own."""


@pytest.fixture(scope="module")
def log(server: Server) -> Iterator[str]:
    conninfo = server.clone()
    fill(conninfo)
    yield conninfo
    server.drop(conninfo)


@pytest.fixture
def own(database: str) -> str:
    fill(database)
    return database


def size_of(conninfo: str) -> int:
    with psycopg.connect(conninfo) as owner:
        row = owner.execute("SELECT max(notification_id) FROM gatehouse.stored_events").fetchone()
    assert row
    return int(row[0])


def test_a_bundle_of_a_known_log_has_known_bytes(database: str, tmp_path: Path) -> None:
    fill_fixed(database)

    files = files_of(export(database, tmp_path, Asked(formats=("csv", "cloudevents"))))

    fixed = {
        name: digest
        for name, digest in files.items()
        if name not in {"verify.py", "manifest.json", "manifest.sig"} and not name.startswith("schemas/")
    }
    assert {"tile/0/000", "tile/0/001.p/45", "tile/1/000.p/1"} < fixed.keys()
    assert sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest() == GOLDEN


def test_every_line_is_the_leaf_that_the_tree_was_built_over(own: str, tmp_path: Path) -> None:
    bundle = export(own, tmp_path)

    lines = (bundle / "entries.jsonl").read_bytes().split(b"\n")
    manifest = manifest_of(bundle)
    tiles = {
        place[0]: (bundle / name).read_bytes()
        for name in manifest["files"]
        if name.startswith("tile/") and (place := place_of(name))
    }
    assert lines.pop() == b""
    leaves = [leaf_hash(line) for line in lines]
    assert b"".join(leaves) == b"".join(tiles[place] for place in sorted(tiles) if place[0] == 0)
    assert root(len(leaves), hashes_of(tiles)).hex() == manifest["checkpoint"]["root"]
    assert (
        manifest["checkpoint"]["size"]
        == manifest["entries"]
        == manifest["last"]
        == len(leaves)
        == 1 + manifest["last"] - manifest["first"]
    )


def test_lines_are_what_the_pure_part_makes_of_the_same_rows(own: str, tmp_path: Path) -> None:
    """PostgreSQL writes the head of a line, so that it must be held against what writes it for the tree."""
    with psycopg.connect(own) as owner:
        owner.execute("SET timezone = 'UTC'")
        stored: list[Any] = owner.execute(
            "SELECT originator_id, originator_version, topic, state, notification_id, recorded_at"
            " FROM gatehouse.stored_events ORDER BY notification_id",
            binary=True,
        ).fetchall()

    lines = (export(own, tmp_path) / "entries.jsonl").read_bytes().splitlines()

    leaves: dict[tuple[object, int], bytes] = {}
    for (stream, version, *rest), line in zip(stored, lines, strict=True):
        expected = entry_of(stream, version, *rest, leaves.get((stream, version - 1)))  # type: ignore[call-arg] # as many
        leaves[stream, version] = leaf_hash(expected)
        assert line == expected


def test_the_manifest_and_the_checkpoint_are_signed_by_the_key_that_the_log_announces(own: str, tmp_path: Path) -> None:
    bundle = export(own, tmp_path)

    manifest = manifest_of(bundle)
    digest = sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    note = parse_note((bundle / "manifest.sig").read_text())
    assert note.text == f"{ORIGIN}\nmanifest\n{digest}\n"
    assert SIGNER.public.verifies(note.text, note.signatures[0])
    checkpoint = opened_checkpoint((bundle / "checkpoint").read_text(), [parse_key(manifest["key"])])
    assert (checkpoint.size, checkpoint.root.hex()) == (manifest["checkpoint"]["size"], manifest["checkpoint"]["root"])
    (announced,) = [json.loads(line) for line in (bundle / "keys.jsonl").read_bytes().splitlines()]
    assert announced["event"]["data"]["key"] == manifest["key"] == SIGNER.public.vkey


def test_the_manifest_names_every_other_file(own: str, tmp_path: Path) -> None:
    bundle = export(own, tmp_path)

    told = {name: of["sha256"] for name, of in manifest_of(bundle)["files"].items()}
    assert told == {name: digest for name, digest in files_of(bundle).items() if not name.startswith("manifest.")}
    assert {f"schemas/{name}" for name in schemas()} < told.keys()
    assert {"README.txt", "verify.py", "keys.jsonl", "checkpoint"} < told.keys()


def test_the_same_export_has_the_same_bytes(own: str, tmp_path: Path) -> None:
    asked = Asked(recorded_until=minutes(3), formats=("csv", "cloudevents", "ocel", "parquet"))

    first = files_of(export(own, tmp_path, asked, "first"))
    second = files_of(export(own, tmp_path, asked, "second"))

    assert first == second
    assert len(rows(own, "CheckpointPublished")) == 1, "a checkpoint that is on record is not published again"


def test_processes_beside_write_the_same_bytes(own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(recorded_until=minutes(60))
    here = files_of(export(own, tmp_path, asked, "here"))
    monkeypatch.setattr(stretches, "WORTH_A_PROCESS", 0)
    assert files_of(export(own, tmp_path, asked, "beside")) == here


@pytest.mark.parametrize("of", [2, 3])
@pytest.mark.parametrize("after", [0, 5])
def test_what_is_made_in_turns_is_the_same_as_by_one(
    own: str, tmp_path: Path, after: int, of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(own, tmp_path)  # which has the tree built
    monkeypatch.setattr(stretches, "STRETCH", 7)
    asked = Stretches(own, Asked(), after, 100)

    whole = [*asked.each(1, of=1)]
    turns = [[*asked.each(turn, of=of)] for turn in range(1, of + 1)]

    assert [stretch.last for stretch in whole] == [*range(after + 7, 100, 7), 100]
    assert [stretch for stretch in chain(*zip_longest(*turns)) if stretch] == whole


def test_what_a_process_beside_meets_is_told_here(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "WORTH_A_PROCESS", 0)
    asked = Stretches(own.replace("dbname=", "dbname=no_"), Asked(), 0, 3)
    with pytest.raises(psycopg.OperationalError):
        next(asked.all())


def test_a_zip_has_the_same_bytes_too(own: str, tmp_path: Path) -> None:
    asked = Asked(recorded_until=minutes(3))

    first, second = (export(own, tmp_path, asked, name).read_bytes() for name in ("first.zip", "second.zip"))

    assert first == second


def test_whoever_takes_events_out_is_on_record(own: str, tmp_path: Path) -> None:
    size = size_of(own)

    bundle = export(own, tmp_path, Asked(formats=("csv",), types=("WalletClaimed",)))

    (produced,) = rows(own, "ExportProduced")
    assert produced == {
        "formats": ["csv", "jsonl"],
        "upto": size,
        "types": ["WalletClaimed"],
        "entries": 1,
        "manifest": sha256((bundle / "manifest.json").read_bytes()).hexdigest(),
    }
    (published,) = rows(own, "CheckpointPublished")
    assert (published["size"], published["note"]) == (size, (bundle / "checkpoint").read_text())


SELECTED: Final[dict[str, tuple[Asked, Callable[[dict[str, str]], bool]]]] = {
    "a customer": (Asked(customer=IDS["active"]), lambda row: row["stream"] == str(IDS["active"])),
    "a partner": (
        Asked(partner=PARTNER),
        lambda row: row["stream"] in map(str, IDS.values()) and row["stream"] != str(OTHERS_CUSTOMER),
    ),
    "another partner": (Asked(partner=OTHER_PARTNER), lambda row: row["stream"] == str(OTHERS_CUSTOMER)),
    "types": (
        Asked(types=("ScreeningPassed", "CustomerRegistered")),
        lambda row: row["type"] in {"ScreeningPassed", "CustomerRegistered"},
    ),
    "from a time on": (Asked(recorded_from=minutes(2)), lambda row: row["recordedAt"] >= stamp(minutes(2))),
    "until a time": (Asked(recorded_until=minutes(2)), lambda row: row["recordedAt"] < stamp(minutes(2))),
    "all of it": (
        Asked(
            recorded_from=minutes(1),
            recorded_until=minutes(3),
            partner=PARTNER,
            types=("ChallengeIssued", "ChallengeVerified"),
        ),
        lambda row: (
            stamp(minutes(1)) <= row["recordedAt"] < stamp(minutes(3))
            and row["type"] in {"ChallengeIssued", "ChallengeVerified"}
        ),
    ),
}


def stamp(moment: datetime) -> str:
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"


@pytest.mark.parametrize("name", SELECTED)
@pytest.mark.parametrize("span", [4096, 7])
def test_filters_choose_what_they_say_of_the_whole_log(
    own: str, tmp_path: Path, name: str, span: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, chosen = SELECTED[name]
    whole = entries_of(export(own, tmp_path, name="whole"))
    monkeypatch.setattr(stretches, "STRETCH", span)

    bundle = export(own, tmp_path, asked)

    found = entries_of(bundle)
    expected = [row for row in whole if chosen(row)]
    assert 0 < len(expected) < len(whole)
    assert [row for row in found if row["position"] <= len(whole)] == expected
    assert verify(bundle).problems == []


def test_tiles_lead_from_each_chosen_entry_to_the_root(own: str, tmp_path: Path) -> None:
    bundle = export(own, tmp_path, Asked(customer=IDS["active"]))

    names = [name for name in manifest_of(bundle)["files"] if name.startswith("tile/")]
    assert 0 < len(names) <= 2
    tiles = {place[0]: (bundle / name).read_bytes() for name in names if (place := place_of(name))}
    for line in (bundle / "entries.jsonl").read_bytes().splitlines():
        index = json.loads(line)["position"] - 1
        assert hashes_of(tiles)(0, index) == leaf_hash(line)


def test_what_was_forged_is_exported_as_it_is(own: str, tmp_path: Path) -> None:
    """The exporter hides nothing: the line says what the database says, and the tile what it said before."""
    export(own, tmp_path, name="before")
    with psycopg.connect(own) as owner:
        owner.execute("ALTER TABLE gatehouse.stored_events DISABLE TRIGGER append_only_rows")
        owner.execute(
            "UPDATE gatehouse.stored_events SET state = convert_to(replace(convert_from(state, 'UTF8'),"
            " '\"attempt\":1', '\"attempt\":7'), 'UTF8') WHERE originator_id = %s AND topic = 'ScreeningPassed'",
            (IDS["active"],),
        )

    bundle = export(own, tmp_path, name="after")

    (forged,) = [
        row for row in entries_of(bundle) if (row["stream"], row["type"]) == (str(IDS["active"]), "ScreeningPassed")
    ]
    assert forged["event"]["data"]["attempt"] == 7
    assert [(found.code, found.position) for found in verify(bundle).problems] == [
        ("entry_changed", forged["position"])
    ]


def test_an_empty_range_is_a_bundle_without_entries(own: str, tmp_path: Path) -> None:
    manifest = manifest_of(export(own, tmp_path, Asked(customer=CUSTOMER)))

    assert (manifest["entries"], manifest["first"], manifest["last"]) == (0, 1, manifest["checkpoint"]["size"])


def test_a_time_before_the_log_began_has_nothing_to_export(log: str, tmp_path: Path) -> None:
    with pytest.raises(NothingRecorded):
        export(log, tmp_path, Asked(recorded_until=minutes(-60)))

    assert not (tmp_path / "bundle.partial").exists()


def test_from_the_first_moment_that_there_is_it_has_everything(own: str, tmp_path: Path) -> None:
    manifest = manifest_of(export(own, tmp_path, Asked(recorded_from=datetime.min.replace(tzinfo=UTC))))

    assert (manifest["first"], manifest["entries"]) == (1, manifest["last"])


def test_a_finished_bundle_is_never_overwritten(log: str, tmp_path: Path) -> None:
    bundle = export(log, tmp_path)
    before = files_of(bundle)

    with pytest.raises(CannotStart, match="never overwritten"):
        export(log, tmp_path)

    assert files_of(bundle) == before


def test_an_unfinished_export_of_something_else_is_not_gone_on_with(log: str, tmp_path: Path) -> None:
    (tmp_path / "bundle.partial").mkdir()
    (tmp_path / "bundle.partial" / "state.json").write_text('{"asked": {}, "state": {"upto": 5}}')

    with pytest.raises(CannotStart, match="unfinished export of something else"):
        export(log, tmp_path)


@pytest.mark.anyio
async def test_a_thread_that_nobody_waits_for_ends_at_its_next_step() -> None:
    begun, ended = threading.Event(), threading.Event()

    class Endless(Writing):
        def run(self, progress: Progress) -> Made:
            begun.set()
            try:
                while True:
                    progress(1)
            finally:
                ended.set()

    writing = Endless("", Asked(), Note("", ()), 1, Target(Path("nowhere")), State(1))
    waiting = asyncio.create_task(in_thread(writing))
    await asyncio.to_thread(begun.wait)
    waiting.cancel()

    await asyncio.to_thread(ended.wait)
