import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from infrastructure.http.dispatch import DirectApp
from tests.support.http import customers_at
from tests.support.world import World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers",
        "/v1/customers/{id}",
        "/v1/customers/{id}/timeline",
        "/v1/customers/{id}/evidence/" + "0" * 64,
        "/v1/nothing",
        "/docs",
        "/tlog/keys",
    ],
)
async def test_head_is_answered_as_get_is_without_the_body(world: World, path: str) -> None:
    held = (await customers_at(world, "initiating"))[0]
    url = path.format(id=held.customer["id"])

    head, get = await world.officer.head(url), await world.officer.get(url)

    assert head.content == b""
    assert head.status_code == get.status_code
    assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
    assert "content-length" in head.headers


async def test_where_there_is_no_get_there_is_no_head(world: World) -> None:
    response = await world.auditor.head("/v1/exports")

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


class Endless(Response):
    """A stream that has no end of its own, and holds something until it is ended."""

    held = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while True:
                await send({"type": "http.response.body", "body": b"more", "more_body": True})
        finally:
            self.held = False


async def pieces() -> AsyncIterator[bytes]:
    while True:
        yield b"more"


@pytest.mark.parametrize("make", [Endless, lambda: StreamingResponse(pieces())])
async def test_head_of_a_stream_without_an_end_ends_it(make: Callable[[], Response]) -> None:
    response, sent = make(), list[Message]()

    async def stream(_: Request) -> Response:
        return response

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    app = DirectApp(stream)
    app.add_endpoint("GET", "/stream", stream)
    await app({"type": "http", "method": "HEAD", "path": "/stream", "headers": []}, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1] == {"type": "http.response.body", "body": b""}
    assert not getattr(response, "held", False)
