"""Entries: what a row becomes is fixed to the byte, and what is no row of ours becomes nothing."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest

from application.transparency.entry import IllegibleEntry, entry_of
from application.transparency.tree import leaf_hash

STREAM: Final = UUID("0198a001-0000-7000-8000-00000000000a")
AT: Final = datetime(2026, 5, 1, 12, tzinfo=UTC)
STATE: Final = '{"eventId":"e","data":{"name":"Zoë — \\n"}}'.encode()
ROW: Final = (STREAM, 1, "CustomerRegistered", STATE, 7, AT, None)


def entry(**changed: Any) -> bytes:  # noqa: ANN401 -- a row's columns
    names = ("stream", "version", "topic", "state", "position", "recorded_at", "previous")
    return entry_of(**(dict(zip(names, ROW, strict=True)) | changed))


def test_an_entry_is_one_line_in_a_fixed_order_with_the_stored_bytes_as_they_are() -> None:
    assert entry_of(*ROW) == (
        b'{"position":7,"stream":"0198a001-0000-7000-8000-00000000000a","version":1,"type":"CustomerRegistered",'
        b'"recordedAt":"2026-05-01T12:00:00.000000Z","previous":null,"event":' + STATE + b"}"
    )


def test_an_entry_names_the_hash_of_the_one_before_it_in_its_stream() -> None:
    before = leaf_hash(b"before")

    told = json.loads(entry(version=2, previous=before))

    assert told["previous"] == before.hex()
    assert json.loads(entry())["previous"] is None


def test_microseconds_are_written_whether_there_are_any_or_not() -> None:
    assert json.loads(entry(recorded_at=AT.replace(microsecond=120)))["recordedAt"] == "2026-05-01T12:00:00.000120Z"


def test_the_leaf_is_the_hash_of_the_line() -> None:
    assert leaf_hash(entry()).hex() == "47955357e30de1d9d87a1697b7462d32a10346edb6f4a4171a5c778a79d1a1c8"


@pytest.mark.parametrize(
    ("changed", "to"),
    [
        ("position", 8),
        ("version", 2),
        ("topic", "CustomerRegistere"),
        ("state", STATE + b" "),
        ("recorded_at", AT.replace(microsecond=1)),
        ("previous", bytes(32)),
        ("stream", UUID(int=1)),
    ],
)
def test_every_column_counts(changed: str, to: object) -> None:
    assert leaf_hash(entry(**{changed: to})) != leaf_hash(entry())


@pytest.mark.parametrize(
    "state", [b"", b"null", b"[]", b'"text"', b'{"a":1}\n', b'{"a":\r1}', b'{"a":\n1}', b' {"a":1}', b"\xff\xfe"]
)
def test_a_state_that_is_not_one_line_with_an_object_is_illegible(state: bytes) -> None:
    with pytest.raises(IllegibleEntry):
        entry(state=state)


@pytest.mark.parametrize("topic", ["", "Customer Registered", 'X","previous":"', "Kund·in", "Ünlü", "A\n", "a.b", "1A"])
def test_a_type_that_is_no_name_is_illegible(topic: str) -> None:
    with pytest.raises(IllegibleEntry):
        entry(topic=topic)


def test_what_is_wrong_is_told_without_the_event() -> None:
    with pytest.raises(IllegibleEntry) as fault:
        entry(state=b"Jane Doe")

    assert str(fault.value) == "the event at 7 is not one line of JSON"
