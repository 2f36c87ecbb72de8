"""The formats beside the entries: sound by their standards, and saying what the entries say."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pyarrow.parquet  # type: ignore[import-untyped] # it comes without types
import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it comes without types

from application.transparency.entry import IllegibleEntry
from domain.events import EVENTS
from infrastructure.exports import parquet as parquet_module
from infrastructure.exports.asked import Asked
from infrastructure.exports.parquet import parquet
from infrastructure.exports.reading_entries import Entries
from infrastructure.exports.spreadsheet import COLUMNS, FORMULA, defused
from infrastructure.schemas import schemas
from tests.conftest import Server
from tests.domain.stored import envelope_of
from tests.support.exports import HOSTILE, IDS, ORIGIN, OTHERS_CUSTOMER, entries_of, export, fill, write

STANDARDS: Final = Path(__file__).parents[1] / "support" / "standards"


@pytest.fixture(scope="module")
def bundle(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Every history, and the stored example of every type of event, in all formats."""
    conninfo = server.clone()
    fill(conninfo)
    write(conninfo, [(UUID(int=number << 8), (envelope_of(name).event,)) for number, name in enumerate(EVENTS, 1)])
    yield export(conninfo, tmp_path_factory.mktemp("formats"), Asked(formats=("cloudevents", "csv", "ocel", "parquet")))
    server.drop(conninfo)


@pytest.fixture(scope="module")
def entries(bundle: Path) -> list[dict[str, Any]]:
    return entries_of(bundle)


@pytest.fixture(scope="module")
def events(bundle: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / "events.cloudevents.jsonl").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def log(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "log.ocel.json").read_bytes())
    return found


def validator(standard: str) -> Draft7Validator:
    schema = json.loads((STANDARDS / standard).read_bytes())
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


def test_every_type_of_event_is_there(entries: list[dict[str, Any]]) -> None:
    assert {entry["type"] for entry in entries} == set(EVENTS)


def test_cloudevents_are_sound_by_their_schema(events: list[dict[str, Any]]) -> None:
    check = validator("cloudevents.json")

    for event in events:
        assert [fault.message for fault in check.iter_errors(event)] == []
        assert event["specversion"] == "1.0"
        assert all(isinstance(value, str) for name, value in event.items() if name != "data"), "32 bits are too few"


def test_cloudevents_say_what_the_entries_say(events: list[dict[str, Any]], entries: list[dict[str, Any]]) -> None:
    for event, entry in zip(events, entries, strict=True):
        told = entry["event"]
        assert (event["id"], event["subject"], event["time"]) == (told["eventId"], entry["stream"], told["occurredAt"])
        assert (event["position"], event["version"]) == (str(entry["position"]), str(entry["version"]))
        assert (event["recordedat"], event["actor"]) == (entry["recordedAt"], told["actor"])
        assert (event["correlationid"], event["commandid"]) == (told["correlationId"], told["commandId"])
        assert event.get("causationid") == told.get("causationId")
        assert event["data"] == told["data"]
        assert event["source"] == f"urn:gatehouse:{ORIGIN}"


def test_a_cloudevent_s_schema_is_one_of_the_bundle_s(events: list[dict[str, Any]]) -> None:
    known = {json.loads(schema)["$id"]: json.loads(schema) for schema in schemas().values() if b'"$id"' in schema}

    for event in events:
        name, _, inside = event["dataschema"].partition("#")
        assert inside == "/properties/data"
        assert set(event["data"]) <= set(known[name]["properties"]["data"]["properties"])
        assert event["type"] == "gatehouse." + ".".join(name.split(":")[-2:])


def test_csv_says_what_the_entries_say(bundle: Path, entries: list[dict[str, Any]]) -> None:
    text = (bundle / "events.csv").read_bytes().decode()
    header, *lines = csv.reader(StringIO(text, newline=""))

    assert tuple(header) == COLUMNS
    assert text.count("\r\n") == len(entries) + 1 == text.count("\n")
    for line, entry in zip(lines, entries, strict=True):
        row, told = dict(zip(COLUMNS, line, strict=True)), entry["event"]
        assert (row["position"], row["version"]) == (str(entry["position"]), str(entry["version"]))
        assert all(row[name] == entry[name] for name in ("stream", "type", "recordedAt"))
        assert all(row[name] == told[name] for name in ("occurredAt", "actor", "eventId", "correlationId", "commandId"))
        assert row["causationId"] == told.get("causationId", "")
        assert json.loads(row["data"]) == told["data"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_of_a_csv_can_be_a_formula(bundle: Path, separator: str) -> None:
    """Whatever a program takes for the separator: a hostile reference never begins a cell."""
    text = (bundle / "events.csv").read_bytes().decode()
    assert json.dumps(HOSTILE)[1:-1].replace('"', '""').replace(";", "\\u003b") in text

    cells = [cell for line in csv.reader(StringIO(text, newline=""), delimiter=separator) for cell in line]

    assert len(cells) > 200
    assert [cell for cell in cells if FORMULA.match(cell)] == []


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        '"=1',
        "'=1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "\ufeff=1",
        "\tx",
    ],
)
def test_a_cell_that_a_spreadsheet_would_compute_is_led_by_an_apostrophe(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "partner:1", "a=1", "0198-1", "2026-05-01T12:00:00Z", "x@y"])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    assert defused(cell) == cell


