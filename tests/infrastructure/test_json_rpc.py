"""A JSON-RPC server's answers: what is a result, what is an error, and all that is neither."""

import json
import re
from typing import Any, Final

import httpx2
import pytest

from application.ports import ProviderUnavailable
from infrastructure import provider_api
from infrastructure.provider_api import ProviderApi
from infrastructure.wallets.json_rpc import LONGEST_MESSAGE, JsonRpc, RpcError, content_type
from tests.support.rpc_server import SILENCE, Fault, Reply, calling, rpc_server

pytestmark = pytest.mark.anyio


async def asked(body: bytes, *, status: int = 200) -> object:
    """What the client makes of an answer to its first call, whose id is 1."""
    async with rpc_server(lambda _method, _params: Reply(body, status)) as server, calling(server.url) as rpc:
        return await rpc.ask("eth_chainId")


async def test_a_call_is_what_the_specification_says() -> None:
    bodies = []

    def recorded(request: httpx2.Request) -> httpx2.Response:
        bodies.append((str(request.url), request.headers["content-type"], request.content))
        return httpx2.Response(200, json={"jsonrpc": "2.0", "id": len(bodies), "result": "0x1"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(recorded)) as client:
        api = ProviderApi("eip155:1", "https://node/v3/key?a=b", client=client, sign=content_type, rate="9/second")
        rpc = JsonRpc(api)
        await rpc.ask("eth_getCode", "0xabc", {"blockHash": "0x1", "requireCanonical": True})
        await rpc.ask("eth_chainId")

    expected: list[dict[str, Any]] = [
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_getCode",
            "params": ["0xabc", {"blockHash": "0x1", "requireCanonical": True}],
        },
        {"jsonrpc": "2.0", "id": 2, "method": "eth_chainId", "params": []},
    ]
    assert [json.loads(body) for _, _, body in bodies] == expected
    assert {(url, kind) for url, kind, _ in bodies} == {("https://node/v3/key?a=b", "application/json")}


@pytest.mark.parametrize("result", ["0x1", None, False, [], {"number": "0x1"}, 7])
async def test_a_result_is_handed_on_as_it_is(result: object) -> None:
    answer = {"id": 1, "result": result, "jsonrpc": "2.0", "extension": True}

    assert await asked(json.dumps(answer).encode()) == result


async def test_calls_over_one_connection_are_told_apart_by_their_ids() -> None:
    async with rpc_server(lambda _, params: params[0]) as server, calling(server.url) as rpc:
        assert [await rpc.ask("echo", number) for number in range(3)] == [0, 1, 2]


