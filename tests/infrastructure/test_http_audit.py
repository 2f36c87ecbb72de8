"""Proofs over HTTP: each can be checked by whoever gets it, and there is none of what does not match."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, LiteralString
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from application.transparency.completeness import StreamProof
from application.transparency.notes import Checkpoint, opened_checkpoint
from application.transparency.proofs import ConsistencyProof, InclusionProof
from application.transparency.tree import leaf_hash
from infrastructure.http.app import routes_of
from infrastructure.transparency.builder import TreeBuilder
from tests.infrastructure.test_executor import rows
from tests.support.http import MISSING, assert_problem, head_of
from tests.support.naive_tree import as_administrator, lines_of, root_over, say
from tests.support.transparency import NEXT, SIGNER, announce, publish_all
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

INCLUSION: Final = "/v1/audit/proofs/inclusion"
CONSISTENCY: Final = "/v1/audit/proofs/consistency"


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path) as world:
        yield world


def checkpoint_in(note: str) -> Checkpoint:
    return opened_checkpoint(note, [SIGNER.public])


async def test_the_newest_checkpoint_is_told_in_parts_and_whole(world: World, database: str) -> None:
    assert_problem(await world.auditor.get("/v1/audit/checkpoint"), 404, "checkpoint_not_found")
    checkpoint = await publish_all(world.services)

    told = (await world.auditor.get("/v1/audit/checkpoint")).json()

    [(recorded_at,)] = rows(
        database, "SELECT recorded_at FROM gatehouse.stored_events WHERE topic = 'CheckpointPublished'"
    )
    assert checkpoint_in(told["note"]) == checkpoint
    assert (told["origin"], told["size"], told["root"]) == (checkpoint.origin, checkpoint.size, checkpoint.root.hex())
    assert told["publishedAt"] == recorded_at.isoformat().replace("+00:00", "Z")
    assert set(told) == {"origin", "size", "root", "note", "publishedAt"}


async def test_keys_are_listed_in_order(world: World) -> None:
    await announce(world.services, SIGNER)
    since = await head_of(world)
    await announce(world.services, NEXT, previous=SIGNER)

    first, second = (await world.auditor.get("/v1/audit/keys")).json()["keys"]

    assert first == {"key": SIGNER.public.vkey, "since": since}
    assert (second["key"], second["previous"], second["since"]) == (NEXT.public.vkey, SIGNER.public.vkey, since + 1)


async def test_every_event_of_the_log_is_proven(world: World, database: str) -> None:
    await world.register(Wallet(1))
    say(database, 1, 1, 300)
    checkpoint = await publish_all(world.services)
    lines = lines_of(database)

    for position in (1, 2, 255, 256, 257, checkpoint.size):
        response = await world.auditor.get(INCLUSION, params={"position": position})
        proof = InclusionProof.parse(response.text)
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert (proof.index, checkpoint_in(proof.checkpoint)) == (position - 1, checkpoint)
        assert proof.proves(leaf_hash(lines[position - 1]), checkpoint)


async def test_what_no_checkpoint_covers_has_no_proof_yet(world: World) -> None:
    customer = await world.register(Wallet(1))
    for path in (f"{INCLUSION}?position=1", f"/v1/customers/{customer['id']}/proof"):
        early = await world.auditor.get(path)
        assert_problem(early, 409, "not_in_a_checkpoint_yet")
        assert int(early.headers["retry-after"]) > 0
    size = (await publish_all(world.services)).size

    assert_problem(await world.auditor.get(f"{INCLUSION}?position={size + 1}"), 409, "not_in_a_checkpoint_yet")
    await world.partner.get(f"/v1/customers/{customer['id']}/challenge")
    assert (await world.auditor.get(f"{INCLUSION}?position={size}")).status_code == 200


async def test_a_customer_that_did_something_since_the_checkpoint_is_not_shown_without_it(world: World) -> None:
    wallet = Wallet(1)
    customer = await world.register(wallet)
    await publish_all(world.services)
    assert (await world.auditor.get(f"/v1/customers/{customer['id']}/proof")).status_code == 200
    await world.sign(customer, wallet)

    response = await world.auditor.get(f"/v1/customers/{customer['id']}/proof")

    assert_problem(response, 409, "not_in_a_checkpoint_yet")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "invalid_request"),
        ("?position=0", 422, "invalid_request"),
        ("?position=-1", 422, "invalid_request"),
        ("?position=x", 422, "invalid_request"),
        ("?position=1.5", 422, "invalid_request"),
        (f"?position={2**63}", 422, "invalid_request"),
        (f"?position={2**63 - 1}", 404, "entry_not_found"),
        ("?position=1&position=2", 422, "invalid_request"),
        ("?position=1&more=2", 422, "invalid_request"),
        ("?position=1%00", 422, "invalid_request"),
    ],
)
async def test_a_proof_of_nothing_is_none(published: World, query: str, status: int, code: str) -> None:
    assert_problem(await published.auditor.get(INCLUSION + query), status, code)


async def test_a_log_that_grew_is_proven_to_begin_as_it_was(world: World, database: str) -> None:
    first = await publish_all(world.services)
    say(database, 1, 1, 400)
    second = await publish_all(world.services)
    lines = lines_of(database)

    for old in (0, 1, 256, first.size, second.size):
        response = await world.auditor.get(CONSISTENCY, params={"old": old})
        proof = ConsistencyProof.parse(response.text)
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert checkpoint_in(proof.checkpoint) == second
        assert proof.proves(Checkpoint(first.origin, old, root_over(lines[:old])), second)
    before = ConsistencyProof.parse((await world.auditor.get(f"{CONSISTENCY}?old=2&new={first.size}")).text)
    assert checkpoint_in(before.checkpoint) == first
    assert before.proves(Checkpoint(first.origin, 2, root_over(lines[:2])), first)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 422, "invalid_request"),
        ("?old=-1", 422, "invalid_request"),
        ("?old=x", 422, "invalid_request"),
        ("?new=1", 422, "invalid_request"),
        ("?old=2&new=1", 422, "invalid_request"),
        ("?old=1&new=0", 422, "invalid_request"),
        ("?old=1&new=2", 404, "checkpoint_not_found"),
        (f"?old=1&new={2**63 - 1}", 404, "checkpoint_not_found"),
        ("?old=10000", 404, "checkpoint_not_found"),
    ],
)
async def test_consistency_is_proven_with_what_was_published_alone(
    published: World, query: str, status: int, code: str
) -> None:
    assert_problem(await published.auditor.get(CONSISTENCY + query), status, code)


async def test_before_the_first_checkpoint_nothing_is_consistent_with_it(world: World) -> None:
    assert_problem(await world.auditor.get(f"{CONSISTENCY}?old=0"), 404, "checkpoint_not_found")


async def test_a_customer_is_proven_whole(world: World, database: str) -> None:
    wallet = Wallet(1)
    customer = await world.active(wallet)
    await world.register(Wallet(2), "user-2")
    checkpoint = await publish_all(world.services)

    response = await world.auditor.get(f"/v1/customers/{customer['id']}/proof")

    proof = StreamProof.parse(response.text)
    of_customer = [line for line in lines_of(database) if json.loads(line)["stream"] == customer["id"]]
    assert response.headers["content-type"] == "application/json"
    assert checkpoint_in(proof.checkpoint) == checkpoint
    assert proof.proves(checkpoint)
    assert [entry.line for entry in proof.entries] == of_customer
    assert len(of_customer) > 5


async def test_whoever_is_shown_a_customers_proof_is_on_record(world: World, database: str) -> None:
    customer = await world.register(Wallet(1))
    await publish_all(world.services)

    await world.auditor.get(f"/v1/customers/{customer['id']}/proof")

    line = json.loads(lines_of(database)[-1])
    assert line["type"] == "AuditTrailRead"
    assert (line["event"]["data"]["customer"], line["event"]["data"]["what"]) == (customer["id"], "proof")


@pytest.mark.parametrize(
    ("customer_id", "status", "code"), [(MISSING, 404, "customer_not_found"), ("nonsense", 422, "malformed_id")]
)
async def test_who_is_no_customer_has_no_proof(published: World, customer_id: str, status: int, code: str) -> None:
    assert_problem(await published.auditor.get(f"/v1/customers/{customer_id}/proof"), status, code)


async def test_a_stream_that_is_no_customers_has_no_proof(world: World, database: str) -> None:
    await publish_all(world.services)
    [(stream,)] = rows(database, "SELECT originator_id FROM gatehouse.stored_events WHERE notification_id = 1")

    assert_problem(await world.auditor.get(f"/v1/customers/{stream}/proof"), 404, "customer_not_found")


TAMPERED: Final[dict[str, LiteralString]] = {
    "an event changed": "UPDATE gatehouse.stored_events SET state = state || ' ' WHERE notification_id = %(position)s",
    "an event made illegible": "UPDATE gatehouse.stored_events SET state = '7' WHERE notification_id = %(position)s",
    "an event deleted": "DELETE FROM gatehouse.stored_events WHERE notification_id = %(position)s",
    "its time changed": """
        UPDATE gatehouse.stored_events SET recorded_at = recorded_at + interval '1 microsecond'
        WHERE notification_id = %(position)s
    """,
    "its type changed": "UPDATE gatehouse.stored_events SET topic = 'Said' WHERE notification_id = %(position)s",
    "its tile changed": """
        UPDATE gatehouse.tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1)
        WHERE level = 0 AND index = 0 AND %(position)s > 0
    """,
    "its tile gone": "DELETE FROM gatehouse.tiles WHERE level = 0 AND index = 0 AND %(position)s > 0",
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_where_the_log_does_not_match_there_is_no_proof_and_it_is_told(
    world: World, database: str, what: str
) -> None:
    customer = await world.register(Wallet(1))
    position = next(
        number for number, line in enumerate(lines_of(database), 1) if json.loads(line)["stream"] == customer["id"]
    )
    await publish_all(world.services)
    as_administrator(database, TAMPERED[what], parameters={"position": position})

    with capture_logs() as logs:
        response = await world.auditor.get(f"{INCLUSION}?position={position}")

    assert_problem(response, 500, "log_does_not_match")
    assert [(line["event"], line["log_level"]) for line in logs] == [("log_does_not_match", "error")]
    assert customer["id"] not in str(logs)


@pytest.mark.parametrize("what", [what for what in TAMPERED if "deleted" not in what and "illegible" not in what])
async def test_a_customer_whose_events_do_not_match_has_no_proof(world: World, database: str, what: str) -> None:
    customer = await world.register(Wallet(1))
    [(position,)] = rows(
        database,
        "SELECT notification_id FROM gatehouse.stored_events WHERE originator_id = %s AND originator_version = 2",
        UUID(customer["id"]),
    )
    await publish_all(world.services)
    await world.project()
    as_administrator(database, TAMPERED[what], parameters={"position": position})

    response = await world.auditor.get(f"/v1/customers/{customer['id']}/proof")

    assert_problem(response, 500, "log_does_not_match")


async def test_a_tree_that_was_built_anew_over_a_changed_log_is_not_consistent_with_what_was_signed(
    world: World, database: str
) -> None:
    say(database, 1, 1, 30)
    first = await publish_all(world.services)
    rewritten(database)
    await TreeBuilder(world.services.conninfo).catch_up()

    inclusion = await world.auditor.get(f"{INCLUSION}?position=5")
    consistency = await world.auditor.get(f"{CONSISTENCY}?old=7")

    assert_problem(inclusion, 500, "log_does_not_match")
    assert_problem(consistency, 500, "log_does_not_match")
    assert (await world.auditor.get("/v1/audit/checkpoint")).json()["size"] == first.size


def rewritten(database: str) -> None:
    """Change an event, and forget the tree."""
    as_administrator(
        database,
        "UPDATE gatehouse.stored_events SET state = convert_to('{\"n\":99}', 'UTF8') WHERE topic = 'Said'"
        " AND originator_version = 3",
        "TRUNCATE gatehouse.tiles",
        "UPDATE gatehouse.tree SET size = 0",
    )


async def test_auditors_write_nothing_but_what_they_take_out(world: World) -> None:
    """Whatever could change anything is closed to them; an export is on record, and changes nothing."""
    routes = routes_of(world.services)

    assert {route.path for route in routes if "auditor" in route.roles and route.writes} <= {"/exports"}
    assert any("auditor" in route.roles for route in routes)
