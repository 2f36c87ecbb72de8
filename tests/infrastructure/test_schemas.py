"""The published schemas: sound, one for every version, true of everything that was ever stored, and of nothing else."""

import json
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from eventsourcing.persistence import StoredEvent
from pydantic import ValidationError

from application.mapper import EnvelopeMapper
from domain.events import EVENTS
from infrastructure.event_schemas import event_schemas
from infrastructure.schemas import FOLDER, schemas
from tests.domain import stored
from tests.domain.stored import example, file_of
from tests.support.json_schema import objections

EXAMPLES: Final = sorted(stored.FOLDER.iterdir())
FROZEN: Final = {
    "RejectionProposed.v1.json": "3390f82d7b957b2a1c8367838fb22f4210a5e19ab335dda6266fff04c73f6a33",
    "SanctionsListPublished.v1.json": "76a9058a1559f84b49010ec5c2e39c3e6244a14513869ae3e681ecfcdfcf156f",
    "entry.v1.json": "2eac53c27872e9ef2c2edf9e0d839f59d5f3fd25cc003831effd260b74a0f31b",
}
"""What is not made from the code: it was published as it is, and stays so."""

Json = dict[str, Any]


def schema_of(name: str, version: int) -> Json:
    schema: Json = json.loads(schemas()[f"{name}.v{version}.json"])
    return schema


def newest(name: str) -> Json:
    return schema_of(name, EVENTS[name].schema_version)


def event_in(path: Path) -> Json:
    """The event of an example, as an entry has it."""
    event: Json = json.loads(example(path).state)
    return event


def version_of(path: Path) -> int:
    """Which version wrote an example: its file says so."""
    middle = path.name.split(".")[1:-1]
    return int(middle[0]) if middle and middle[0].isdigit() else 1


