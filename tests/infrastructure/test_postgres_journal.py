"""The journal on PostgreSQL keeps what every journal keeps to, and processes of versions before append beside it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import pytest

from infrastructure.keys.deployment import load_keys
from infrastructure.keys.keyring import Keyring
from infrastructure.keys.masters import MasterKeys
from infrastructure.log.journal import PostgresJournal, log_on
from infrastructure.postgres import Connection, service_conninfo
from tests.application.journal_contract import ENTRY, ONE, JournalContract, batch
from tests.infrastructure.test_executor import rows

pytestmark = pytest.mark.anyio

FIRST: Final = """
    SELECT first_position FROM gatehouse.append(
        ARRAY[%s]::uuid[], ARRAY[1]::bigint[], ARRAY['ApiKeyRevoked'], ARRAY['{}']::bytea[],
        ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[1]::bigint[]
    )
"""
BEFORE: Final = """
    SELECT first_position FROM gatehouse.append(
        ARRAY[%s]::uuid[], ARRAY[1]::bigint[], ARRAY['ApiKeyRevoked'], ARRAY['{}']::bytea[],
        ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[1]::bigint[], ARRAY[]::uuid[], ARRAY[]::bigint[]
    )
"""


@pytest.fixture
async def journal(database: str, tmp_path: Path) -> AsyncIterator[PostgresJournal]:
    service = service_conninfo(database)
    writing, sealing = Connection(service), Connection(service)
    keyring = Keyring(sealing, MasterKeys(load_keys(tmp_path, generate=True).masters))
    yield PostgresJournal(writing, log_on(service), keyring)
    await writing.close()
    await sealing.close()


class TestPostgresJournal(JournalContract):
    """The real adapter."""


async def test_processes_of_the_versions_before_append_as_they_did(journal: PostgresJournal, database: str) -> None:
    ours = batch(1, (ONE, 1))
    ours.entries = [ENTRY]
    await journal.append(ours)
    position = ours.envelopes[0].position

    for number, statement in enumerate((FIRST, BEFORE), 1):
        stream = uuid4()
        assert rows(database, statement, stream, uuid4(), stream) == [(position + number,)]

    theirs = batch(2, (ONE, 2))
    theirs.entries = [ENTRY._replace(key=b"another", command_id=UUID(int=2))]
    await journal.append(theirs)
    assert theirs.envelopes[0].position == position + 3
