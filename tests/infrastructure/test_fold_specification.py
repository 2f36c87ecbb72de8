"""`docs/fold.md`, its vectors and its reader: what they say of a customer is what the service itself says."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from application.transparency.tree import leaf_hash
from domain.customer import LEADS_TO
from domain.events import EVENTS, CustomerRegistered
from domain.vocabulary import Event, Status
from infrastructure.documents import ROOT
from infrastructure.schemas import schemas
from projections.projection import CUSTOMER_EVENTS
from tests.domain.histories import ACTIVE, DEACTIVATED_BY_PARTNER, HISTORIES, REGISTERED, History
from tests.domain.samples import PARTNER, WALLET
from tests.domain.stored import envelope_of
from tests.support.fold_vectors import FURTHER, OTHER_STREAMS, PATH, Log, SomethingNew, customer_of, document, write
from tests.support.json_schema import objections
from tests.support.reader import bundle, needs_node, run, states_in

SPECIFICATION: Final = (ROOT / "docs" / "fold.md").read_text(encoding="utf-8")
Json = dict[str, Any]


def vectors() -> list[Json]:
    found: list[Json] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def entries() -> list[Json]:
    return [json.loads(line) for vector in vectors() for line in vector["entries"]]


def test_the_vectors_are_what_the_code_makes_of_the_histories() -> None:
    assert PATH.read_text(encoding="utf-8") == document(), "run ./run docs"


def test_the_vectors_have_every_event_and_one_that_nobody_knows() -> None:
    assert {entry["type"] for entry in entries()} == EVENTS.keys() | {SomethingNew.__name__}


def test_the_vectors_have_every_change_of_status_by_every_event_that_makes_one() -> None:
    made, before = set(), dict[str, str]()
    for vector in vectors():
        for line, state in zip(vector["entries"], vector["states"], strict=True):
            if state is not None:
                was, status = before.get(state["customer"]), state["status"]
                made |= {(was, json.loads(line)["type"], status)} if was != status else set()
                before[state["customer"]] = status

    assert {(kind, after) for _, kind, after in made} == {(kind.__name__, to) for kind, to in LEADS_TO.items()}
    assert {(was, after) for was, _, after in made} >= {
        (None, "initiating"),
        ("initiating", "screening"),
        ("screening", "verifying"),
        ("screening", "rejected"),
        ("verifying", "active"),
        ("verifying", "rejected"),
        ("active", "inactive"),
        ("active", "rejected"),
        ("inactive", "active"),
        ("inactive", "rejected"),
    }


def test_the_vectors_have_every_field_of_a_state_at_all_that_it_can_be() -> None:
    states = [state for vector in vectors() for state in vector["states"] if state]

    assert {state["status"] for state in states} == set(Status)
    assert {ground for state in states for ground in state["grounds"]} == {"issue", "partner_request", "suspicion"}
    assert {len(state["grounds"]) for state in states} == {0, 1, 2}
    assert {len(state["alerts"]) for state in states} == {0, 1, 2}
    for field in ("held", "legalHold", "erased"):
        assert {state[field] for state in states} == {False, True}
    for field in ("wallet", "externalId", "proposedBy"):
        assert len({state[field] is None for state in states}) == 2
    assert any(state["updatedAt"] > state["since"]["recordedAt"] for state in states)
    assert None in [state for vector in vectors() for state in vector["states"]]


def test_all_vectors_together_are_one_log() -> None:
    lines = [line for vector in vectors() for line in vector["entries"]]
    heads: dict[str, str] = {}
    for position, line in enumerate(lines, 1):
        entry = json.loads(line)
        assert entry["position"] == position
        assert entry["previous"] == heads.get(entry["stream"])
        heads[entry["stream"]] = leaf_hash(line.encode()).hex()


def test_every_entry_of_the_vectors_is_valid_by_the_published_schemas() -> None:
    assert objections({"items": json.loads(schemas()["entry.v1.json"])}, entries()) == []
    for name, event in EVENTS.items():
        schema = json.loads(schemas()[f"{name}.v{event.schema_version}.json"])
        stored = [entry["event"] for entry in entries() if entry["type"] == name]
        assert objections({"items": schema}, stored) == []


def test_the_specification_names_every_event_every_status_and_every_field() -> None:
    named = set(re.findall(r"`(\w+)`", SPECIFICATION))

    assert named >= EVENTS.keys() | {status.value for status in Status}
    assert named >= next(state for vector in vectors() for state in vector["states"]).keys()


@needs_node
def test_the_reader_agrees_with_every_vector() -> None:
    result = run("--vectors", PATH)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{len(vectors())} of {len(vectors())} vectors agree\n"


@needs_node
def test_the_reader_agrees_whatever_event_comes_after_whatever_history(tmp_path: Path) -> None:
    lives: list[History] = [
        (*history, last)
        for history in (HISTORIES | FURTHER).values()
        for last in (*(envelope_of(name).event for name in EVENTS), SomethingNew())
    ]
    log = write(Log(), {customer_of(number): life for number, life in enumerate([OTHER_STREAMS, *lives])})

    result = run(bundle(tmp_path, log.lines))

    assert states_in(result) == log.last_states()
    assert len(log.last_states()) == len(lives)
    assert f"{len(log.lines)} entries, {len(log.lines)} of them as the tree has them" in result.stderr


@needs_node
@pytest.mark.parametrize(
    ("field", "value"),
    [("status", "active"), ("version", 3), ("updatedAt", "2026-01-05T11:59:59.999998Z"), ("grounds", ["issue"])],
)
def test_the_reader_finds_a_vector_that_was_tampered_with(tmp_path: Path, field: str, value: object) -> None:
    tampered = vectors()
    tampered[4]["states"][1][field] = value
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps(tampered))

    result = run("--vectors", path)

    assert result.returncode == 1
    assert result.stdout == f"{len(tampered) - 1} of {len(tampered)} vectors agree\n"
    assert result.stderr == f"{tampered[4]['name']}: entry 2 leads to another state\n"


def lines_of(*history: Event) -> list[bytes]:
    """One customer's log."""
    return write(Log(), {customer_of(1): history}).lines


