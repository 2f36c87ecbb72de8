"""The master keys that this process has, by the names that the database knows them by.

The one to wrap with is the database's `current`. A rotation stops nobody: a key that is not at hand is looked for where
keys come from.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from psycopg import AsyncConnection

from infrastructure.faults import KeyProblem
from infrastructure.keys.deployment import BEGIN_MASTER
from infrastructure.keys.sealing import MasterKey
from infrastructure.keys.sources import KeySource

_CURRENT: Final = "SELECT id FROM gatehouse.master_keys WHERE current"


class MasterKeys:
    """The newest key first and, while it is being replaced, the one before it."""

    def __init__(self, keys: Sequence[bytes], source: KeySource | None = None) -> None:
        self._source = source
        self._known = [MasterKey(key) for key in keys]
        self.current = self._known[0]
        """What new keys are wrapped by, as far as this process knows."""

    def at_hand(self, reference: bytes) -> MasterKey:
        """The key of this name. Raises `KeyProblem` where it was not read."""
        for key in self._known:
            if key.id == reference:
                return key
        raise KeyProblem("the master key that wraps a customer's key is not at hand")

    def found(self, reference: bytes) -> MasterKey:
        """The same, read now if it has to be, which may take a while."""
        try:
            return self.at_hand(reference)
        except KeyProblem:
            self._read_again()
        return self.at_hand(reference)

    async def find(self, reference: bytes) -> MasterKey:
        """The same, while others go on."""
        try:
            return self.at_hand(reference)
        except KeyProblem:
            return await asyncio.to_thread(self.found, reference)

    def newest(self) -> MasterKey:
        """The newest key where keys come from, read now."""
        self._read_again()
        return self._known[0]

    async def follow(self, connection: AsyncConnection[Any]) -> None:
        """Wrap with what the database calls current; our newest where it has none yet. Raises `KeyProblem`."""
        await connection.execute(BEGIN_MASTER, (self.current.id,))
        row = await (await connection.execute(_CURRENT, binary=True)).fetchone()
        self.current = await self.find(bytes(row[0]) if row else b"")

    def _read_again(self) -> None:
        if self._source is not None:
            found = [self._source.find(name) for name in ("master", "master.previous")]
            self._known = [MasterKey(key) for key in found if key is not None]
