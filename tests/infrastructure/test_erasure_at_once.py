"""An erasure waits for whoever uses the key, is whole or has not happened, and is nobody's to do in secret."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

import application.executor as executor_module
from application.executor import Outcome
from application.handlers import Handler, append
from application.ports import Unavailable
from domain.commands import EraseSubject, PlaceLegalHold
from domain.events import ApiKeyRevoked
from domain.refusals import CustomerErased
from domain.vocabulary import LegalBasis
from infrastructure.bootstrap import open_services
from infrastructure.erasure import erase_subject
from infrastructure.keys.deployment import load_keys
from infrastructure.keys.keyring import NO_KEY, Destroyed
from infrastructure.keys.masters import MasterKeys
from infrastructure.keys.sealing import SubjectKey
from infrastructure.postgres import service_conninfo
from infrastructure.replay.keys import held_keys
from infrastructure.services import Services
from infrastructure.settings import Settings
from tests.infrastructure.test_executor import eventually, rows
from tests.infrastructure.test_serve import ROOT, environment
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

ACTOR: Final = "admin:test"
PLACE: Final = b"place"
WAITS: Final = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path, retention_days=0) as world:
        yield world


@asynccontextmanager
async def another(database: str, folder: Path) -> AsyncIterator[Services]:
    """What another process has."""
    settings = Settings(data=folder, retention_days=0)
    async with open_services(settings, database, load_keys(settings.key_source, generate=False)) as services:
        yield services


async def with_evidence(world: World) -> UUID:
    customer = UUID((await world.register(Wallet(1)))["id"])
    await world.services.evidence.keep(customer, [b"what the provider said"])
    return customer


async def erased(services: Services, customer: UUID) -> None:
    await erase_subject(services, customer, LegalBasis.RETENTION_OVER, actor=ACTOR)


def state(database: str, customer: UUID) -> tuple[bool, bool, bool]:
    """Whether the key is there, evidence is, and the event."""
    return (
        rows(database, "SELECT wrapped IS NOT NULL FROM gatehouse.subject_keys WHERE subject = %s", customer)[0][0],
        bool(rows(database, "SELECT FROM gatehouse.evidence WHERE subject = %s", customer)),
        bool(rows(database, "SELECT FROM gatehouse.stored_events WHERE topic = 'SubjectErased'")),
    )


async def test_whoever_uses_the_key_in_any_process_is_waited_for_and_nobody_has_it_then(
    world: World, database: str, tmp_path: Path
) -> None:
    customer = await with_evidence(world)
    async with another(database, tmp_path) as other:
        async with other.keyring.key_of(customer) as key:
            erasing = asyncio.create_task(erased(world.services, customer))
            await eventually(lambda: rows(database, WAITS))
            assert key.open(key.seal(b"said meanwhile", PLACE), PLACE) == b"said meanwhile"
            assert not erasing.done()
            assert state(database, customer) == (True, True, False)
        await erasing
        with pytest.raises(AttributeError):
            key.seal(b"more", PLACE)
        for services in (world.services, other):
            with pytest.raises(Destroyed):
                await services.evidence.keep(customer, [b"more"])
            with pytest.raises(Destroyed):
                async with services.keyring.key_of(customer):
                    pass
            hold = services.change(customer, PlaceLegalHold("Central Bank", "to be sealed"))
            with pytest.raises(CustomerErased):
                await services.execute(hold, actor="officer:1")
    assert state(database, customer) == (False, False, True)


async def test_nobody_else_waits_for_a_key_that_is_in_use_for_long(world: World, database: str) -> None:
    """Commands that come together share a batch, and one transaction."""
    customer, services = await with_evidence(world), world.services
    command = EraseSubject(LegalBasis.RETENTION_OVER, NO_KEY, now=services.clock(), retention=services.retention)
    handlers: list[Handler] = [partial(append, services.new_id(), lambda _: (ApiKeyRevoked(),)) for _ in range(20)]
    with psycopg.connect(service_conninfo(database)) as another_process:
        another_process.execute("SELECT gatehouse.hold_keys(%s)", ([customer],))
        asked = [services.execute(each, actor=ACTOR) for each in (services.change(customer, command), *handlers)]
        ends = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(end) for end in ends] == [Unavailable] + [Outcome] * 20
    assert state(database, customer) == (True, True, False)


async def test_what_is_kept_while_an_erasure_comes_is_gone_with_it(world: World, database: str, tmp_path: Path) -> None:
    """Many writers of evidence, one erasure: whoever was told that it is kept was told so before."""
    customer = await with_evidence(world)

    async def keep(services: Services) -> None:
        for number in range(200):
            await services.evidence.keep(customer, [b"said %d" % number])

    async with another(database, tmp_path) as other:
        writers = [asyncio.create_task(keep(services)) for services in (world.services, other)]
        await eventually(lambda: rows(database, "SELECT FROM gatehouse.evidence OFFSET 20"))
        await erased(other, customer)
        ends = await asyncio.gather(*writers, return_exceptions=True)

    assert [type(end) for end in ends] == [Destroyed, Destroyed]
    assert state(database, customer) == (False, False, True)


async def test_whoever_reads_many_keys_at_once_is_waited_for_too(world: World, database: str) -> None:
    customer = await with_evidence(world)
    bounds, masters = (UUID(int=0), UUID(int=2**128 - 1)), MasterKeys(world.services.keys.masters)
    with psycopg.connect(service_conninfo(database), autocommit=True) as connection:
        with held_keys(connection, masters, bounds) as held:
            erasing = asyncio.create_task(erased(world.services, customer))
            await eventually(lambda: rows(database, WAITS))
            assert held.unwrap[customer]().seal(b"x", PLACE)
            assert not erasing.done()
        await erasing
        with held_keys(connection, masters, bounds) as held:
            assert (held.unwrap, held.erased) == ({}, {customer})


STEPS: Final[dict[str, LiteralString]] = {
    "the key is destroyed": "BEFORE INSERT OR UPDATE ON gatehouse.subject_keys",
    "the evidence is deleted": "AFTER DELETE ON gatehouse.evidence",
    "the event is appended": "AFTER INSERT ON gatehouse.stored_events",
}


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_it_has_not_happened_and_a_repeat_is_whole(
    world: World, database: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = await with_evidence(world)
    monkeypatch.setattr(executor_module, "PATIENCE", 0.5)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
        )
        owner.execute("CREATE TRIGGER dies " + STEPS[step] + " FOR EACH STATEMENT EXECUTE FUNCTION die()")
        with pytest.raises(Unavailable):
            await erased(world.services, customer)
        assert state(database, customer) == (True, True, False)
        assert await world.services.evidence.read(customer, digest_of(database)) == b"what the provider said"
        owner.execute("DROP FUNCTION die CASCADE")

    monkeypatch.undo()
    await erased(world.services, customer)
    assert state(database, customer) == (False, False, True)


def digest_of(database: str) -> str:
    ((digest,),) = rows(database, "SELECT encode(digest, 'hex') FROM gatehouse.evidence")
    return str(digest)


async def test_the_service_cannot_destroy_a_key_without_telling_the_log(world: World, database: str) -> None:
    customer = await with_evidence(world)
    with psycopg.connect(service_conninfo(database)) as service:
        service.execute("SELECT gatehouse.destroy_keys(%s)", ([customer],))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the log does not tell of this erasure"):
            service.commit()
    assert state(database, customer) == (True, True, False)


async def test_an_erasure_that_loses_a_race_leaves_the_key(world: World, database: str, tmp_path: Path) -> None:
    """Of two who erase at once, one writes the event; the other finds it there, and both are answered alike."""
    customer = await with_evidence(world)
    async with another(database, tmp_path) as other:
        await asyncio.gather(*(erased(services, customer) for services in (world.services, other) * 4))
    told = "SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'SubjectErased'"
    assert rows(database, told) == [(1,)]
    assert state(database, customer) == (False, False, True)


async def test_who_never_had_a_key_gets_none_afterwards(world: World, database: str) -> None:
    customer = UUID((await world.register(Wallet(2)))["id"])
    assert await world.services.keyring.reference(customer) == NO_KEY
    await erased(world.services, customer)
    with pytest.raises(Destroyed):
        async with world.services.keyring.key_for(customer):
            pass
    assert rows(database, "SELECT wrapped FROM gatehouse.subject_keys") == [(None,)]


def test_a_forgotten_key_is_gone_from_its_holder() -> None:
    key = SubjectKey(bytes(32))
    key.forget()
    assert vars(key) == {}


async def test_it_is_one_command(world: World, database: str, tmp_path: Path) -> None:
    customer = await with_evidence(world)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        given = {"DATABASE_URL": database, "GATEHOUSE_DATA": str(tmp_path), "GATEHOUSE_RETENTION_DAYS": "0"}
        return subprocess.run(  # noqa: S603 -- our own program
            [sys.executable, "-m", "infrastructure", "erase", *arguments],
            env=environment(ROOT) | given,
            capture_output=True,
            text=True,
            check=False,
        )

    done = await asyncio.to_thread(run, str(customer), "--basis", "retention_over", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["id"] == str(customer)
    for arguments, said in (
        ((str(customer), "--basis", "because"), "gatehouse: a legal basis is one of "),
        ((str(uuid4()), "--basis", "retention_over"), "gatehouse: customer_not_found: There is no such customer."),
    ):
        refused = await asyncio.to_thread(run, *arguments)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith(said)
