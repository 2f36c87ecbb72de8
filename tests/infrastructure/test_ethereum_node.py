"""A node's answers: what is a block, code, a result, an end of the contract's making, and an outage."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest

from application.ports import ProviderUnavailable
from infrastructure.wallets.ethereum_node import CALLER, Block, EthereumNode, Reverted
from infrastructure.wallets.wallet_proof import keccak256
from tests.support.ethereum import Chain, returning
from tests.support.rpc_server import Fault, RpcServer, calling, rpc_server

pytestmark = pytest.mark.anyio

HASH: Final = "0x" + "b10c" * 16
BLOCK: Final = Block(19_000_000, HASH)
AT: Final = {"blockHash": HASH, "requireCanonical": True}
CONTRACT: Final = "0x" + "c0" * 20


@pytest.fixture
async def server() -> AsyncIterator[RpcServer]:
    async with rpc_server(Chain(contracts={CONTRACT: returning(b"yes")}).answer) as server:
        yield server


@pytest.fixture
async def node(server: RpcServer) -> AsyncIterator[EthereumNode]:
    async with calling(server.url) as rpc:
        yield EthereumNode("1", rpc)


def instead(server: RpcServer, method: str, result: object) -> None:
    """Let the server answer a method with a result, or raise a fault, and all else as before."""
    before = server.answer

    def answer(asked: str, params: list[Any]) -> object:
        if asked != method:
            return before(asked, params)
        if isinstance(result, Exception):
            raise result
        return result

    server.answer = answer


async def test_everything_is_asked_at_one_block_by_its_hash(server: RpcServer, node: EthereumNode) -> None:
    block = await node.latest()

    assert block == BLOCK
    assert await node.code(CONTRACT, block) == bytes.fromhex("6001")
    assert await node.code("0x" + "0e" * 20, block) == b""
    assert await node.call(CONTRACT, b"\xab", block) == b"yes"
    assert server.asked == [
        ("eth_chainId", []),
        ("eth_getBlockByNumber", ["latest", False]),
        ("eth_getCode", [CONTRACT, AT]),
        ("eth_getCode", ["0x" + "0e" * 20, AT]),
        ("eth_call", [{"from": CALLER, "to": CONTRACT, "data": "0xab"}, AT]),
    ]


def test_the_caller_is_nobody() -> None:
    assert CALLER == "0x5d95e5fe3a10869c47e93225d89091b3b793ac8e"
    assert bytes.fromhex(CALLER[2:]) == keccak256(b"gatehouse")[12:]


async def test_the_chain_is_checked_once(server: RpcServer, node: EthereumNode) -> None:
    assert await node.latest() == await node.latest()

    assert server.methods.count("eth_chainId") == 1


@pytest.mark.parametrize("chain", ["0x2", "0x0", "0x01", "1", 1, None, "0x", "0x1 ", "0X1", "-0x1", "0x" + "f" * 16])
async def test_a_node_of_another_chain_is_no_node_of_ours(server: RpcServer, node: EthereumNode, chain: object) -> None:
    instead(server, "eth_chainId", chain)

    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await node.latest()
    assert set(server.methods) == {"eth_chainId"}


async def test_a_node_that_comes_to_the_right_chain_is_asked(server: RpcServer, node: EthereumNode) -> None:
    before = server.answer
    instead(server, "eth_chainId", "0x5")
    with pytest.raises(ProviderUnavailable):
        await node.latest()
    server.answer = before

    assert await node.latest() == BLOCK


NO_BLOCK: Final[dict[str, object]] = {
    "null": None,
    "a list": [],
    "text": HASH,
    "nothing in it": {},
    "no hash": {"number": "0x1"},
    "pending": {"number": None, "hash": None},
    "a hash too short": {"number": "0x1", "hash": HASH[:-1]},
    "a hash too long": {"number": "0x1", "hash": HASH + "0"},
    "a hash without 0x": {"number": "0x1", "hash": HASH[2:] + "00"},
    "a hash that is none": {"number": "0x1", "hash": "0x" + "g" * 64},
    "a newline behind the hash": {"number": "0x1", "hash": HASH + "\n"},
    "no number": {"hash": HASH},
    "a number with a leading zero": {"number": "0x01", "hash": HASH},
    "a number without digits": {"number": "0x", "hash": HASH},
    "a decimal number": {"number": "19000000", "hash": HASH},
    "a number that is one": {"number": 19000000, "hash": HASH},
    "a number in other digits": {"number": "0x\uff11", "hash": HASH},
    "a number of 64 bits and more": {"number": "0x1" + "0" * 15, "hash": HASH},
    "a negative number": {"number": "0x-1", "hash": HASH},
}


@pytest.mark.parametrize("block", NO_BLOCK.values(), ids=NO_BLOCK)
async def test_what_is_no_block_is_an_outage(server: RpcServer, node: EthereumNode, block: object) -> None:
    instead(server, "eth_getBlockByNumber", block)

    with pytest.raises(ProviderUnavailable):
        await node.latest()


async def test_the_first_block_is_one(server: RpcServer, node: EthereumNode) -> None:
    instead(server, "eth_getBlockByNumber", {"number": "0x0", "hash": HASH.upper().replace("X", "x")})

    assert await node.latest() == Block(0, HASH)


NO_DATA: Final[dict[str, object]] = {
    "null": None,
    "nothing": "",
    "no 0x": "6001",
    "half a byte": "0x600",
    "no hexadecimal": "0x60zz",
    "text": "yes",
    "a list": [],
    "a number": 1,
    "true": True,
    "a newline behind": "0x6001\n",
    "spaces within": "0x60 01",
    "other digits": "0x\uff16\uff10",
}
ASKED: Final[dict[str, Callable[[EthereumNode], Awaitable[bytes]]]] = {
    "eth_getCode": lambda node: node.code(CONTRACT, BLOCK),
    "eth_call": lambda node: node.call(CONTRACT, b"", BLOCK),
}


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize("data", NO_DATA.values(), ids=NO_DATA)
async def test_what_is_no_data_is_an_outage(server: RpcServer, node: EthereumNode, method: str, data: object) -> None:
    instead(server, method, data)

    with pytest.raises(ProviderUnavailable):
        await ASKED[method](node)


async def test_a_block_that_is_on_the_chain_no_more_is_an_outage(node: EthereumNode) -> None:
    gone = Block(BLOCK.number, "0x" + "0dd" * 21 + "0")

    for ask in (node.code(CONTRACT, gone), node.call(CONTRACT, b"", gone)):
        with pytest.raises(ProviderUnavailable):
            await ask


ENDED: Final = {
    "geth": Fault(3, "execution reverted", "0x08c379a0"),
    "geth, without data": Fault(3, "execution reverted", "0x"),
    "geth, with a reason": Fault(3, "execution reverted: GS026", "0x08c379a0"),
    "geth before 2025, without data": Fault(-32000, "execution reverted"),
    "nethermind": Fault(-32000, "execution reverted", "0xf4f28e99"),
    "nethermind before 2025": Fault(-32015, "VM execution error.", "Reverted 0x7a933234"),
    "openethereum": Fault(-32015, "VM execution error.", "revert"),
    "besu": Fault(-32000, "Execution reverted", "0x"),
    "a relay, with its own words before": Fault(-32008, "[Request ID: 7] execution reverted: CONTRACT", "0x6ca7b806"),
    "data alone": Fault(3, "reverted", "0x08c379a0"),
    "a bad opcode": Fault(-32000, "invalid opcode: INVALID"),
    "a bad jump": Fault(-32003, "invalid jump destination"),
    "an empty stack": Fault(-32000, "stack underflow (0 <=> 1)"),
}


@pytest.mark.parametrize("fault", ENDED.values(), ids=ENDED)
async def test_a_call_that_the_contract_ended_is_an_answer(server: RpcServer, node: EthereumNode, fault: Fault) -> None:
    instead(server, "eth_call", fault)

    with pytest.raises(Reverted):
        await node.call(CONTRACT, b"", BLOCK)


@pytest.mark.parametrize("fault", ENDED.values(), ids=ENDED)
async def test_only_a_call_can_be_ended_by_a_contract(server: RpcServer, node: EthereumNode, fault: Fault) -> None:
    for method in ("eth_getCode", "eth_getBlockByNumber", "eth_chainId"):
        instead(server, method, fault)

    with pytest.raises(ProviderUnavailable):
        await node.code(CONTRACT, BLOCK)
    with pytest.raises(ProviderUnavailable):
        await node.latest()


TROUBLE: Final = {
    "an unknown block": Fault(-32000, "header not found"),
    "a block off the chain": Fault(-32000, "hash is not currently canonical"),
    "state that was thrown away": Fault(-32000, "missing trie node 5c99 (path )"),
    "a limit": Fault(-32005, "limit exceeded"),
    "the server's fault": Fault(-32603, "Internal error"),
    "an unknown method": Fault(-32601, "the method eth_call does not exist/is not available"),
    "bad parameters": Fault(-32602, "invalid argument 1: json: cannot unmarshal object"),
    "out of gas": Fault(-32000, "out of gas"),
    "out of gas, with data": Fault(-32000, "out of gas", "0x"),
    "out of time": Fault(-32000, "execution aborted (timeout = 5s)"),
    "data with another code": Fault(-32000, "request failed", "0x08c379a0"),
    "words with a code from elsewhere": Fault(429, "execution reverted"),
    "a VM error of another kind": Fault(-32015, "VM execution error.", "OutOfGas"),
    "a VM error without data": Fault(-32015, "VM execution error."),
    "code 3 of another kind": Fault(3, "invalid argument"),
    "code 3 with words for data": Fault(3, "invalid argument", "Reverted"),
    "code 3 with an object for data": Fault(3, "invalid argument", {"data": "0x"}),
}


@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE)
async def test_any_other_error_is_an_outage(server: RpcServer, node: EthereumNode, fault: Fault) -> None:
    instead(server, "eth_call", fault)

    with pytest.raises(ProviderUnavailable):
        await node.call(CONTRACT, b"", BLOCK)
