from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message

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


async def test_head_of_a_stream_without_an_end_ends() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"more"

    async def stream(_: Request) -> Response:
        return StreamingResponse(endless(), media_type="text/event-stream")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    app = DirectApp()
    app.add_endpoint("GET", "/stream", stream)
    await app({"type": "http", "method": "HEAD", "path": "/stream", "headers": []}, receive, send)

    start, body = sent
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert body == {"type": "http.response.body", "body": b""}
