"""A sanctions list comes into force whole or not at all, and everybody can say which one it is."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from structlog.testing import capture_logs

from application.streams import sanctions_list_of
from domain.events import SanctionsListPublished
from domain.sanctions import ListInFuture, ListMuchSmaller, ListOlder
from infrastructure.sanctions import adoption
from infrastructure.sanctions.adoption import Adoption, Giving, added, adopt, keep_addresses
from infrastructure.sanctions.freshness import EVERY, Reminder, sanctions_warnings
from infrastructure.sanctions.sdn_advanced import SAMPLE, Listing, SanctionsList, read
from tests.support.http import head_of, rows
from tests.support.lists import address, days_ago, list_naming
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

OLD: Final = list_naming(*range(1, 21), published=days_ago(3))
NEW: Final = list_naming(*range(2, 23), published=days_ago(1))
_KEPT: Final = "SELECT list_hash, count(*) FROM gatehouse.sanctioned_addresses GROUP BY list_hash"


async def give(world: World, given: SanctionsList, *, force: bool = False) -> Adoption:
    return await adopt(world.services, given, Giving(actor="admin:test", force=force))


async def state(world: World) -> tuple[int, list[tuple[Any, ...]]]:
    """All that an adoption could change."""
    return await head_of(world), sorted(await rows(world, _KEPT))


async def adoptions(world: World) -> list[SanctionsListPublished]:
    stream = sanctions_list_of("ofac")
    history = (await world.services.reader.streams([stream]))[stream]
    return [envelope.event for envelope in history if isinstance(envelope.event, SanctionsListPublished)]


async def test_an_adoption_is_an_event_with_date_hash_counts_and_the_list_before(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await give(world, OLD)
        come = await give(world, NEW)
        latest = (await adoptions(world))[-1]

    assert come == Adoption(latest, changed=True, added=(address(21), address(22)), removed=(address(1),))
    assert latest == SanctionsListPublished(
        list_name="ofac",
        list_version=days_ago(1).isoformat(),
        list_hash=NEW.sha256,
        entries=21,
        addresses=21,
        sample=False,
        previous_hash=OLD.sha256,
        added=2,
        removed=1,
    )


async def test_the_first_list_adds_every_address(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        sample = (await adoptions(world))[0]

    assert sample.sample
    assert (sample.previous_hash, sample.added, sample.removed) == (None, sample.addresses, 0)


async def test_adopting_the_list_in_force_again_changes_nothing(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await give(world, OLD)
        before = await state(world)

        again = await give(world, OLD, force=True)

        assert (again.changed, again.in_force.list_hash, again.added, again.removed) == (False, OLD.sha256, (), ())
        assert await state(world) == before


@pytest.mark.parametrize(
    ("given", "refusal", "meant"),
    [
        (list_naming(*range(1, 21), published=days_ago(4)), ListOlder, True),
        (list_naming(*range(1, 18), published=days_ago(1), filler=9), ListMuchSmaller, True),
        (list_naming(*range(1, 31), published=days_ago(-2)), ListInFuture, False),
    ],
    ids=["older", "much smaller", "in future"],
)
async def test_a_list_that_is_refused_leaves_nothing_behind(
    given: SanctionsList, refusal: type[Exception], database: str, tmp_path: Path, *, meant: bool
) -> None:
    async with running(database, tmp_path) as world:
        await give(world, OLD)
        before = await state(world)

        with pytest.raises(refusal):
            await give(world, given)

        assert await state(world) == before
        if meant:
            assert (await give(world, given, force=True)).in_force.list_hash == given.sha256


async def test_the_sample_is_known_by_its_bytes_whoever_adopts_it(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await give(world, list_naming(1, published=days_ago(400)))
        with SAMPLE.open("rb") as stream:
            come = await give(world, read(stream))

    assert come.changed
    assert come.in_force.sample


async def test_a_list_is_stored_whole_or_not_at_all(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "ROWS", 7)
    broken = SanctionsList(OLD.published, "f" * 64, 21, {**OLD.addresses, "0x\x00": (Listing("0x\x00", "ETH", "21"),)})
    async with running(database, tmp_path) as world:
        before = await state(world)

        with pytest.raises(psycopg.DataError):
            await give(world, broken)

        assert await state(world) == before
        await give(world, OLD)
        assert (OLD.sha256, 20) in await rows(world, _KEPT)


async def test_a_list_that_was_stored_and_never_came_into_force_screens_nobody(database: str, tmp_path: Path) -> None:
    before, after = Wallet(5), Wallet(6)
    wallets = [int(wallet.address, 16) for wallet in (before, after)]
    named = list_naming(*wallets, *range(1, 20), published=days_ago(0))
    async with running(database, tmp_path) as world:
        await give(world, OLD)
        await keep_addresses(world.services.conninfo, named)
        assert await world.status((await world.verifying(before))["id"]) == "verifying"

        assert (await give(world, named)).changed
        assert await world.status((await world.verifying(after, "user-2"))["id"]) == "rejected"


async def test_of_lists_adopted_at_once_each_is_compared_with_the_one_before(database: str, tmp_path: Path) -> None:
    lists = [list_naming(*range(1, 60 + number), published=days_ago(1)) for number in range(6)]
    async with running(database, tmp_path) as world:
        outcomes = await asyncio.gather(*(give(world, given) for given in lists), return_exceptions=True)
        history = await adoptions(world)

    came = [outcome for outcome in outcomes if isinstance(outcome, Adoption)]
    assert len(came) == len(history) - 1 == 6
    for before, after in pairwise(history):
        assert after.previous_hash == before.list_hash
        if not before.sample:
            assert (after.added or 0) - (after.removed or 0) == after.addresses - before.addresses


async def test_what_a_list_newly_names_is_answered_by_two_hashes(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await give(world, OLD)
        await give(world, NEW)
        pool = world.services.pool

        assert await added(pool, OLD.sha256, NEW.sha256) == [address(21), address(22)]
        assert await added(pool, NEW.sha256, OLD.sha256) == [address(1)]
        assert await added(pool, NEW.sha256, NEW.sha256) == []
        assert await added(pool, None, OLD.sha256) == list(OLD.addresses)


async def test_an_address_that_another_party_gets_too_is_not_newly_named(database: str, tmp_path: Path) -> None:
    twice = SanctionsList(
        days_ago(1), "e" * 64, 21, {**OLD.addresses, address(1): (Listing(address(1), "USDT", "99"),)}
    )
    async with running(database, tmp_path) as world:
        await give(world, OLD)
        come = await give(world, twice)

    assert (come.added, come.removed) == ((), ())


async def test_every_screening_names_the_list_that_was_in_force_then(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        named = []
        for number, given in enumerate((OLD, NEW)):
            await give(world, given)
            customer = await world.verifying(Wallet(100 + number), f"user-{number}")
            events = (await world.officer.get(f"/v1/customers/{customer['id']}/events")).json()["events"]
            screened = [event["event"]["data"] for event in events if event["type"].startswith("Screening")]
            reports = [report for data in screened for report in data.get("reports", ()) if report["source"] == "ofac"]
            named += [(report["listVersion"], report["listHash"]) for report in reports]

    assert set(named) == {(given.published.isoformat(), given.sha256) for given in (OLD, NEW)}


# How current it is.


async def warnings(world: World) -> list[str]:
    return list((await world.partner.get("/health/ready")).json()["warnings"])


async def gauges(world: World) -> tuple[float, float]:
    """Age and sample."""
    text = (await world.partner.get("/metrics")).text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return float(values["gatehouse_sanctions_list_age_days"]), float(values["gatehouse_sanctions_list_sample"])


async def test_readiness_and_metrics_warn_of_the_sample_and_of_a_list_that_is_a_week_old(
    database: str, tmp_path: Path
) -> None:
    async with running(database, tmp_path) as world:
        assert await warnings(world) == ["screening uses the sample of the sanctions list, not the list"]
        assert (await gauges(world))[1] == 1

        await give(world, OLD)
        assert await warnings(world) == []
        assert await gauges(world) == (3, 0)

        with world.clock.moved(timedelta(days=5)):
            assert await warnings(world) == [f"the sanctions list is of {OLD.published}: adopt a newer one"]
            assert await gauges(world) == (8, 0)
            await give(world, NEW)
            assert await warnings(world) == []


async def test_without_any_list_everybody_is_told_that_nobody_passes(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        async with await psycopg.AsyncConnection.connect(world.services.conninfo, autocommit=True) as owner:
            await owner.execute("SET ROLE NONE")
            await owner.execute("ALTER TABLE gatehouse.stored_events DISABLE TRIGGER USER")
            await owner.execute("DELETE FROM gatehouse.stored_events WHERE topic = 'SanctionsListPublished'")

        assert await warnings(world) == ["no sanctions list was adopted: nobody passes screening"]
        assert await gauges(world) == (float("inf"), 0)
        assert await sanctions_warnings(world.services.pool, world.clock()) == await warnings(world)


async def test_the_log_says_it_when_it_begins_and_once_a_day_while_it_lasts(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        reminder = Reminder(world.services)

        async def said() -> list[str]:
            with capture_logs() as logs:
                await reminder.look()
            return [str(line["warning"]) for line in logs if line["event"] == "sanctions_list"]

        sample = ["screening uses the sample of the sanctions list, not the list"]
        assert await said() == sample
        assert await said() == []
        with world.clock.moved(EVERY - timedelta(minutes=1)):
            assert await said() == []
        with world.clock.moved(EVERY):
            assert await said() == sample
            await give(world, OLD)
            assert await said() == []
        with world.clock.moved(timedelta(days=5)):
            assert await said() == [f"the sanctions list is of {OLD.published}: adopt a newer one"]
