"""Evidence is handed out as it was kept, to whoever may see it, and not once it is gone."""

import json
from hashlib import sha256
from typing import Final
from uuid import UUID

import psycopg
import pytest

from tests.support.http import MISSING, SECURITY, Held, assert_problem, customers_at, head_of
from tests.support.people import evidence_of, held_in_verification
from tests.support.world import World

pytestmark = pytest.mark.anyio

UNKNOWN: Final = "0" * 64


async def kept(world: World, held: Held, payload: bytes) -> str:
    """The path of a payload, kept of a customer."""
    (digest,) = await world.services.evidence.keep(UUID(held.customer["id"]), [payload])
    return f"{held.path}/evidence/{digest}"


@pytest.mark.parametrize("who", ["officer", "auditor"])
async def test_every_digest_that_a_review_names_can_be_read(world: World, who: str) -> None:
    waiting = await held_in_verification(world)
    digests = [*waiting.review["evidence"], *await evidence_of(world, waiting.held)]

    for digest in digests:
        response = await world.clients[who].get(f"{waiting.held.path}/evidence/{digest}")
        assert sha256(response.content).hexdigest() == digest
        assert json.loads(response.content)


@pytest.mark.parametrize("payload", [b"", b"<script>alert(1)</script>", b"\x00\xff" * 1000, b'{"a":1}'])
async def test_a_payload_comes_as_a_file_and_never_as_something_to_show(world: World, payload: bytes) -> None:
    held = (await customers_at(world, "initiating"))[0]
    path = await kept(world, held, payload)

    response = await world.officer.get(path)

    assert (response.status_code, response.content) == (200, payload)
    headers = dict(response.headers)
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == f'attachment; filename="{path.rpartition("/")[2]}"'
    assert SECURITY.items() <= headers.items()


async def test_what_was_not_kept_of_this_customer_is_not_found(world: World) -> None:
    held, another = await customers_at(world, "initiating", 2)
    path = await kept(world, another, b"of another")
    foreign = path.rpartition("/")[2]
    before = await head_of(world)

    for digest in (UNKNOWN, foreign, "x", foreign[:-1], foreign + "0", "A" * 64, "%00", "\u0660" * 64, foreign.upper()):
        response = await world.officer.get(f"{held.path}/evidence/{digest}")
        assert_problem(response, 404, "evidence_not_found")
    assert_problem(await world.officer.get(f"/v1/customers/{MISSING}/evidence/{foreign}"), 404, "customer_not_found")
    assert_problem(await world.officer.get(f"/v1/customers/1/evidence/{foreign}"), 422, "malformed_id")
    assert await head_of(world) == before


async def test_with_its_subjects_key_evidence_is_gone(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    path = await kept(world, held, b"of somebody")
    customer_id = UUID(held.customer["id"])
    with psycopg.connect(owner(world), autocommit=True) as connection:
        connection.execute("DELETE FROM gatehouse.subject_keys WHERE subject = %s", (customer_id,))

    assert_problem(await world.officer.get(path), 410, "evidence_erased")


async def test_of_an_erased_customer_all_evidence_is_gone_whether_it_was_there_or_not(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    path = await kept(world, held, b"of somebody")
    with world.clock.moved(world.services.retention):
        erased = await world.admin.post(f"{held.path}/erasure", json={"legalBasis": "retention_over"})
    assert erased.status_code == 200

    for asked in (path, f"{held.path}/evidence/{UNKNOWN}"):
        assert_problem(await world.auditor.get(asked), 410, "evidence_erased")


async def test_evidence_that_was_tampered_with_is_not_handed_out(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    path = await kept(world, held, b"of somebody")
    with psycopg.connect(owner(world), autocommit=True) as connection:
        connection.execute(
            "UPDATE gatehouse.evidence SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) WHERE subject = %s",
            (held.customer["id"],),
        )

    response = await world.officer.get(path)

    assert_problem(response, 500, "internal_error")


def owner(world: World) -> str:
    """The database as its owner sees it."""
    parts = psycopg.conninfo.conninfo_to_dict(world.services.conninfo)
    parts.pop("options", None)
    return psycopg.conninfo.make_conninfo("", **parts)