def objects_in(value: object) -> Iterator[Json]:
    """Every object within a value."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_in(child)


def test_every_version_of_every_event_has_a_schema_and_nothing_else_has_but_the_entry() -> None:
    versions = {
        f"{name}.v{version}.json" for name, kind in EVENTS.items() for version in range(1, kind.schema_version + 1)
    }

    assert set(schemas()) == versions | {"entry.v1.json"}
    assert {path.name for path in FOLDER.iterdir()} == {*schemas(), "README.md"}


@pytest.mark.parametrize("file", schemas())
def test_a_schema_says_what_it_is_of(file: str) -> None:
    name, _, version = file.removesuffix(".json").partition(".v")
    schema = schema_of(name, int(version))

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == (f"urn:gatehouse:event:{name}:v{version}" if name != "entry" else "urn:gatehouse:entry:v1")
    assert schema["title"] == (name if name != "entry" else "Entry")
    assert schema["description"].endswith((".", "?"))


@pytest.mark.parametrize("file", schemas())
def test_every_object_in_a_schema_is_closed(file: str) -> None:
    for schema in objects_in(json.loads(schemas()[file])):
        if schema.get("type") == "object" and (file, schema) != ("entry.v1.json", {"type": "object"}):
            assert schema["additionalProperties"] is False
            assert set(schema.get("required", [])) <= set(schema["properties"])


def test_what_the_code_does_not_make_any_more_is_kept_as_it_was() -> None:
    assert set(schemas()) - set(event_schemas()) == FROZEN.keys()


@pytest.mark.parametrize("name", FROZEN)
def test_a_schema_that_is_not_made_from_the_code_never_changes(name: str) -> None:
    assert sha256(schemas()[name]).hexdigest() == FROZEN[name]


CHOICES: Final = {
    "ApiKeyIssued.v1 role": "partner officer auditor admin",
    "LoginRefused.v1 means": "secret bearer",
    "AuditTrailRead.v1 role": "officer auditor",
    "ChallengeFailed.v1 reason": "expired other_message malformed wrong_signer unknown_contract",
    "ChallengeVerified.v1 method": "eip191 eip1271 eip6492",
    "HoldResolved.v1 outcome": "pass fail",
    "HoldResolved.v1 step": "screening verification",
    "MonitoringAttempted.v1 verdict": "clear retry suspicion evidence",
    "OnboardingBarred.v1 subject": "wallet person",
    "RequestKeyRegistered.v1 algorithm": "ecdsa-p384-sha384 ed25519",
    "ScreeningAttempted.v1 verdict": "clear retry hold fail",
    "WebhookMarkedFailing.v1 cause": "undelivered gone",
    "WebhookRecovered.v1 shownBy": "test redelivery",
}
"""The words that a field may have, as published. Others may join them."""


def test_no_word_that_a_field_could_have_is_taken_away() -> None:
    choices = {
        f"{file.removesuffix('.json')} {field}": set(schema["enum"])
        for file, text in schemas().items()
        if not file.startswith("entry.")
        for field, schema in json.loads(text)["properties"]["data"]["properties"].items()
        if "enum" in schema
    }

    assert choices.keys() == CHOICES.keys()
    for place, words in CHOICES.items():
        assert set(words.split()) <= choices[place], place


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_a_version_wrote_is_valid_by_it_and_by_every_later_one(path: Path) -> None:
    name = example(path).topic

    for version in range(version_of(path), EVENTS[name].schema_version + 1):
        assert objections(schema_of(name, version), event_in(path)) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_event_is_of_the_first_version_that_it_is_valid_by(path: Path) -> None:
    name = example(path).topic

    for version in range(1, version_of(path)):
        assert objections(schema_of(name, version), event_in(path)) != []


@pytest.mark.parametrize("name", EVENTS)
def test_a_field_that_nobody_declared_is_not_valid_wherever_it_stands(name: str) -> None:
    places = len(list(objects_in(event_in(file_of(name)))))
    for place in range(places):
        event = event_in(file_of(name))
        list(objects_in(event))[place]["surprise"] = 1
        assert any("surprise" in objection for objection in objections(newest(name), event))


@pytest.mark.parametrize("name", EVENTS)
def test_a_field_may_be_missing_where_the_log_can_do_without_it_and_nowhere_else(name: str) -> None:
    whole = event_in(file_of(name))
    for place, fields in enumerate(list(objects_in(whole))):
        for field in fields:
            event = deepcopy(whole)
            del list(objects_in(event))[place][field]
            assert (objections(newest(name), event) == []) is loads(name, event), field


def loads(name: str, event: Json) -> bool:
    """Whether the service can read this from its log."""
    try:
        EnvelopeMapper().to_domain_event(StoredEvent(stored.STREAM, 1, name, json.dumps(event).encode()))
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", [name for name, kind in EVENTS.items() if kind.personal])
def test_personal_text_in_clear_is_not_valid(name: str) -> None:
    for field in EVENTS[name].personal:
        for clear in ("Alma lost her phone", {"sealed": "Alma lost her phone"}, {"sealed": "QWxtYQ=="}, {}):
            event = event_in(file_of(name))
            event["data"][field] = clear
            assert objections(newest(name), event) != []


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("ChallengeFailed", "submitted", "AB" * 32),
        ("ChallengeFailed", "submitted", "ab" * 31),
        ("ChallengeFailed", "reason", "bored"),
        ("ChallengeIssued", "expiresAt", "2026-01-05T13:00:00"),
        ("ChallengeIssued", "expiresAt", "2026-01-05 13:00:00Z"),
        ("ChallengeIssued", "expiresAt", 1767618000),
        ("ChallengeVerified", "blockNumber", "19000000"),
        ("ChallengeVerified", "blockNumber", None),
        ("CustomerRegistered", "partner", "0198A001-0000-7000-8000-000000000001"),
        ("CustomerRegistered", "partner", "0198a00100007000800000000000 0001"),
        ("CustomerRegistered", "externalId", 4711),
        ("CustomerDeactivated", "ground", "boredom"),
    ],
)
def test_what_the_log_never_writes_is_not_valid(name: str, field: str, value: object) -> None:
    event = event_in(file_of(name))
    event["data"][field] = value

    assert any(f"$.data.{field}: " in objection for objection in objections(newest(name), event))


LINE: Final[Json] = {
    "position": 1,
    "stream": str(stored.STREAM),
    "version": 1,
    "type": "CustomerRegistered",
    "recordedAt": "2026-05-01T12:00:00.000000Z",
    "previous": None,
    "event": event_in(file_of("CustomerRegistered")),
}


@pytest.mark.parametrize("changed", [{}, {"version": 2, "previous": "ab" * 32}, {"type": "SomethingNew"}])
def test_an_entry_is_valid_whatever_its_type(changed: Json) -> None:
    assert objections(schema_of("entry", 1), LINE | changed) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"position": 0},
        {"version": 0},
        {"version": 2},
        {"previous": "ab" * 32},
        {"version": 2, "previous": "AB" * 32},
        {"recordedAt": "2026-05-01T12:00:00Z"},
        {"recordedAt": "2026-05-01T14:00:00.000000+02:00"},
        {"stream": "customer-1"},
        {"type": "customer registered"},
        {"event": {}},
        {"surprise": 1},
    ],
)
def test_a_line_that_is_no_entry_is_not_valid(changed: Json) -> None:
    assert objections(schema_of("entry", 1), LINE | changed) != []


@pytest.mark.parametrize("member", LINE)
def test_an_entry_has_all_its_members(member: str) -> None:
    assert objections(schema_of("entry", 1), {key: value for key, value in LINE.items() if key != member}) != []
