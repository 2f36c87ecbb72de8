"""How long a provider is left alone, who keeps failing or asks for it, and how often it is called at most."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tenacity import wait_none

from infrastructure import provider_api
from infrastructure.provider_api import FAILURES, PAUSE, TRIES
from infrastructure.retry_after import LONGEST_PAUSE
from tests.support.provider import OK, PATH, Hands, after, always, counted, outage, provider
from tests.support.raw_server import Reply

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(time, "time", hands)
    return hands


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without a pause."""
    monkeypatch.setattr(provider_api, "wait_random_exponential", lambda **_: wait_none())


def a_minute_on() -> str:
    return format_datetime(datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=60), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_who_asks_to_wait_is_not_called_until_then(status: int, form: str, clock: Hands) -> None:
    wanted = "60" if form == "seconds" else a_minute_on()
    async with provider(always(Reply(status, headers={"retry-after": wanted}))) as (api, server):
        assert 50 <= await outage(api) <= 60
        server.respond = always(OK)
        clock.ahead = 50.0
        assert 1 <= await outage(api) <= 11
        assert len(server.requests) == 1

        clock.ahead = 61.0
        assert (await api.call("GET", PATH)).status == 200


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        ("", 1),
        ("0", 1),
        ("-5", 1),
        ("soon", 1),
        ("1.5", 1),
        ("٣", 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 1),
        ("9" * 400, LONGEST_PAUSE),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_PAUSE),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_PAUSE),
        (f"Wed, 21 Oct {'9' * 30} 07:28:00 GMT", 1),
        (f"Wed, 21 Oct 2015 07:28:00 +{'9' * 30}", 1),
    ],
)
async def test_whatever_a_provider_asks_for_the_wait_has_an_end(wanted: str, seconds: int) -> None:
    raw = f"HTTP/1.1 429 No\r\nretry-after: {wanted}\r\ncontent-length: 0\r\n\r\n".encode()
    async with provider(always(Reply(raw=raw))) as (api, server):
        assert await outage(api) == seconds
        assert len(server.requests) == 1


async def test_a_shorter_wait_does_not_end_a_longer_one() -> None:
    replies = after(Reply(429, headers={"retry-after": "60"}), Reply(429))
    async with provider(replies) as (api, server):
        await asyncio.gather(outage(api), outage(api))
        assert len(server.requests) == 2
        assert await outage(api) > 50


async def test_who_keeps_failing_is_left_alone_and_then_tried_by_one_call(clock: Hands) -> None:
    async with provider(always(Reply(500))) as (api, server):
        for _ in range(FAILURES):
            assert await outage(api) == 0
        assert len(server.requests) == FAILURES * TRIES
        assert PAUSE - 5 < await outage(api) <= PAUSE
        assert len(server.requests) == FAILURES * TRIES

        clock.ahead = PAUSE + 1
        await asyncio.gather(*(outage(api) for _ in range(10)))
        assert len(server.requests) == (FAILURES + 1) * TRIES  # one trial failed, and nobody else called

        clock.ahead = 2 * PAUSE + 2
        server.respond = always(OK)
        assert (await api.call("GET", PATH)).status == 200
        await asyncio.gather(*(api.call("GET", PATH) for _ in range(3)))


async def test_those_who_wait_for_a_trial_follow_when_it_succeeds(clock: Hands) -> None:
    async with provider(always(Reply(404))) as (api, server):
        for _ in range(FAILURES):
            await outage(api)
        clock.ahead = PAUSE + 1
        server.respond = always(OK)
        answers = await asyncio.gather(*(api.call("GET", PATH) for _ in range(10)))
        assert [answer.status for answer in answers] == [200] * 10


async def test_failures_that_are_not_in_a_row_open_nothing() -> None:
    async with provider(always(OK)) as (api, server):
        for _ in range(3):
            server.respond = always(Reply(404))
            for _ in range(FAILURES - 1):
                await outage(api)
            server.respond = always(OK)
            await api.call("GET", PATH)


async def test_patience_asked_for_is_no_failure(clock: Hands) -> None:
    async with provider(always(Reply(429, headers={"retry-after": "1"}))) as (api, server):
        for _ in range(FAILURES * 2):
            assert await outage(api) == 1
            clock.ahead += 2
        assert len(server.requests) == FAILURES * 2


async def test_no_more_calls_are_made_than_the_rate_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(always(OK), rate="5/hour") as (api, server):
        made = await asyncio.gather(*(api.call("GET", PATH) for _ in range(5)))
        assert [each.status for each in made] == [200] * 5
        monkeypatch.setattr(provider_api, "DEADLINE", 0.1)
        await asyncio.gather(*(outage(api) for _ in range(7)))
        assert len(server.requests) == 5
        assert (counted(api, "rate_limited"), counted(api, "left_alone")) == (7, 0)


async def test_waiting_for_our_own_turn_opens_no_circuit(monkeypatch: pytest.MonkeyPatch, clock: Hands) -> None:
    async with provider(always(OK), rate="1/hour") as (api, _):
        await api.call("GET", PATH)
        with monkeypatch.context() as hurried:
            hurried.setattr(provider_api, "DEADLINE", 0.1)
            await asyncio.gather(*(outage(api) for _ in range(FAILURES * 2)))
        clock.ahead = 3601
        assert (await api.call("GET", PATH)).status == 200


async def test_whose_turn_has_to_wait_gets_it_when_the_window_has_moved_on() -> None:
    async with provider(always(OK), rate="2/second") as (api, server):
        started = time.monotonic()
        await asyncio.gather(*(api.call("GET", PATH) for _ in range(3)))
        assert time.monotonic() - started > 0.9
        assert len(server.requests) == 3


async def test_tries_count_for_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "DEADLINE", 1.0)
    async with provider(always(Reply(500)), rate="2/hour") as (api, server):
        await outage(api)
        assert len(server.requests) == 2


async def test_a_call_that_is_given_up_leaves_the_next_ones_alone() -> None:
    async with provider(after(Reply(silent=True))) as (api, server):
        given_up = asyncio.ensure_future(api.call("GET", PATH))
        await server.asked.wait()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        assert given_up.cancelled()
        assert (await api.call("GET", PATH)).status == 200


async def test_a_clock_that_is_set_back_silences_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    hands = Hands()
    monkeypatch.setattr(time, "time", hands)
    async with provider(always(OK), rate="1/day") as (api, server):
        hands.ahead = 86_400.0
        await api.call("GET", PATH)
        server.respond = always(Reply(429, headers={"retry-after": "3600"}))
        hands.ahead = 2 * 86_401.0
        await outage(api)

        hands.ahead, server.respond = 0.0, always(OK)
        await api.call("GET", PATH)
