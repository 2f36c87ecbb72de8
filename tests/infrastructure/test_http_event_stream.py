"""`GET /v1/events/stream`, over real connections: everything in order and once, whoever comes, goes and comes back."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

import httpx2
import psycopg
import pytest

from infrastructure.feed import Feed
from infrastructure.http import event_stream
from infrastructure.http.event_stream import MEDIA_TYPE, WAITING
from infrastructure.projector import Projector
from infrastructure.rebuild import rebuild
from projections import PROJECTIONS
from projections.feed import FEED, FeedRow
from tests.support.events import all_events, another_key, last_sequence, meanwhile, revoked, streaming
from tests.support.http import SECURITY, assert_problem, fresh_wallet
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

STREAM: Final = "/v1/events/stream"


async def registered(world: World, how_many: int, by: str = "partner") -> list[str]:
    """New customers, in the feed; their ids in order."""
    customers = [(await world.register(fresh_wallet(), by=by))["id"] for _ in range(how_many)]
    await world.project()
    return customers


async def test_a_stream_sends_all_that_was_and_all_that_comes(world: World) -> None:
    await registered(world, 3)
    before = await all_events(world.partner)

    async with streaming(world.partner) as stream:
        assert await stream.events(len(before)) == before
        for _ in range(3):
            [customer] = await registered(world, 1)
            event = await stream.event()
            assert event["id"] == customer
            assert event == (await all_events(world.partner))[-1]


async def test_its_head_says_what_it_is(world: World) -> None:
    async with streaming(world.partner) as stream:
        headers = stream.response.headers
        first = await stream.block()

    assert headers["content-type"] == MEDIA_TYPE
    assert headers["x-accel-buffering"] == "no"
    assert "content-length" not in headers
    assert SECURITY.items() <= dict(headers).items()
    assert first == {"retry": "2000"}


async def test_a_reader_that_comes_back_goes_on_where_it_was(world: World) -> None:
    await registered(world, 4)
    whole = await all_events(world.partner)
    async with streaming(world.partner) as stream:
        seen = await stream.events(2)
    await registered(world, 2)

    async with streaming(world.partner, Last_Event_ID=str(seen[-1]["sequence"])) as stream:
        rest = await stream.events(len(whole))

    assert seen + rest == await all_events(world.partner)


async def test_the_header_counts_more_than_the_query_that_a_browser_repeats(world: World) -> None:
    await registered(world, 3)
    last = await last_sequence(world)

    async with streaming(world.partner, f"?after={last - 1}") as stream:
        assert (await stream.event())["sequence"] == last
    async with streaming(world.partner, "?after=0", Last_Event_ID=str(last - 2)) as stream:
        assert (await stream.event())["sequence"] == last - 1
    async with streaming(world.partner, "?after=1", Last_Event_ID="") as stream:
        assert (await stream.event())["sequence"] == 2


@pytest.mark.parametrize("given", ["-1", "x", "1.5", "1, 2", "9" * 19, "\uff11"])
async def test_what_is_no_sequence_is_refused(world: World, given: str) -> None:
    response = await world.partner.get(STREAM, headers=[(b"Last-Event-ID", given.encode())])

    assert_problem(response, 422, "invalid_request")


async def test_another_partners_events_are_in_no_stream(world: World) -> None:
    last = await last_sequence(world)
    async with streaming(world.partner, f"?after={last}") as stream:
        await registered(world, 3, by="other")
        [mine] = await registered(world, 1)

        event = await stream.event()

    assert (event["id"], event["sequence"]) == (mine, last + 1)


async def test_a_long_past_is_sent_in_chunks_and_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "CHUNK", 3)
    await registered(world, 8)
    whole = await all_events(world.partner)

    async with streaming(world.partner) as stream:
        assert await stream.events(len(whole)) == whole


async def test_readers_at_one_place_share_what_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    sent = event_stream.sent

    def counted(row: FeedRow) -> bytes:
        written.append(row.sequence)
        return sent(row)

    monkeypatch.setattr(event_stream, "sent", counted)
    last = await last_sequence(world)
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streaming(world.partner, f"?after={last}")) for _ in range(WAITING)]
        await meanwhile(world)
        await registered(world, 1)
        events = [await stream.event() for stream in streams]

    assert {event["sequence"] for event in events} == {last + 1}
    assert len(written) < WAITING / 2


async def test_a_silent_stream_says_that_it_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SILENCE", 0.1)
    await world.project()

    async with asyncio.timeout(10), streaming(world.partner, f"?after={await last_sequence(world)}") as stream:
        assert await stream.block() == {"retry": "2000"}
        assert await stream.block() == {"": ""}
        assert await stream.block() == {"": ""}


async def test_a_stream_says_that_it_is_there_while_the_database_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr(event_stream, "SILENCE", 0.1)
    monkeypatch.setattr(event_stream, "CHECK", 0.05)
    await registered(world, 1)
    last = await last_sequence(world)
    with monkeypatch.context() as outage:
        outage.setattr(Feed, "pages", away)
        async with asyncio.timeout(10), streaming(world.partner, f"?after={last - 1}") as stream:
            assert await stream.block() == {"retry": "2000"}
            assert await stream.block() == {"": ""}
            outage.undo()
            while (block := await stream.block()) == {"": ""}:
                pass
            assert block["id"] == str(last)


async def test_a_stream_ends_when_its_key_is_revoked(world: World) -> None:
    await world.project()
    key, client = await another_key(world)
    async with streaming(client, f"?after={await last_sequence(world)}") as stream:
        await revoked(world, key, client)
        async with asyncio.timeout(5):
            assert await stream.rest() == [{"retry": "2000"}]
    assert_problem(await client.get(STREAM), 401, "unauthenticated")
    await client.aclose()


async def test_only_so_many_streams_of_a_key_are_open_at_once(world: World) -> None:
    _, client = await another_key(world)
    async with AsyncExitStack() as stack:
        for _ in range(WAITING):
            await stack.enter_async_context(streaming(client))
        refused = await client.get(STREAM)
        async with streaming(world.partner):
            pass
    assert_problem(refused, 429, "too_many_streams")
    async with asyncio.timeout(10):
        while (status := await status_of(client)) == 429:  # the places of those who left are free soon
            pass
    assert status == 200
    await client.aclose()


async def status_of(client: httpx2.AsyncClient) -> int:
    async with client.stream("GET", STREAM) as response:
        return response.status_code


async def test_a_reader_that_takes_nothing_is_sent_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "STALLED", 0.2)
    monkeypatch.setattr(event_stream, "CHUNK", 1)
    monkeypatch.setattr(event_stream, "WAITING", 1)
    monkeypatch.setattr(event_stream, "sent", lambda row: b"id: %d\ndata: %b\n\n" % (row.sequence, b"x" * 10**6))
    await registered(world, 20)
    _, client = await another_key(world)
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    authorization = client.headers["Authorization"]
    writer.write(f"GET {STREAM} HTTP/1.1\r\nHost: h\r\nAuthorization: {authorization}\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    assert await status_of(client) == 429

    async with asyncio.timeout(20):
        while await status_of(client) == 429:
            pass
        assert len(await reader.read(-1)) < 20 * 10**6

    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    await client.aclose()


async def test_who_knows_no_chunks_is_sent_none(world: World) -> None:
    await registered(world, 2)
    key, client = await another_key(world)
    host, _, port = world.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {STREAM} HTTP/1.0\r\nAuthorization: {client.headers['Authorization']}\r\n\r\n".encode())

    head = await reader.readuntil(b"\r\n\r\n")
    begun = await reader.readuntil(b"id: 2\n")
    await revoked(world, key, client)
    async with asyncio.timeout(5):
        await reader.read(-1)  # its end is the connection's

    assert b"transfer-encoding" not in head
    assert b"connection: close\r\n" in head
    assert begun.startswith(b"retry: 2000\n\nid: 1\nevent: ")
    writer.close()
    await writer.wait_closed()
    await client.aclose()


async def test_concurrent_writers_and_a_projector_that_dies_leave_no_gap(world: World) -> None:
    await world.project()
    last = await last_sequence(world)
    customers: list[str] = []

    async def write() -> None:
        customers.extend([(await world.register(fresh_wallet()))["id"] for _ in range(15)])

    async def project() -> None:
        while True:  # a projector that is killed again and again, in the midst of whatever it does
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await Projector(world.services.conninfo, PROJECTIONS).run()

    projecting = asyncio.create_task(project())
    try:
        async with asyncio.timeout(60), streaming(world.partner, f"?after={last}") as stream:
            await asyncio.gather(*(write() for _ in range(4)))
            events = await stream.events(60)
    finally:
        projecting.cancel()
        await asyncio.gather(projecting, return_exceptions=True)

    assert [event["sequence"] for event in events] == list(range(last + 1, last + 61))
    assert sorted(event["id"] for event in events) == sorted(customers)


async def test_a_rebuild_under_an_open_stream_is_not_noticed(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await registered(world, 1)
        async with streaming(world.partner, "?after=1") as stream:
            for _ in range(3):
                first = await registered(world, 2)
                done = await rebuild(database, FEED, lambda *_: None)
                assert done.before == done.after
                second = await registered(world, 1)
                assert [event["id"] for event in await stream.events(3)] == first + second

        assert [event["sequence"] for event in await all_events(world.partner)] == list(range(1, 11))


async def test_streams_end_at_once_when_the_service_does(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await registered(world, 1)
        client = httpx2.AsyncClient(base_url=world.url, headers=world.partner.headers, timeout=30)
        opened = await client.send(client.build_request("GET", STREAM), stream=True)
        waiting = asyncio.create_task(client.get("/v1/events?after=1&wait=30"))
        await meanwhile(world)
        begun = asyncio.get_running_loop().time()

    assert asyncio.get_running_loop().time() - begun < 3
    assert (await waiting).json() == {"events": [], "next": 1}
    assert b"id: 1\n" in await opened.aread()
    await client.aclose()
