"""What was personal is found nowhere after an erasure, opens for nobody, and leaves everything else as it was."""

import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, get_args

import httpx2
import pytest

from infrastructure.exports.asked import Asked, Format
from infrastructure.exports.production import Exporter, produce
from infrastructure.exports.target import Target
from infrastructure.exports.verify import verify
from infrastructure.key_changes import issue_key
from infrastructure.keys.keyring import Destroyed
from infrastructure.keys.sealing import open_evidence
from infrastructure.keys.signing import announce_signing_key
from infrastructure.postgres import service_conninfo
from infrastructure.replay.decisions import replay_decisions
from infrastructure.replay.lives import Access
from infrastructure.replay.processes import replay
from infrastructure.settings import Settings
from projections.projection import CUSTOMER_EVENTS
from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_sealing import contents, dump, found, sealed_texts
from tests.support.http import assert_problem
from tests.support.planted import Planted, call_back, found_in, plant
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

BASIS: Final = {"legalBasis": "retention_over"}
SEALED: Final = {event.__name__ for event in CUSTOMER_EVENTS if event.personal}
WORDS: Final = re.compile(rb"[A-Za-z0-9+/=]{24,}")


def unfolded(everything: bytes) -> bytes:
    """A dump with what is encoded in it beside: hex as bytes, and base64 in the bytes as bytes again."""
    decoded = b"\n".join(bytes.fromhex(text.decode()) for text in re.findall(rb"\\\\x((?:[0-9a-f]{2})+)", everything))
    words = {word for part in (everything, decoded) for word in WORDS.findall(part) if len(word) % 4 == 0}
    inner = b"\n".join(b64decode(word) for word in words if b"=" not in word.rstrip(b"="))
    return b"\n".join((everything, decoded, inner))


def everything_stored(database: str) -> bytes:
    """Every byte of the database, clear and decoded."""
    return unfolded(b"".join(contents(database)) + dump(database))


async def everything_answered(world: World, planted: Planted) -> bytes:
    """All that the service says over HTTP that could be of the customer, to everybody who may ask."""
    document = (await world.partner.get("/openapi.json")).json()
    reviews = [str(row[0]) for row in rows(world.services.conninfo, "SELECT id FROM gatehouse.reviews")]
    digests = [
        str(row[0])
        for row in rows(
            world.services.conninfo,
            "SELECT DISTINCT substring(convert_from(state, 'UTF8') FROM '\"evidence\":\"([0-9a-f]{64})') FROM"
            " gatehouse.stored_events WHERE originator_id = %s AND topic LIKE 'Verification%%'",
            planted.id,
        )
        if row[0]
    ]
    said = []
    for template, operations in document["paths"].items():
        if "get" not in operations or template.endswith("/stream"):  # it has no end, and says what `/v1/events` does
            continue
        fillings = [
            {"customer_id": str(planted.id), "digest": digest, "review_id": review}
            for digest in digests or ["0" * 64]
            for review in reviews or [str(planted.id)]
        ]
        for path in {template.format_map(_Filling(filling)) for filling in fillings}:
            for client in world.clients.values():
                response = await client.get(path)
                assert response.status_code < 500, (path, response.text)
                said.append(response.content)
    said.append((await world.partner.get("/metrics")).content)
    said.append((await world.partner.get("/health/ready")).content)
    return b"\n".join(said)


class _Filling(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "1"


def agrees(world: World, *, erased: bool) -> None:
    """Both replays find nothing."""
    conninfo, keys = service_conninfo(world.services.conninfo), world.services.keys
    folded = replay(conninfo, processes=1, begun=lambda _: None, progress=lambda _: None)
    assert folded.findings.listed == []
    access = Access(conninfo, keys)
    taken = replay_decisions(access, processes=1, begun=lambda _: None, progress=lambda _: None)
    assert taken.findings.listed == []
    assert (taken.findings.erased > 0) == erased


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path) as world:
        issued = await issue_key(world.services, role="officer", name="second")
        headers = {"Authorization": f"Bearer {issued.key}"}
        async with httpx2.AsyncClient(base_url=world.url, headers=headers, timeout=30) as second:
            world.clients["second"] = second
            yield world
            del world.clients["second"]


