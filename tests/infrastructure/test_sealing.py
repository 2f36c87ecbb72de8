"""What is personal stands nowhere in clear, opens only where it belongs, and is gone with its key."""

import asyncio
import os
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from domain.commands import (
    ConfirmRejection,
    DeactivateCustomer,
    PlaceLegalHold,
    ProposeRejection,
    ReactivateCustomer,
    WithdrawRejection,
)
from domain.vocabulary import Ground, Sealed
from infrastructure.embedded_postgres import binaries
from infrastructure.evidence_store import SealedEvidence
from infrastructure.faults import KeyProblem
from infrastructure.keys.deployment import BEGIN_MASTER
from infrastructure.keys.keyring import Destroyed, Keyring
from infrastructure.keys.masters import MasterKeys
from infrastructure.keys.sealing import MasterKey, SubjectKey, open_text, place_of, seal_text
from infrastructure.postgres import Connection, service_conninfo
from tests.infrastructure.test_executor import rows
from tests.support.world import Wallet, World, running

MASTER: Final = bytes(range(32))
TABLES: Final = (
    "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
)


@dataclass
class Person:
    """Everything personal that goes through a flow, each word of it unmistakable."""

    name: str = "Zacharias Quimby-Ostrogoth"
    document: str = "QX-PASSPORT-7741093"
    reasons: tuple[str, ...] = ("neighbour Xanthippe said so", "no more Xylophone", "Yggdrasil hold", "Wolpertinger")


@dataclass
class Vault:
    """Keys and evidence on a database."""

    connection: Connection
    keyring: Keyring
    evidence: SealedEvidence


@asynccontextmanager
async def vault(database: str, master: bytes = MASTER) -> AsyncIterator[Vault]:
    connection = Connection(service_conninfo(database))
    keyring = Keyring(connection, MasterKeys([master]))
    try:
        yield Vault(connection, keyring, SealedEvidence(connection, keyring))
    finally:
        await connection.close()


def contents(database: str) -> Iterator[bytes]:
    """Every table, as text, with binary columns in hex."""
    with psycopg.connect(database) as connection:
        for table in connection.execute(TABLES).fetchall():
            with connection.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(*table))) as copy:
                yield b"".join(bytes(part) for part in copy)


def dump(database: str) -> bytes:
    """The same by PostgreSQL's own means, with everything else that there is in a database; nothing without them."""
    program = binaries.find().bin / "pg_dump"
    if not program.exists():
        return b""
    given = conninfo_to_dict(database)
    environment = {**os.environ, "PGPASSWORD": str(given["password"])}
    where = [f"--{option}={given[name]}" for option, name in (("host", "host"), ("username", "user"), ("port", "port"))]
    done = subprocess.run(  # noqa: S603 -- PostgreSQL's own program
        [program, *where, str(given["dbname"])], env=environment, capture_output=True, check=True
    )
    return done.stdout


def found(secret: str, everything: bytes) -> bool:
    """Whether a text stands there, in any form that a table may give it."""
    clear = secret.encode()
    encoded = {b64encode(b"x" * shift + clear)[4:-4] for shift in range(3)}
    return any(form in everything for form in (clear, clear.hex().encode(), *encoded))


async def verified(world: World, wallet: Wallet, person: Person) -> UUID:
    """A customer who went through verification as this person, on the sandbox's own page."""
    customer = await world.verifying(wallet, f"user of {wallet.address}")
    session = (await world.partner.get(f"/v1/customers/{customer['id']}/verification")).json()
    form = {
        "name": person.name,
        "document_number": person.document,
        "document_country": "UTO",
        "answer": "approved",
    }
    sent = await world.partner.post(session["sessionUrl"], data=form)
    assert "Sent: <strong>approved" in sent.text
    assert await world.status(customer["id"]) == "active"
    return UUID(customer["id"])


async def judged(world: World, customer: UUID, reasons: tuple[str, ...]) -> None:
    """Officers have their say, in their own words."""
    proposal, withdrawal, hold, issue = reasons
    for command in (
        ProposeRejection("officer:1", proposal, now=world.clock()),
        WithdrawRejection("officer:1", withdrawal),
        PlaceLegalHold("court of Gondor", hold),
        DeactivateCustomer(Ground.ISSUE, "officer:1", issue),
        ReactivateCustomer("officer:2", officer=True, reason=proposal),
        ProposeRejection("officer:2", hold, now=world.clock()),
        ConfirmRejection("officer:3", now=world.clock()),
    ):
        services = world.services
        await services.execute(services.change(customer, command), actor="officer:1", correlation_id=services.new_id())
    await world.project()


