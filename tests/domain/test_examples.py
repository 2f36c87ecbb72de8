import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from eventsourcing.persistence import StoredEvent
from pydantic import BaseModel, ValidationError

from application.mapper import EnvelopeMapper, UnknownEventType
from domain.events import EVENTS, ChallengeFailed
from domain.findings import Severity
from domain.vocabulary import Fact, Ground, Reason, Sealed, Status
from tests.domain.stored import FOLDER, STREAM, envelope_of, example, file_of

FILES = sorted(FOLDER.iterdir())


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_has_an_example(name: str) -> None:
    assert file_of(name).exists(), f"write {file_of(name).name} with every field set, as the log stores it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_loads_forever(path: Path) -> None:
    stored = example(path)

    envelope = EnvelopeMapper().to_domain_event(stored)

    assert type(envelope.event) is EVENTS[stored.topic]
    assert envelope.type == stored.topic


@pytest.mark.parametrize("name", EVENTS)
def test_what_was_loaded_is_written_again_as_the_same_bytes(name: str) -> None:
    stored = example(file_of(name))

    assert EnvelopeMapper().to_stored_event(envelope_of(name)).state == stored.state


@pytest.mark.parametrize("name", EVENTS)
def test_an_example_sets_every_field(name: str) -> None:
    state = json.loads(example(file_of(name)).state)

    assert list(state) == ["eventId", "occurredAt", "actor", "correlationId", "causationId", "commandId", "data"]
    for fact in facts_in(envelope_of(name).event):
        for field in type(fact).model_fields:
            assert field in fact.model_fields_set, f"{type(fact).__name__}.{field} is not in the example"
            assert getattr(fact, field) not in (None, ()) or field == "findings", field


def facts_in(value: Any) -> Iterator[Fact]:  # noqa: ANN401 -- whatever a field may hold
    """A fact and every fact inside it."""
    if isinstance(value, Fact):
        yield value
        for field in type(value).model_fields:
            yield from facts_in(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from facts_in(item)


def test_what_is_personal_is_stored_sealed() -> None:
    for name, kind in EVENTS.items():
        data = json.loads(example(file_of(name)).state)["data"]
        for field in kind.personal:
            assert list(data[field]) == ["sealed"], name
        sealed = {field for field in kind.model_fields if isinstance(getattr(envelope_of(name).event, field), Sealed)}
        assert sealed == set(kind.personal)


def test_free_text_about_a_person_is_declared_personal() -> None:
    for kind in EVENTS.values():
        free = {name for name, field in kind.model_fields.items() if Sealed in get_args(field.annotation)}
        assert free == set(kind.personal), kind.__name__
        assert ("reason" in kind.model_fields) == ("reason" in kind.personal) or kind is ChallengeFailed


def test_an_event_of_a_type_that_nobody_knows_is_not_guessed_at() -> None:
    state = example(file_of("ApiKeyRevoked")).state

    with pytest.raises(UnknownEventType):
        EnvelopeMapper().to_domain_event(StoredEvent(STREAM, 1, "ApiKeyBlessed", state))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("inside", ["state", "data"])
def test_a_field_that_nobody_declared_is_an_error(path: Path, inside: str) -> None:
    stored = example(path)
    state = json.loads(stored.state)
    (state if inside == "state" else state["data"])["surprise"] = 1

    with pytest.raises(ValidationError, match="surprise"):
        EnvelopeMapper().to_domain_event(
            StoredEvent(STREAM, 1, stored.topic, json.dumps(state).encode()),
        )


@pytest.mark.parametrize("name", EVENTS)
def test_a_field_that_is_missing_is_an_error_unless_it_may_be(name: str) -> None:
    stored = example(file_of(name))
    kind: type[BaseModel] = EVENTS[name]
    for field, info in kind.model_fields.items():
        state = json.loads(stored.state)
        del state["data"][info.serialization_alias or field]
        less = StoredEvent(STREAM, 1, name, json.dumps(state).encode())
        if info.is_required():
            with pytest.raises(ValidationError):
                EnvelopeMapper().to_domain_event(less)
        else:
            assert getattr(EnvelopeMapper().to_domain_event(less).event, field) == info.default


def test_no_event_type_of_the_log_is_renamed_or_removed() -> None:
    assert {path.name.partition(".")[0] for path in FILES} == EVENTS.keys()
    assert all(name == kind.__name__ for name, kind in EVENTS.items())


WORDS = {
    Status: "initiating screening verifying active inactive rejected",
    Ground: "partner_request issue suspicion",
    Severity: "low medium high severe",
    Reason: "sanctions_match confirmed_by_two_sources contradicted_findings unconfirmed_findings"
    " single_source_findings source_unavailable wallet_barred previously_rejected duplicate_person provider_rejected"
    " provider_retry provider_hold retries_exhausted confirmation_required officer_decision unidentified_person",
}


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_no_word_of_the_log_is_renamed_or_removed(kind: type[Status | Ground | Severity | Reason]) -> None:
    assert set(WORDS[kind].split()) <= {word.value for word in kind}


def test_there_are_six_statuses_and_nothing_else() -> None:
    assert [status.value for status in Status] == WORDS[Status].split()
