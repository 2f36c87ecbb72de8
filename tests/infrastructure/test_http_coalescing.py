"""Reads that are gathered into one: each is fresh, and nobody's fault or absence harms another's."""

import asyncio
from collections.abc import Collection

import pytest

from infrastructure.coalescing import Coalesced

pytestmark = pytest.mark.anyio


class Store:
    """Something slow to read: each reading waits until the test lets it go."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.readings: list[set[str]] = []
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()

    async def read(self, keys: Collection[str]) -> dict[str, int]:
        """What the keys are worth when the reading begins, as of a database's snapshot."""
        self.readings.append(set(keys))
        fault, found = self.fault, {key: self.values[key] for key in keys if key in self.values}
        self.begun.set()
        await self.gate.wait()
        if fault:
            raise fault
        return found

    def let_go(self) -> None:
        self.begun.clear()
        self.gate.set()


async def test_who_asks_at_once_is_answered_by_one_reading() -> None:
    store = Store()
    store.values = {"a": 1, "b": 2}
    store.let_go()
    reads = Coalesced(store.read)

    answers = await asyncio.gather(*(reads.get(key) for key in ("a", "b", "a", "c") * 25))

    assert answers == [1, 2, 1, None] * 25
    assert store.readings == [{"a", "b", "c"}]


async def test_who_asks_while_a_reading_is_under_way_is_answered_by_the_next() -> None:
    store = Store()
    store.values = {"a": 1}
    reads = Coalesced(store.read)
    early = asyncio.ensure_future(reads.get("a"))
    await store.begun.wait()

    store.values["a"] = 2
    late = [asyncio.ensure_future(reads.get("a")) for _ in range(3)]
    store.let_go()

    assert await early == 1
    assert await asyncio.gather(*late) == [2, 2, 2]
    assert store.readings == [{"a"}, {"a"}]


async def test_a_fault_reaches_those_who_asked_and_nobody_after_them() -> None:
    store = Store()
    store.values, store.fault = {"a": 1, "b": 2}, OSError("away")
    reads = Coalesced(store.read)
    early = [asyncio.ensure_future(reads.get(key)) for key in ("a", "b", "a")]
    await store.begun.wait()
    store.fault = None
    late = asyncio.ensure_future(reads.get("a"))
    store.let_go()

    faults = await asyncio.gather(*early, return_exceptions=True)

    assert [type(fault) for fault in faults] == [OSError] * 3
    assert await late == 1
    assert await reads.get("b") == 2


async def test_who_goes_away_takes_nobody_along() -> None:
    store = Store()
    store.values = {"a": 1}
    reads = Coalesced(store.read)
    gone, stays = (asyncio.ensure_future(reads.get("a")) for _ in range(2))
    await store.begun.wait()

    gone.cancel()
    store.let_go()

    assert await stays == 1
    assert gone.cancelled() or await asyncio.wait([gone])
    assert await reads.get("a") == 1


async def test_a_fault_that_nobody_waits_for_any_more_is_forgotten() -> None:
    """Warnings are errors here: an exception that is never looked at would be one."""
    store = Store()
    store.fault = OSError("away")
    reads = Coalesced(store.read)
    gone = asyncio.ensure_future(reads.get("a"))
    await store.begun.wait()
    gone.cancel()
    store.fault = None
    store.values = {"b": 2}
    store.let_go()

    assert await reads.get("b") == 2


async def test_readings_follow_one_another_without_end() -> None:
    store = Store()
    store.let_go()
    reads = Coalesced(store.read)

    for number in range(50):
        store.values = {"a": number}
        assert await reads.get("a") == number
    assert len(store.readings) == 50