def test_parquet_has_types_and_says_what_the_entries_say(bundle: Path, entries: list[dict[str, Any]]) -> None:
    table = pyarrow.parquet.read_table(bundle / "events.parquet")

    assert [str(field.type) for field in table.schema][:6] == [
        *("int64", "string", "int64", "string", "timestamp[us, tz=UTC]", "timestamp[us, tz=UTC]")
    ]
    for row, entry in zip(table.to_pylist(), entries, strict=True):
        told = entry["event"]
        assert all(row[name] == entry[name] for name in ("position", "stream", "version", "type"))
        assert row["recordedAt"] == datetime.fromisoformat(entry["recordedAt"])
        assert row["occurredAt"] == datetime.fromisoformat(told["occurredAt"])
        assert all(
            row[name] == told.get(name) for name in ("actor", "eventId", "correlationId", "causationId", "commandId")
        )
        assert json.loads(row["data"]) == told["data"]


def test_parquet_is_written_a_row_group_at_a_time(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_module, "GROUP", 1)
    monkeypatch.setattr("infrastructure.exports.reading_entries.AT_ONCE", 50)

    (tmp_path / "small").write_bytes(b"".join(parquet(Entries(bundle / "entries.jsonl", ORIGIN))))

    small, large = (pyarrow.parquet.ParquetFile(path) for path in (tmp_path / "small", bundle / "events.parquet"))
    assert small.metadata.num_row_groups > large.metadata.num_row_groups == 1
    assert small.read().equals(large.read())


def test_ocel_is_sound_by_its_schema(log: dict[str, Any]) -> None:
    assert [fault.message for fault in validator("ocel20-schema-json.json").iter_errors(log)] == []


def test_ocel_names_no_type_attribute_or_object_that_it_does_not_declare(log: dict[str, Any]) -> None:
    """What the standard asks for beyond its schema (sections 4 and 8)."""
    declared = {one["name"]: {each["name"]: each["type"] for each in one["attributes"]} for one in log["eventTypes"]}
    kinds, objects = {one["name"] for one in log["objectTypes"]}, {one["id"]: one for one in log["objects"]}

    assert len(objects) == len(log["objects"])
    assert len({event["id"] for event in log["events"]}) == len(log["events"])
    assert {one["type"] for one in log["objects"]} == kinds
    for event in log["events"]:
        told = {each["name"]: each["value"] for each in event["attributes"]}
        assert told.keys() <= declared[event["type"]].keys()
        for name, value in told.items():
            kind = declared[event["type"]][name]
            assert kind != "integer" or str(int(value)) == value
            assert kind != "time" or datetime.fromisoformat(value)
        assert {one["objectId"] for one in event["relationships"]} <= objects.keys()
    assert {one["objectId"] for each in log["objects"] for one in each["relationships"]} <= objects.keys()


def test_ocel_relates_a_customer_s_events_to_it_and_it_to_its_partner(
    log: dict[str, Any], entries: list[dict[str, Any]]
) -> None:
    active = str(IDS["active"])
    related = [
        event["id"] for event in log["events"] if {"objectId": active, "qualifier": "subject"} in event["relationships"]
    ]

    assert related == [entry["event"]["eventId"] for entry in entries if entry["stream"] == active]
    (customer,) = [one for one in log["objects"] if one["id"] == str(OTHERS_CUSTOMER)]
    assert customer["type"] == "customer"
    assert [one["qualifier"] for one in customer["relationships"]] == ["partner"]


def test_nothing_personal_is_an_object_or_an_attribute(bundle: Path) -> None:
    text = (bundle / "log.ocel.json").read_text()

    assert "eip155:" not in text
    assert "evil.example" not in text


@pytest.mark.parametrize("line", [b"{}", b"nonsense", b'{"position":1,"stream":"x","event":{"eventId":"y","data":{}}}'])
def test_what_is_no_event_has_no_other_format(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "entries.jsonl").write_bytes(line + b"\n")

    with pytest.raises(IllegibleEntry, match=r"line 1 of entries\.jsonl"):
        list(Entries(tmp_path / "entries.jsonl", ORIGIN).batches())