@needs_node
def test_the_reader_finds_an_entry_that_is_not_the_trees(tmp_path: Path) -> None:
    lines = lines_of(*DEACTIVATED_BY_PARTNER)
    changed = [*lines[:-1], lines[-1].replace(b"partner_request", b"issue")]

    result = run(bundle(tmp_path, changed, tree_of=lines))

    assert result.returncode == 1
    assert result.stdout == ""
    assert "entries.jsonl, line 8: this is not what the log's tree has there" in result.stderr


@needs_node
def test_the_reader_goes_on_without_tiles(tmp_path: Path) -> None:
    (tmp_path / "entries.jsonl").write_bytes(b"\n".join(lines_of(*ACTIVE)))

    result = run(tmp_path)

    assert [state["status"] for state in states_in(result)] == ["active"]
    assert result.stderr == "7 entries, 0 of them as the tree has them; 1 customers\n"


@needs_node
def test_the_reader_stops_where_a_version_is_missing(tmp_path: Path) -> None:
    lines = lines_of(*ACTIVE)

    (tmp_path / "entries.jsonl").write_bytes(b"\n".join([*lines[:2], *lines[3:]]))

    result = run(tmp_path)

    assert (result.returncode, result.stdout) == (1, "")
    assert f"line 3: version 3 of {customer_of(1)} is missing" in result.stderr


@needs_node
def test_the_reader_makes_up_no_beginning(tmp_path: Path) -> None:
    (tmp_path / "entries.jsonl").write_bytes(b"\n".join(lines_of(*ACTIVE)[3:]))

    result = run(tmp_path)

    assert (result.returncode, result.stdout) == (1, "")
    assert "1 customers have no state: their beginning is not here" in result.stderr


@needs_node
def test_the_reader_says_which_events_it_does_not_know(tmp_path: Path) -> None:
    result = run(bundle(tmp_path, lines_of(*REGISTERED, SomethingNew())))

    assert [state["version"] for state in states_in(result)] == [3]
    assert "nothing is known of them: SomethingNew" in result.stderr


@needs_node
def test_the_reader_takes_a_line_as_bytes_whatever_text_is_in_it(tmp_path: Path) -> None:
    reference = "Café \u2028 \u2029 \u0085 \U0001f600"
    registered = CustomerRegistered(partner=PARTNER, wallet=WALLET, external_id=reference)

    result = run(bundle(tmp_path, lines_of(registered)))

    assert [state["externalId"] for state in states_in(result)] == [reference]
    assert "1 entries, 1 of them as the tree has them" in result.stderr


@needs_node
def test_the_reader_finds_tiles_of_a_large_log(tmp_path: Path) -> None:
    log = Log()
    for number in range(1030):
        log.append(customer_of(number), REGISTERED[0])

    result = run(bundle(tmp_path, log.lines))

    assert "1030 entries, 1030 of them as the tree has them; 1030 customers" in result.stderr


def test_the_specification_leads_where_the_code_leads() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", SPECIFICATION, re.MULTILINE))

    assert table == {kind.__name__: status.value for kind, status in LEADS_TO.items()}
    assert LEADS_TO.keys() <= CUSTOMER_EVENTS