async def test_after_an_erasure_no_byte_of_it_is_found_anywhere(
    world: World, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = await plant(world)
    history = (await world.services.reader.streams([planted.id]))[planted.id]
    assert {envelope.type for envelope in history if envelope.event.personal} == SEALED, "a field was not planted in"
    assert found_in(planted, everything_stored(database)) == [], "it stands in clear before"
    shown = await everything_answered(world, planted)
    assert found_in(planted, shown), "nobody can read it before: the search itself finds nothing"
    evidence = rows(database, "SELECT digest, sealed FROM gatehouse.evidence WHERE subject = %s", planted.id)
    async with world.services.keyring.key_of(planted.id) as key:
        opened = [open_evidence(key, planted.id, bytes(digest), bytes(sealed)) for digest, sealed in evidence]
    assert found(planted.canaries[0], b"".join(opened))
    sealed = await sealed_texts(world, planted.id)
    agrees(world, erased=False)
    capfd.readouterr()

    with world.clock.moved(world.services.retention):
        answered = await world.admin.post(f"{planted.path}/erasure", json=BASIS)
    assert answered.status_code == 200
    assert answered.json().keys() == {"id", "erasedAt"}
    await world.project()

    everything = everything_stored(database) + await everything_answered(world, planted)
    out, err = capfd.readouterr()
    assert found_in(planted, everything + out.encode() + err.encode()) == []
    assert rows(database, "SELECT FROM gatehouse.evidence WHERE subject = %s", planted.id) == []
    kept = rows(database, "SELECT wrapped FROM gatehouse.subject_keys WHERE subject = %s", planted.id)
    assert kept == [(None,)]
    with pytest.raises(Destroyed):
        async with world.services.keyring.key_of(planted.id):
            pass
    assert await sealed_texts(world, planted.id) == sealed, "what the log's proofs are about has changed"
    agrees(world, erased=True)


async def test_read_models_do_not_tell_whose_it_was_and_keep_what_became_of_it(world: World, database: str) -> None:
    planted = await plant(world)
    before = (await world.partner.get(planted.path)).json()
    await erase(world, planted.path)

    after = (await world.partner.get(planted.path)).json()
    assert after == before | {"externalId": "", "chainId": ""}
    assert (await world.partner.get(f"{planted.path}?asOf=1970-01-01T00:00:00Z")).status_code == 404
    past = (await world.auditor.get(f"{planted.path}?asOf={before['updatedAt']}")).json()
    assert (past["externalId"], past["chainId"]) == ("", "")
    for query in ({"externalId": "reference-of-the-planted"}, {"chainId": planted.wallet.account}):
        assert (await world.partner.get("/v1/customers", params=query)).json()["customers"] == []
    assert rows(database, "SELECT wallet, external_id, chain_id FROM gatehouse.customers") == [("", "", "")]
    events = (await world.partner.get("/v1/events")).json()["events"]
    assert {(event["externalId"], event["chainId"]) for event in events} == {("", "")}
    assert {name: events[-1][name] for name in after} == after
    assert rows(database, "SELECT FROM gatehouse.worklist WHERE customer = %s", planted.id) == []
    assert rows(database, "SELECT FROM gatehouse.reviews WHERE closed_at IS NULL") == []
    assert "reference-of-the-planted" not in json.dumps((await world.auditor.get(f"{planted.path}/timeline")).json())


async def test_a_bar_outlives_the_erasure_and_a_late_callback_changes_nothing(world: World, database: str) -> None:
    planted = await plant(world)
    await erase(world, planted.path)
    head = rows(database, "SELECT count(*) FROM gatehouse.stored_events")

    assert (await call_back(world, planted.callback)).status_code == 202
    again = await world.other.post("/v1/customers", json={"chainId": planted.wallet.account, "externalId": "again"})
    assert_problem(again, 403, "onboarding_barred")
    with pytest.raises(Destroyed):
        await world.services.evidence.keep(planted.id, [b"more of it"])
    assert rows(database, "SELECT count(*) FROM gatehouse.stored_events") == head
    assert rows(database, "SELECT FROM gatehouse.evidence") == []


async def test_exports_tell_nothing_of_it_and_prove_the_same_log_as_before(world: World, tmp_path: Path) -> None:
    await announce_signing_key(world.services, Settings(origin="gatehouse.example/log"))
    planted = await plant(world)
    before = await export(world, tmp_path / "before")
    await erase(world, planted.path)
    after = await export(world, tmp_path / "after")

    kept = (before / "checkpoint").read_bytes()
    report = verify(after, known=[kept])
    assert report.ok, report.text()
    assert (after / "entries.jsonl").read_bytes().startswith((before / "entries.jsonl").read_bytes())
    assert found_in(planted, unfolded(b"".join(path.read_bytes() for path in after.rglob("*") if path.is_file()))) == []


async def export(world: World, path: Path) -> Path:
    """A whole bundle, in every format."""
    asked = Asked(formats=get_args(Format))
    await produce(world.services, asked, Target(path), Exporter("admin:test"))
    return path


async def erase(world: World, path: str) -> None:
    with world.clock.moved(world.services.retention):
        assert (await world.admin.post(f"{path}/erasure", json=BASIS)).status_code == 200
    await world.project()


async def test_an_erasure_is_refused_until_the_law_allows_it_and_then_answers_always_the_same(world: World) -> None:
    active = await world.active(Wallet(1))
    path = f"/v1/customers/{active['id']}"

    async def asked(basis: str = "retention_over") -> httpx2.Response:
        return await world.admin.post(f"{path}/erasure", json={"legalBasis": basis})

    with world.clock.moved(world.services.retention):
        assert_problem(await asked(), 409, "wrong_status")
    await world.partner.patch(f"{path}/deactivate")
    assert_problem(await asked(), 409, "retention_period")
    with world.clock.moved(world.services.retention):
        assert_problem(await asked("partner_request"), 409, "partner_request_alone")
        assert_problem(await asked("because"), 422, "invalid_request")
        await world.officer.post(f"{path}/hold", json={"authority": "Central Bank", "reason": "case 12"})
        assert_problem(await asked(), 409, "legal_hold")
        await world.officer.post(f"{path}/hold/lift", json={"authority": "Central Bank", "reason": "case 12"})
        for client in (world.partner, world.officer, world.auditor):
            assert_problem(await client.post(f"{path}/erasure", json=BASIS), 403, "forbidden")
        first = await asked("data_subject_request")
    assert first.status_code == 200
    assert (await asked()).json() == first.json()
    for refused in (
        await world.partner.patch(f"{path}/activate"),
        await world.partner.patch(f"{path}/deactivate"),
        await world.officer.post(f"{path}/rejection", json={"reason": "too late"}),
        await world.officer.post(f"{path}/hold", json={"authority": "Central Bank", "reason": "too late"}),
    ):
        assert_problem(refused, 410, "customer_erased")
    await world.work()


async def test_an_erased_onboarding_goes_nowhere(world: World) -> None:
    wallet = Wallet(2)
    customer = await world.register(wallet)
    path = f"/v1/customers/{customer['id']}"
    await erase(world, path)

    assert_problem(await world.partner.get(f"{path}/challenge"), 410, "customer_erased")
    assert_problem(await world.sign(customer, wallet), 410, "customer_erased")
    assert_problem(await world.partner.patch(f"/v1/simulator{path[3:]}/verify"), 410, "customer_erased")
