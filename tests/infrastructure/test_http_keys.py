"""API keys: what is kept of them, who they let in, and how soon they end."""

import asyncio
from functools import partial
from hashlib import sha256
from itertools import count

import pytest
from psycopg.sql import SQL
from psycopg_pool import AsyncConnectionPool

from application.handlers import append
from application.ports import Unavailable
from infrastructure import api_keys
from infrastructure.api_keys import FRESH, JUST_READ, KeyDirectory, Role, issue, new_key, revoke, rotate
from infrastructure.key_changes import IssuedKey, issue_key, revoke_key
from infrastructure.postgres import AWAY
from infrastructure.reading import Pool
from infrastructure.request_keys import UnknownApiKey
from tests.support.http import rows
from tests.support.world import World

pytestmark = pytest.mark.anyio


class Stopwatch:
    """A monotonic clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    monkeypatch.setattr(api_keys, "monotonic", watch)
    return watch


async def end(world: World, issued: IssuedKey) -> None:
    await world.services.execute(
        lambda: append(issued.key_id, revoke), actor="admin:console", correlation_id=issued.key_id
    )


async def test_a_key_lets_in_whom_it_was_issued_to(world: World, watch: Stopwatch) -> None:
    directory = KeyDirectory(world.services.pool)
    roles: list[Role] = ["partner", "officer", "auditor", "admin"]
    for role in roles:
        issued = await issue_key(world.services, role=role, name=f"a {role}")
        watch.now += FRESH
        caller = await directory.find(issued.key)
        assert caller is not None
        assert (caller.key_id, caller.role, caller.name) == (issued.key_id, role, f"a {role}")
        assert caller.partner == issued.partner
        assert (caller.partner is not None) == (role == "partner")
        assert caller.actor == f"{role}:{issued.partner or issued.key_id}"


async def test_a_partner_may_have_several_keys(world: World, watch: Stopwatch) -> None:
    first = await issue_key(world.services, role="partner", name="first")
    second = await issue_key(world.services, role="partner", name="second", partner=first.partner)
    directory = KeyDirectory(world.services.pool)

    callers = [await directory.find(issued.key) for issued in (first, second)]

    assert [caller.partner for caller in callers if caller] == [first.partner] * 2
    await end(world, first)
    watch.now += FRESH
    assert await directory.find(first.key) is None
    assert await directory.find(second.key) is not None


async def test_a_key_that_was_just_issued_is_known_at_once(world: World, watch: Stopwatch) -> None:
    directory = KeyDirectory(world.services.pool)
    assert await directory.find("gh_partner_nobody") is None
    issued = await issue_key(world.services, role="officer", name="new")

    watch.now += JUST_READ

    assert await directory.find(issued.key) is not None


async def test_a_revoked_key_ends_within_a_second(world: World, watch: Stopwatch) -> None:
    issued = await issue_key(world.services, role="officer", name="short")
    directory = KeyDirectory(world.services.pool)
    assert await directory.find(issued.key) is not None
    await end(world, issued)

    watch.now += FRESH

    assert await directory.find(issued.key) is None
    assert str(issued.key_id) not in {entry["keyId"] for entry in await directory.all()}


async def test_a_key_that_was_revoked_before_anybody_looked_lets_nobody_in(world: World) -> None:
    issued = await issue_key(world.services, role="admin", name="never")
    await end(world, issued)

    assert await KeyDirectory(world.services.pool).find(issued.key) is None


async def test_wrong_keys_in_masses_are_not_queries_in_masses(world: World, watch: Stopwatch) -> None:
    directory = KeyDirectory(world.services.pool)
    await directory.find("gh_partner_wrong")
    before = await scans(world)

    found = await asyncio.gather(*(directory.find(f"gh_partner_{number}") for number in range(500)))

    assert set(found) == {None}
    assert await scans(world) == before
    watch.now += JUST_READ
    await asyncio.gather(*(directory.find(f"gh_partner_{number}") for number in range(500)))
    assert await scans(world) == before + 1


async def scans(world: World) -> int:
    """How many connections the pool has given out, this one not counted."""
    return int(world.services.pool.get_stats()["requests_num"])


async def test_nothing_is_kept_of_a_key_but_its_hash(world: World) -> None:
    issued = await issue_key(world.services, role="partner", name="kept")

    [(state,)] = await rows(world, "SELECT state FROM gatehouse.stored_events WHERE originator_id = %s", issued.key_id)

    assert issued.key.encode() not in state
    assert sha256(issued.key.encode()).hexdigest().encode() in state
    assert issued.key not in str(await world.services.directory.all())


def test_a_key_says_its_role_and_has_256_random_bits() -> None:
    keys = {new_key("officer")[0] for _ in range(100)}

    assert len(keys) == 100
    for key in keys:
        assert key.startswith("gh_officer_")
        assert len(key.removeprefix("gh_officer_")) == 43


def test_a_key_is_issued_once_and_revoked_once() -> None:
    issued = issue(key_hash="0" * 64, role="admin", name="x", partner=None, history=())

    assert len(issued) == 1
    assert issue(key_hash="1" * 64, role="admin", name="y", partner=None, history=issued) == ()
    assert revoke(()) == ()
    revoked = revoke(issued)
    assert len(revoked) == 1
    assert revoke([*issued, *revoked]) == ()


async def test_a_text_that_is_no_key_is_none(world: World) -> None:
    for text in ("", " ", "\udcff", "Zoë", "0" * 64, "x" * 100_000):
        assert await world.services.directory.find(text) is None


async def test_the_hash_of_a_key_is_no_key(world: World) -> None:
    issued = await issue_key(world.services, role="admin", name="hashed")

    response = await world.partner.get(
        "/v1/customers", headers={"Authorization": f"Bearer {sha256(issued.key.encode()).hexdigest()}"}
    )

    assert response.status_code == 401


async def test_another_secret_takes_the_place_of_the_one_before(world: World, watch: Stopwatch) -> None:
    issued = await issue_key(world.services, role="officer", name="turned")
    directory = KeyDirectory(world.services.pool)
    assert await directory.find(issued.key) is not None
    key, key_hash = new_key("officer")
    for secret_hash in ("0" * 64, key_hash):
        await world.services.execute(
            partial(append, issued.key_id, partial(rotate, key_hash=secret_hash)), actor="admin:console"
        )

    watch.now += FRESH

    assert await directory.find(issued.key) is None
    caller = await directory.find(key)
    assert caller is not None
    assert (caller.key_id, caller.name, caller.generation) == (issued.key_id, "turned", 3)
    for generation in (1, 2, 4):
        assert await directory.holder(issued.key_id, generation) is None
    assert await directory.holder(issued.key_id, 3) == caller


def test_only_a_key_that_may_call_gets_another_secret() -> None:
    issued = issue(key_hash="0" * 64, role="admin", name="x", partner=None, history=())

    [rotated] = rotate(issued, key_hash="1" * 64)
    assert len(revoke([*issued, rotated])) == 1
    for history in ((), [*issued, *revoke(issued)]):
        with pytest.raises(UnknownApiKey):
            rotate(history, key_hash="1" * 64)


async def test_news_are_heard_at_once(world: World, watch: Stopwatch) -> None:
    issued = await issue_key(world.services, role="officer", name="heard of")
    directory = KeyDirectory(world.services.pool)
    assert await directory.find(issued.key) is not None
    following = asyncio.create_task(directory.follow(world.services.conninfo))

    try:
        async with asyncio.timeout(30):
            while await directory.find(issued.key) is not None:
                await revoke_key(world.services, issued.key_id)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    assert watch.now == 0.0


async def test_who_cannot_look_lets_nobody_in(world: World, watch: Stopwatch) -> None:
    issued = await issue_key(world.services, role="officer", name="cut off")
    pool: Pool = AsyncConnectionPool(world.services.conninfo, open=False, kwargs={"autocommit": True})
    await pool.open()
    directory = KeyDirectory(pool)
    assert await directory.find(issued.key) is not None
    await pool.close()
    assert await directory.find(issued.key) is not None

    watch.now += FRESH

    for asked in (directory.find(issued.key), directory.holder(issued.key_id, 1)):
        with pytest.raises(AWAY):
            await asked


async def test_news_that_are_old_when_they_come_let_nobody_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = await issue_key(world.services, role="officer", name="slow")
    moments = count(0.0, FRESH)
    monkeypatch.setattr(api_keys, "monotonic", lambda: next(moments))

    with pytest.raises(Unavailable):
        await KeyDirectory(world.services.pool).find(issued.key)


async def test_keys_are_found_by_an_index_of_their_own(world: World) -> None:
    async with world.services.pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await (await connection.execute(SQL("EXPLAIN ") + SQL(api_keys._NEWS.replace("%b", "0")))).fetchall()  # noqa: SLF001 -- the query itself

    assert any("stored_events_keys_idx" in line for (line,) in plan)