NO_ANSWER: Final = {
    "nothing": b"",
    "no JSON": b"<html>502</html>",
    "half an answer": b'{"jsonrpc":"2.0","id":1,"result":"0x',
    "two answers": b'{"jsonrpc":"2.0","id":1,"result":"0x1"}{"jsonrpc":"2.0","id":1,"result":"0x1"}',
    "a batch": b'[{"jsonrpc":"2.0","id":1,"result":"0x1"}]',
    "a number": b"1",
    "null": b"null",
    "another version": b'{"jsonrpc":"1.0","id":1,"result":"0x1"}',
    "no version": b'{"id":1,"result":"0x1"}',
    "a version that is a number": b'{"jsonrpc":2.0,"id":1,"result":"0x1"}',
    "another id": b'{"jsonrpc":"2.0","id":2,"result":"0x1"}',
    "the id as text": b'{"jsonrpc":"2.0","id":"1","result":"0x1"}',
    "the id as a fraction": b'{"jsonrpc":"2.0","id":1.0,"result":"0x1"}',
    "the id as a truth": b'{"jsonrpc":"2.0","id":true,"result":"0x1"}',
    "the id null": b'{"jsonrpc":"2.0","id":null,"result":"0x1"}',
    "no id": b'{"jsonrpc":"2.0","result":"0x1"}',
    "an error without an id": b'{"jsonrpc":"2.0","id":null,"error":{"code":3,"message":"execution reverted"}}',
    "neither result nor error": b'{"jsonrpc":"2.0","id":1}',
    "both": b'{"jsonrpc":"2.0","id":1,"result":"0x1","error":{"code":3,"message":"execution reverted"}}',
    "the result twice": b'{"jsonrpc":"2.0","id":1,"result":"0x1","result":"0x2"}',
    "the id twice": b'{"jsonrpc":"2.0","id":2,"id":1,"result":"0x1"}',
    "an error that is text": b'{"jsonrpc":"2.0","id":1,"error":"execution reverted"}',
    "an error that is null": b'{"jsonrpc":"2.0","id":1,"error":null}',
    "an error without a code": b'{"jsonrpc":"2.0","id":1,"error":{"message":"execution reverted"}}',
    "an error with its code as text": b'{"jsonrpc":"2.0","id":1,"error":{"code":"3","message":"execution reverted"}}',
    "an error with a true code": b'{"jsonrpc":"2.0","id":1,"error":{"code":true,"message":"execution reverted"}}',
    "an error without a message": b'{"jsonrpc":"2.0","id":1,"error":{"code":3}}',
    "an error with a null message": b'{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":null}}',
    "no number": b'{"jsonrpc":"2.0","id":1,"result":NaN}',
    "a number of 10,000 digits": b'{"jsonrpc":"2.0","id":' + b"1" * 10_000 + b',"result":"0x1"}',
    "nested without end": b"[" * 200_000,
    "not UTF-8": b'{"jsonrpc":"2.0","id":1,"result":"\xff"}',
    "too much": b'{"jsonrpc":"2.0","id":1,"result":"' + b"a" * (1 << 20) + b'"}',
}


@pytest.mark.parametrize("body", NO_ANSWER.values(), ids=NO_ANSWER)
async def test_what_is_no_answer_to_this_call_is_an_outage(body: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        await asked(body)

    assert str(raised.value) == "the provider is unavailable"


@pytest.mark.parametrize("status", [204, 301, 400, 401, 404, 500])
async def test_a_result_under_another_status_is_an_outage(status: int) -> None:
    with pytest.raises(ProviderUnavailable):
        await asked(b'{"jsonrpc":"2.0","id":1,"result":"0x1"}', status=status)


async def test_a_servers_error_is_told_with_what_it_says() -> None:
    def fault(_method: str, _params: list[Any]) -> object:
        raise Fault(3, "execution reverted: " + "a" * 1000, "0x08c379a0")

    async with rpc_server(fault) as server, calling(server.url) as rpc:
        with pytest.raises(RpcError) as raised:
            await rpc.ask("eth_call")

    assert (raised.value.code, raised.value.data) == (3, "0x08c379a0")
    assert re.fullmatch("execution reverted: a+", raised.value.message)
    assert len(raised.value.message) == LONGEST_MESSAGE
    assert str(raised.value) == "the JSON-RPC server answered with an error"


async def test_a_server_that_says_nothing_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_api, "DEADLINE", 0.2)
    async with rpc_server(lambda _method, _params: SILENCE) as server, calling(server.url) as rpc:
        with pytest.raises(ProviderUnavailable):
            await rpc.ask("eth_chainId")


async def test_a_server_that_asks_for_patience_is_given_it() -> None:
    limited = Reply(b"", 429, {"retry-after": "17"})
    async with rpc_server(lambda _method, _params: limited) as server, calling(server.url) as rpc:
        with pytest.raises(ProviderUnavailable) as raised:
            await rpc.ask("eth_chainId")

    assert raised.value.retry_after == 17
    assert server.methods == ["eth_chainId"]


async def test_nobody_there_is_an_outage() -> None:
    async with rpc_server(lambda _method, _params: "0x1") as server:
        url = server.url
    async with calling(url) as rpc:
        with pytest.raises(ProviderUnavailable):
            await rpc.ask("eth_chainId")
