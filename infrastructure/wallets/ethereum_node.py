"""An Ethereum node: what an account is, and what a contract answers, at one block that is named by its hash.

https://ethereum.github.io/execution-apis/ · https://eips.ethereum.org/EIPS/eip-1898 (blocks by hash)
"""

import re
from typing import Final, NamedTuple

from application.ports import ProviderUnavailable
from infrastructure.wallets.json_rpc import JsonRpc, RpcError
from infrastructure.wallets.wallet_proof import keccak256

CALLER: Final = "0x" + keccak256(b"gatehouse")[-20:].hex()
"""Whom contracts see calling: an address without a key. The default, zero, passes for an owner that was never set."""

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,14})", re.ASCII)
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)

_REVERTED: Final = 3
_VM_ERROR: Final = -32015
_SERVER_ERRORS: Final = range(-32099, -31999)
_ENDED: Final = re.compile(
    r".*execution reverted|invalid opcode|invalid jump destination|stack underflow", re.ASCII | re.IGNORECASE
)


class Block(NamedTuple):
    """A block, by number and hash."""

    number: int
    hash: str


class Reverted(Exception):
    """The contract ended the call without a result. That is an answer: it would do so again."""


class EthereumNode:
    """A node of the chain with this EIP-155 id. Everything raises `ProviderUnavailable` where it is not answered."""

    def __init__(self, chain: str, rpc: JsonRpc) -> None:
        self._chain = int(chain)
        self._rpc = rpc
        self._checked = False

    async def latest(self) -> Block:
        """The newest block that the node knows, once it has said that it is on the right chain."""
        if not self._checked:
            if self._quantity(await self._ask("eth_chainId")) != self._chain:
                raise self.unavailable("wrong_chain")
            self._checked = True
        block = await self._ask("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 -- without its transactions
        if not isinstance(block, dict):
            raise self.unavailable("malformed")
        return Block(self._quantity(block.get("number")), self._matching(_HASH, block.get("hash")).lower())

    async def code(self, address: str, block: Block) -> bytes:
        """The contract at an address; empty where there is none."""
        return self._data(await self._ask("eth_getCode", address, _at(block)))

    async def call(self, address: str, data: bytes, block: Block) -> bytes:
        """What the contract at an address returns, without changing anything. Raises `Reverted`."""
        call = {"from": CALLER, "to": address, "data": "0x" + data.hex()}
        try:
            return self._data(await self._rpc.ask("eth_call", call, _at(block)))
        except RpcError as error:
            if _ended_by_contract(error):
                raise Reverted from None
            raise self.unavailable("error") from None

    def unavailable(self, why: str, *, retry_after: int = 0) -> ProviderUnavailable:
        """The outage to raise where the node is of no help."""
        return self._rpc.api.unavailable(why, retry_after=retry_after)

    async def _ask(self, method: str, *params: object) -> object:
        try:
            return await self._rpc.ask(method, *params)
        except RpcError:
            raise self.unavailable("error") from None

    def _quantity(self, result: object) -> int:
        return int(self._matching(_QUANTITY, result), 16)

    def _data(self, result: object) -> bytes:
        return bytes.fromhex(self._matching(_DATA, result)[2:])

    def _matching(self, form: re.Pattern[str], result: object) -> str:
        if not isinstance(result, str) or not form.fullmatch(result):
            raise self.unavailable("malformed")
        return result


def _at(block: Block) -> dict[str, object]:
    """The block, by its hash; the node must refuse it once it belongs to the chain no more."""
    return {"blockHash": block.hash, "requireCanonical": True}


def _ended_by_contract(error: RpcError) -> bool:
    """Whether the contract ended the call, as nodes say it; whatever else went wrong is the node's trouble.

    geth, erigon and reth: code 3, before that -32000, with `execution reverted` and the data. Nethermind: -32000 or
    -32003, before that -32015 with `Reverted 0x…` as data. Other ends, such as a bad opcode, have their words alone.
    A call that ran out of gas may have met the node's own limit.
    """
    data = error.data if isinstance(error.data, str) else ""
    if error.code != _REVERTED and error.code not in _SERVER_ERRORS:
        return False
    if _ENDED.match(error.message):
        return True
    if error.code == _REVERTED:
        return _DATA.fullmatch(data) is not None
    return error.code == _VM_ERROR and data.lower().startswith("revert")
