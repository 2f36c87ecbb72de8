"""The keyring: subjects' keys, each unwrapped for as long as one use of it.

While a key is used its row is locked, in a transaction that ends after the key is forgotten. An erasure changes the
row, so it waits for every use in every process; and once it is through, there is no key to be had, nor ever another.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from psycopg import AsyncConnection

from domain.refusals import CustomerErased
from infrastructure.arrays import ByteaArray, UuidArray
from infrastructure.keys.masters import MasterKeys
from infrastructure.keys.sealing import SubjectKey
from infrastructure.postgres import Connection

NO_KEY: Final = "none"
"""The reference of a key that was never made."""

_HOLD: Final = "SELECT * FROM gatehouse.hold_keys(%b)"
_MAKE: Final = "SELECT * FROM gatehouse.make_keys(%b, %b, %b)"
_DESTROY: Final = "SELECT gatehouse.destroy_keys(%b)"
_WRAPPED: Final = "SELECT wrapped FROM gatehouse.subject_keys WHERE subject = %b"

_Wrapped = dict[UUID, tuple[bytes | None, bytes]]
"""Keys as they are kept, with the names of their masters; None for one that was destroyed."""


class Destroyed(CustomerErased):
    """The subject's key is gone, and with it everything that was sealed. Nothing more is sealed for it."""


class Keyring:
    """Makes, keeps, reads and destroys subjects' keys."""

    def __init__(self, connection: Connection, masters: MasterKeys) -> None:
        self._connection = connection
        self._masters = masters

    @asynccontextmanager
    async def key_for(self, subject: UUID) -> AsyncIterator[SubjectKey]:
        """The subject's key, made now if there is none. Raises `Destroyed`."""
        async with self.keys([subject]) as keys:
            yield _only(keys)

    @asynccontextmanager
    async def key_of(self, subject: UUID) -> AsyncIterator[SubjectKey]:
        """The subject's key. Raises `Destroyed` where there is none."""
        async with (
            self._connection.use() as connection,
            connection.transaction(),
            self._unwrapped(await _rows(connection, _HOLD, UuidArray([subject]))) as keys,
        ):
            yield _only(keys)

    @asynccontextmanager
    async def keys(self, subjects: Collection[UUID]) -> AsyncIterator[dict[UUID, SubjectKey]]:
        """The keys of several subjects, made now where there are none; those that were destroyed are left out."""
        if not subjects:
            yield {}
            return
        async with (
            self._connection.use() as connection,
            connection.transaction(),
            self.keys_for(connection, subjects) as keys,
        ):
            yield keys

    @asynccontextmanager
    async def keys_for(
        self, connection: AsyncConnection[Any], subjects: Collection[UUID]
    ) -> AsyncIterator[dict[UUID, SubjectKey]]:
        """The same in the transaction that is under way, which holds them until its end."""
        rows = await self._made(connection, subjects)
        if len(rows) < len(set(subjects)):
            await self._masters.follow(connection)
            rows = await self._made(connection, subjects)
        async with self._unwrapped(rows) as keys:
            yield keys

    async def reference(self, subject: UUID) -> str:
        """What names the subject's key when it is gone: the SHA-256 of it as it is wrapped now, in hex."""
        async with self._connection.use() as connection:
            row = await (await connection.execute(_WRAPPED, (subject,), binary=True)).fetchone()
        return sha256(row[0]).hexdigest() if row and row[0] is not None else NO_KEY

    async def _made(self, connection: AsyncConnection[Any], subjects: Collection[UUID]) -> _Wrapped:
        """The rows there are; where our master is not current, none are made."""
        master = self._masters.current
        fresh = ByteaArray(master.fresh(subject) for subject in subjects)
        return await _rows(connection, _MAKE, UuidArray(subjects), fresh, master.id)

    @asynccontextmanager
    async def _unwrapped(self, rows: _Wrapped) -> AsyncIterator[dict[UUID, SubjectKey]]:
        keys: dict[UUID, SubjectKey] = {}
        try:
            for subject, (wrapped, master) in rows.items():
                if wrapped is not None:
                    keys[subject] = (await self._masters.find(master)).unwrap(subject, wrapped)
            yield keys
        finally:
            for key in keys.values():
                key.forget()


async def destroy_keys(connection: AsyncConnection[Any], subjects: Collection[UUID]) -> None:
    """Wait until nobody uses the keys, then destroy them, and delete what was sealed with them outside the log.

    It holds only if the transaction also tells the log.
    """
    await connection.execute(_DESTROY, (UuidArray(subjects),))


async def _rows(connection: AsyncConnection[Any], query: str, *given: object) -> _Wrapped:
    cursor = await connection.execute(query, given, prepare=True, binary=True)
    return {subject: (wrapped, master) for subject, wrapped, master in await cursor.fetchall()}


def _only(keys: dict[UUID, SubjectKey]) -> SubjectKey:
    """The one key."""
    for key in keys.values():
        return key
    raise Destroyed