async def sealed_texts(world: World, customer: UUID) -> list[tuple[int, str, Sealed]]:
    """Version, field and seal of every personal text in a customer's stream."""
    history = (await world.services.reader.streams([customer]))[customer]
    return [
        (envelope.version, field, getattr(envelope.event, field))
        for envelope in history
        for field in envelope.event.personal
        if getattr(envelope.event, field) is not None
    ]


@pytest.mark.anyio
async def test_nothing_personal_stands_in_clear_in_any_table(database: str, tmp_path: Path) -> None:
    person = Person()
    async with running(database, tmp_path) as world:
        customer = await verified(world, Wallet(1), person)
        await judged(world, customer, person.reasons)
        for path in (f"/v1/customers/{customer}", f"/v1/customers/{customer}/timeline"):
            (await world.officer.get(path)).raise_for_status()

    everything = b"".join(contents(database)) + dump(database)
    assert found(f"user of {Wallet(1).address}", everything), "the search itself finds nothing"
    assert found("court of Gondor", everything), "the search itself finds nothing"
    secrets = (person.name, person.document, *person.reasons)
    words = {word for secret in secrets for word in secret.split() if len(word) > 8}
    assert [secret for secret in (*secrets, *words) if found(secret, everything)] == []
    assert rows(database, "SELECT count(*) FROM gatehouse.evidence")[0][0] > 1


@pytest.mark.anyio
async def test_personal_text_opens_with_its_subjects_key_at_its_own_place_only(database: str, tmp_path: Path) -> None:
    reasons = Person().reasons
    async with running(database, tmp_path) as world:
        customer = await verified(world, Wallet(1), Person())
        other = await verified(world, Wallet(2), replace(Person(), document="another"))
        await judged(world, customer, reasons)
        await judged(world, other, reasons)
        texts = await sealed_texts(world, customer)
        proposal, withdrawal, hold, issue = reasons
        async with world.services.keyring.keys([customer, other]) as keys:
            key, others = keys[customer], keys[other]
            opened = [open_text(key, text, stream=customer, version=at, field=field) for at, field, text in texts]
            assert opened == [proposal, withdrawal, hold, issue, proposal, hold]
            version, field, text = texts[0]
            for wrong, stream, at, name in (
                (others, customer, version, field),
                (key, other, version, field),
                (key, customer, version + 1, field),
                (key, customer, version, "authority"),
            ):
                with pytest.raises(InvalidTag):
                    open_text(wrong, text, stream=stream, version=at, field=name)


def test_one_text_is_never_sealed_the_same_way_twice() -> None:
    key, stream = SubjectKey(MASTER), uuid4()
    seals = {seal_text(key, "the same", stream=stream, version=1, field="reason").sealed for _ in range(100)}
    assert len(seals) == 100


def test_places_are_told_apart() -> None:
    one, other = uuid4(), uuid4()
    places = [(one, 1, "reason"), (one, 11, "reason"), (one, 1, "1reason"), (other, 1, "reason"), (one, 1, "reasons")]
    assert len({place_of(stream, version, field) for stream, version, field in places}) == len(places)


@pytest.mark.anyio
async def test_with_its_key_destroyed_a_subjects_text_and_evidence_are_gone(database: str) -> None:
    subject, other = uuid4(), uuid4()
    async with vault(database) as kept:
        for each in (subject, other):
            await kept.evidence.keep(each, [b"what the provider said"])
        rows(database, "DELETE FROM gatehouse.subject_keys WHERE subject = %s RETURNING 1", subject)
        with pytest.raises(Destroyed):
            async with kept.keyring.key_of(subject):
                pass
        sealed: dict[UUID, Any] = dict(rows(database, "SELECT subject, sealed FROM gatehouse.evidence"))
        digest = sha256(b"what the provider said").digest()
        async with kept.keyring.keys([subject, other]) as keys:
            assert keys[other].open(bytes(sealed[other]), other.bytes + digest) == b"what the provider said"
            with pytest.raises(InvalidTag):
                keys[subject].open(bytes(sealed[subject]), subject.bytes + digest)


