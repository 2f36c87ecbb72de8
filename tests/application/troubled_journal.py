"""A journal to which, at the next call of a kind, something happens: a lost connection, a rival, a long wait."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

from application.ports import Batch, Histories, Receipt, Unavailable
from tests.application.memory_journal import MemoryJournal

Trouble = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """No trouble this time."""


async def lost() -> None:
    """The connection goes away."""
    raise Unavailable


class Pause:
    """Somebody waits here until the test lets them go on."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.released = asyncio.Event()

    async def __call__(self) -> None:
        """Say that we are here, and wait."""
        self.entered.set()
        await self.released.wait()


class TroubledJournal(MemoryJournal):
    """Each list is worked off from its start, a trouble a call; an empty one means no trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.before_load: list[Trouble] = []
        self.before_append: list[Trouble] = []
        self.after_append: list[Trouble] = []
        self.before_receipts: list[Trouble] = []
        self.away = False
        """Nothing can be reached, for as long as this is so."""

    async def load(self, streams: Collection[UUID]) -> Histories:
        """Read, after what happens before."""
        await self._befall(self.before_load)
        return await super().load(streams)

    async def append(self, batch: Batch) -> None:
        """Append, between what happens before and what happens after."""
        await self._befall(self.before_append)
        await super().append(batch)
        await self._befall(self.after_append)

    async def receipts(self, command_ids: Collection[UUID]) -> dict[UUID, Receipt]:
        """Look up, after what happens before."""
        await self._befall(self.before_receipts)
        return await super().receipts(command_ids)

    def rival(self, batch: Batch) -> Trouble:
        """Another process appends `batch` first."""

        async def appends() -> None:
            await MemoryJournal.append(self, batch)

        return appends

    async def _befall(self, troubles: list[Trouble]) -> None:
        if self.away:
            raise Unavailable
        if troubles:
            await troubles.pop(0)()


class LateJournal(TroubledJournal):
    """Loses the connection while its first commit is under way, which is done when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self._under_way: Batch | None = None

    async def append(self, batch: Batch) -> None:
        """Append, but for the first time."""
        if self._under_way is None:
            self._under_way = batch
            raise Unavailable
        await super().append(batch)

    async def lands(self) -> None:
        """The first commit is done now."""
        assert self._under_way
        await MemoryJournal.append(self, self._under_way)
