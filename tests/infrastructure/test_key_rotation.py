"""The master and the signing key are replaced while all runs: nothing is lost, and the old key opens nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag
from pydantic import SecretStr

from application.streams import master_stream
from domain.events import MasterKeyRotated
from infrastructure.bootstrap import keys_for, open_services
from infrastructure.faults import KeyProblem
from infrastructure.keys import rotation as key_rotation
from infrastructure.keys.deployment import reference_of
from infrastructure.keys.keyring import Destroyed
from infrastructure.keys.rotation import Rotated, alone, rotate_master
from infrastructure.keys.sealing import MasterKey
from infrastructure.services import Services
from infrastructure.settings import Settings
from tests.infrastructure.test_erasure_at_once import WAITS
from tests.infrastructure.test_executor import eventually, rows
from tests.support.world import Wallet, running

pytestmark = pytest.mark.anyio


def nothing(_: int, __: int) -> None:
    """Report to nobody."""


@asynccontextmanager
async def process(database: str, folder: Path, **given: Any) -> AsyncIterator[Services]:  # noqa: ANN401 -- any setting
    """What one process has; its keys are checked as at every start."""
    settings = Settings(data=folder, **given)
    async with open_services(settings, database, keys_for(settings, database)) as services:
        yield services


async def rotated(services: Services) -> Rotated:
    async with alone(services.conninfo) as connection:
        return await rotate_master(services, connection, nothing)


async def kept(services: Services, how_many: int) -> dict[UUID, str]:
    """Evidence of new subjects: its digest by subject."""
    subjects = [uuid4() for _ in range(how_many)]
    digests = await asyncio.gather(*(services.evidence.keep(subject, [subject.bytes]) for subject in subjects))
    return {subject: digest for subject, (digest,) in zip(subjects, digests, strict=True)}


async def opens(services: Services, known: dict[UUID, str]) -> bool:
    read = await asyncio.gather(*(services.evidence.read(subject, digest) for subject, digest in known.items()))
    return read == [subject.bytes for subject in known]


def masters(database: str) -> list[tuple[bytes, bool, bool]]:
    """Each master key, in order: its name, whether it is current, and whether it is retired."""
    query = "SELECT id, current, retired_at IS NOT NULL FROM gatehouse.master_keys ORDER BY number"
    return [(bytes(name), current, retired) for name, current, retired in rows(database, query)]


async def test_under_load_nothing_is_lost_and_afterwards_the_old_key_opens_nothing(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 7)
    known: dict[UUID, str] = {}
    async with running(database, tmp_path) as world, process(database, tmp_path) as rotating:
        known |= await kept(world.services, 40)
        done = asyncio.Event()

        async def write() -> None:
            number = 0
            while not done.is_set():
                known.update(await kept(world.services, 3))
                await world.register(Wallet(number))
                number += 1

        writing = asyncio.create_task(write())
        first, second = await rotated(rotating), await rotated(rotating)
        done.set()
        await writing
        known |= await kept(world.services, 1)
        assert await opens(world.services, known)
        assert await opens(rotating, known)
        assert second.previous == first.key

    old, between, new = (name for name, _, _ in masters(database))
    assert masters(database) == [(old, False, True), (between, False, True), (new, True, False)]
    assert rows(database, "SELECT DISTINCT master FROM gatehouse.subject_keys") == [(new,)]
    loser = MasterKey(world.services.keys.master)
    assert loser.id == old
    for subject, wrapped in rows(database, "SELECT subject, wrapped FROM gatehouse.subject_keys"):
        with pytest.raises(InvalidTag):
            loser.unwrap(subject, bytes(wrapped))


async def test_it_is_on_record_once_and_names_keys_by_digests_alone(database: str, tmp_path: Path) -> None:
    async with process(database, tmp_path) as services:
        await kept(services, 3)
        outcome = await rotated(services)
        history = (await services.reader.streams([master_stream()]))[master_stream()]
        newest = services.key_source.read("master")

    assert [envelope.event for envelope in history] == [
        MasterKeyRotated(key_reference=outcome.key, previous=outcome.previous)
    ]
    assert (outcome.key, outcome.previous) == (
        reference_of(newest).hex(),
        reference_of(services.keys.master).hex(),
    )
    assert outcome.rewrapped == 3


class Killed(BaseException):
    """As by kill -9: nothing is put in order."""


@pytest.mark.parametrize("batches", [0, 1, 3])
async def test_killed_between_batches_everything_goes_on_and_a_repeat_finishes_the_same_rotation(
    database: str, tmp_path: Path, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 5)
    batch, calls = key_rotation._rewrap_batch, iter(range(99))  # noqa: SLF001 -- where it is broken off

    async def broken_off(*given: Any) -> Any:  # noqa: ANN401 -- what it wraps
        if next(calls) == batches:
            raise Killed
        return await batch(*given)

    async with process(database, tmp_path) as running_on:
        known = await kept(running_on, 20)
        async with process(database, tmp_path) as killed:
            with monkeypatch.context() as cut:
                cut.setattr(key_rotation, "_rewrap_batch", broken_off)
                with pytest.raises(Killed):
                    await rotated(killed)
        known |= await kept(running_on, 2)
        assert await opens(running_on, known)
        async with process(database, tmp_path) as repeated:
            assert await opens(repeated, known)
            outcome = await rotated(repeated)
            assert await opens(repeated, known)
    assert outcome.rewrapped == 20 - 5 * batches
    assert [(current, retired) for _, current, retired in masters(database)] == [(False, True), (True, False)]


async def test_killed_before_it_is_on_record_a_repeat_puts_it_there(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(database, tmp_path) as services:
        known = await kept(services, 2)
        for statement in ("append", "_RETIRE"):
            with monkeypatch.context() as cut:
                cut.setattr(key_rotation, statement, None)
                with pytest.raises((TypeError, AttributeError)):
                    await rotated(services)
        await rotated(services)
        assert await opens(services, known)
        assert len((await services.reader.streams([master_stream()]))[master_stream()]) == 1
    assert len(masters(database)) == 2


async def test_keys_that_are_in_use_are_waited_for(database: str, tmp_path: Path) -> None:
    async with process(database, tmp_path) as services, process(database, tmp_path) as other:
        ((subject, digest),) = (await kept(services, 1)).items()
        async with other.keyring.key_of(subject):
            rotating = asyncio.create_task(rotated(services))
            done, _ = await asyncio.wait([rotating], timeout=0.3)
            assert not done
        assert (await rotating).rewrapped == 1
        assert await opens(other, {subject: digest})


async def test_a_key_that_is_being_made_is_waited_for_before_another_master_is_current(
    database: str, tmp_path: Path
) -> None:
    """Otherwise it would be wrapped by a key that is retired, unseen."""
    subject = uuid4()
    async with process(database, tmp_path) as services:
        async with services.keyring.key_for(subject) as key:
            sealed = key.seal(b"said", b"place")
            rotating = asyncio.create_task(rotated(services))
            await eventually(lambda: rows(database, WAITS))
        assert (await rotating).rewrapped == 1
        async with services.keyring.key_of(subject) as key:
            assert key.open(sealed, b"place") == b"said"


async def test_the_keys_of_the_version_before_are_rewrapped_and_erased_ones_stay_gone(
    database: str, tmp_path: Path
) -> None:
    async with running(database, tmp_path, retention_days=0) as world:
        customer = UUID((await world.register(Wallet(1)))["id"])
        known = await kept(world.services, 2)
        rows(database, "UPDATE gatehouse.subject_keys SET master = NULL RETURNING 1")
        assert await opens(world.services, known)
        response = await world.admin.post(f"/v1/customers/{customer}/erasure", json={"legalBasis": "retention_over"})
        assert response.status_code == 200
        assert (await rotated(world.services)).rewrapped == 2
        assert await opens(world.services, known)
        with pytest.raises(Destroyed):
            await world.services.evidence.keep(customer, [b"more"])


async def test_a_key_that_somebody_changed_ends_it_with_the_subjects_id(database: str, tmp_path: Path) -> None:
    async with process(database, tmp_path) as services:
        ((subject, _),) = (await kept(services, 1)).items()
        rows(database, "UPDATE gatehouse.subject_keys SET wrapped = wrapped || 'x' RETURNING 1")
        with pytest.raises(KeyProblem, match=f"^the key of {subject} is not as it was wrapped"):
            await rotated(services)


async def test_one_rotation_at_a_time(database: str, tmp_path: Path) -> None:
    async with process(database, tmp_path) as services, alone(services.conninfo):
        with pytest.raises(KeyProblem, match=r"^another rotation is under way$"):
            await rotated(services)


OLD, NEW = "a1" * 32, "b2" * 32


async def test_keys_of_the_environment_are_rotated_by_giving_both(database: str, tmp_path: Path) -> None:
    """First every process gets both, one after the other; then the command; then the old one is taken away."""
    both: dict[str, Any] = {"master_key": SecretStr(NEW), "master_previous_key": SecretStr(OLD)}
    async with process(database, tmp_path, master_key=SecretStr(OLD)) as not_yet:
        known = await kept(not_yet, 3)
        with pytest.raises(KeyProblem, match=r"^the master key is no file: give the new one as master"):
            await rotated(not_yet)
        async with process(database, tmp_path, **both) as restarted:
            known |= await kept(restarted, 1)
            assert await opens(not_yet, known), "it wraps with what everybody has, until the rotation"
    async with process(database, tmp_path, **both) as restarted:
        assert (await rotated(restarted)).rewrapped == 4
        known |= await kept(restarted, 1)
    async with process(database, tmp_path, master_key=SecretStr(NEW)) as only_new:
        assert await opens(only_new, known)
    for wrong in (OLD, "c3" * 32):
        with pytest.raises(KeyProblem, match=r"^the master key is not the one that this database was begun with$"):
            async with process(database, tmp_path, master_key=SecretStr(wrong)):
                pass
    back: dict[str, Any] = {"master_key": SecretStr(OLD), "master_previous_key": SecretStr(NEW)}
    async with process(database, tmp_path, **back) as turned_back:
        with pytest.raises(KeyProblem, match="a key that is retired never comes back"):
            await rotated(turned_back)
        assert await opens(turned_back, known)