@pytest.mark.anyio
async def test_another_master_key_opens_nothing(database: str) -> None:
    subject = uuid4()
    async with vault(database) as kept, kept.keyring.key_for(subject):
        pass
    async with vault(database, master=bytes(32)) as thief:
        with pytest.raises(KeyProblem, match="not at hand"):
            async with thief.keyring.key_of(subject):
                pass
    ((wrapped,),) = rows(database, "SELECT wrapped FROM gatehouse.subject_keys")
    with pytest.raises(InvalidTag):
        MasterKey(bytes(32)).unwrap(subject, bytes(wrapped))


@pytest.mark.anyio
async def test_a_wrapped_key_cannot_be_given_to_another_subject(database: str) -> None:
    subject, other = uuid4(), uuid4()
    async with vault(database) as kept:
        async with kept.keyring.key_for(subject):
            pass
        rows(
            database,
            "INSERT INTO gatehouse.subject_keys SELECT %s, wrapped FROM gatehouse.subject_keys RETURNING 1",
            other,
        )
        with pytest.raises(InvalidTag):
            async with kept.keyring.key_of(other):
                pass


@pytest.mark.anyio
async def test_evidence_is_kept_once_by_what_it_says_and_opens_with_its_subjects_key(database: str) -> None:
    subject, other = uuid4(), uuid4()
    async with vault(database) as kept:
        digests = await kept.evidence.keep(subject, [b"one", b"two", b"one"])
        assert await kept.evidence.keep(subject, [b"one"]) == digests[:1]
        assert await kept.evidence.keep(other, [b"one"]) == digests[:1]
        assert await kept.evidence.keep(other, []) == []
        found_rows = rows(database, "SELECT digest, sealed FROM gatehouse.evidence WHERE subject = %s", subject)
        async with kept.keyring.key_of(subject) as key:
            opened = {bytes(at): key.open(bytes(sealed), subject.bytes + bytes(at)) for at, sealed in found_rows}

    assert digests == [sha256(said).hexdigest() for said in (b"one", b"two", b"one")]
    assert opened == {sha256(said).digest(): said for said in (b"one", b"two")}
    assert len(rows(database, "SELECT DISTINCT sealed FROM gatehouse.evidence")) == 3


@pytest.mark.anyio
async def test_all_who_ask_for_a_subjects_first_key_at_once_get_the_same(database: str) -> None:
    subject, place = uuid4(), b"place"

    async def seal(keyring: Keyring) -> bytes:
        async with keyring.key_for(subject) as key:
            return key.seal(b"secret", place)

    async with vault(database) as one, vault(database) as other:
        sealed = await asyncio.gather(*(seal(kept.keyring) for _ in range(16) for kept in (one, other)))
        async with one.keyring.key_of(subject) as key:
            assert {key.open(each, place) for each in sealed} == {b"secret"}
    assert rows(database, "SELECT count(*) FROM gatehouse.subject_keys") == [(1,)]


@pytest.mark.anyio
async def test_many_at_once_share_few_connections_and_one_who_gives_up_harms_nobody(database: str) -> None:
    async with vault(database) as kept:
        await asyncio.gather(*(kept.evidence.keep(uuid4(), [b"said"]) for _ in range(32)))
        connected = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert rows(database, connected)[0][0] <= 2

        calls = [asyncio.ensure_future(kept.evidence.keep(uuid4(), [b"said"])) for _ in range(32)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in calls[::5]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} <= {list, asyncio.CancelledError}

        rows(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        await asyncio.gather(*(kept.evidence.keep(uuid4(), [b"said"]) for _ in range(8)), return_exceptions=True)
        await asyncio.gather(*(kept.evidence.keep(uuid4(), [b"said"]) for _ in range(32)))
        assert rows(database, connected)[0][0] <= 2


def test_processes_that_begin_a_database_at_once_agree_on_its_first_master_key(database: str) -> None:
    together = Barrier(6, timeout=30)

    def begin() -> None:
        with psycopg.connect(service_conninfo(database), autocommit=True) as connection:
            for _ in range(50):
                together.wait()
                connection.execute(BEGIN_MASTER, (MASTER,))
                if together.wait() == 0:
                    assert rows(database, "DELETE FROM gatehouse.master_keys RETURNING current") == [(True,)]

    with ThreadPoolExecutor(together.parties) as processes:
        for ended in [processes.submit(begin) for _ in range(together.parties)]:
            ended.result()
