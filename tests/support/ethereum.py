"""A chain in miniature: accounts with contracts made of Python, asked over JSON-RPC as a node would be.

It reads and writes ABI by hand, so that it agrees with the service only where both agree with the standards.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from coincurve import PublicKey

from infrastructure.wallets.wallet_proof import keccak256
from tests.support.rpc_server import Fault

MULTICALL: Final = "0xca11bde05977b3631167028862be2a173976ca11"
IS_VALID_SIGNATURE: Final = bytes.fromhex("1626ba7e")
MAGIC: Final = bytes.fromhex("1626ba7e" + "00" * 28)
REFUSED: Final = bytes.fromhex("ffffffff" + "00" * 28)
SUFFIX: Final = bytes.fromhex("6492") * 16


class Revert(Exception):
    """A contract ends a call, with data."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(data)
        self.data = data


Contract = Callable[["Chain", bytes], bytes]
"""What a contract does with the data that it is called with, on a chain whose state it may change."""


@dataclass
class Chain:
    """The newest state of a chain, which forgets whatever calls do to it."""

    id: int = 1
    number: int = 19_000_000
    hash: str = "0x" + "b10c" * 16
    contracts: dict[str, Contract] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """Code that is not the default one."""

    def answer(self, method: str, params: list[Any]) -> object:
        """What a node answers."""
        match method, params:
            case "eth_chainId", []:
                return hex(self.id)
            case "eth_getBlockByNumber", ["latest", False]:
                return {"number": hex(self.number), "hash": self.hash, "timestamp": "0x65a0b1c2", "transactions": []}
            case "eth_getCode", [address, block]:
                self._known(block)
                return self.codes.get(address, "0x6001" if address in self.contracts else "0x")
            case "eth_call", [call, block]:
                self._known(block)
                assert set(call) == {"from", "to", "data"}
                state = Chain(self.id, self.number, self.hash, dict(self.contracts))
                try:
                    return "0x" + state.call(call["to"], bytes.fromhex(call["data"].removeprefix("0x"))).hex()
                except Revert as revert:
                    raise Fault(3, "execution reverted", "0x" + revert.data.hex()) from None
        raise Fault(-32601, "the method does not exist/is not available")

    def call(self, address: str, data: bytes) -> bytes:
        """Call an account; one without a contract takes everything and says nothing."""
        contract = self.contracts.get(address)
        return contract(self, data) if contract else b""

    def _known(self, block: object) -> None:
        if block != {"blockHash": self.hash, "requireCanonical": True}:
            raise Fault(-32000, "header not found")


def word(number: int) -> bytes:
    """32 bytes."""
    return number.to_bytes(32, "big")


def number_at(data: bytes, place: int) -> int:
    """The 32 bytes at a place."""
    return int.from_bytes(data[place : place + 32], "big")


def tail(data: bytes) -> bytes:
    """Bytes as the ABI has them behind the heads: their length, and zeros up to the next word."""
    return word(len(data)) + data + bytes(-len(data) % 32)


def bytes_at(data: bytes, place: int) -> bytes:
    """The bytes whose tail is at a place."""
    return data[place + 32 : place + 32 + number_at(data, place)]


def wrapped(factory: str, calldata: bytes, signature: bytes) -> bytes:
    """An EIP-6492 signature."""
    head = bytes(12) + bytes.fromhex(factory[2:]) + word(96) + word(96 + len(tail(calldata)))
    return head + tail(calldata) + tail(signature) + SUFFIX


def owned_by(owner: str) -> Contract:
    """A wallet whose owner, an address, signs for it."""

    def contract(_chain: Chain, data: bytes) -> bytes:
        if data[:4] != IS_VALID_SIGNATURE:
            raise Revert
        signature = bytes_at(data[4:], number_at(data, 36))
        if len(signature) != 65:
            raise Revert(b"length")
        compact = signature[:64] + bytes([signature[64] - 27])
        key = PublicKey.from_signature_and_message(compact, data[4:36], hasher=None).format(compressed=False)
        signer = "0x" + keccak256(key[1:])[-20:].hex()
        return MAGIC if signer == owner.lower() else REFUSED

    return contract


def deploying(address: str, contract: Contract) -> Contract:
    """A factory that puts a contract at an address when it is told `deploy`, once."""

    def factory(chain: Chain, data: bytes) -> bytes:
        if data != b"deploy" or address in chain.contracts:
            raise Revert(b"no")
        chain.contracts[address] = contract
        return bytes(12) + bytes.fromhex(address[2:])

    return factory


def returning(data: bytes) -> Contract:
    """A contract that returns the same whatever it is asked."""
    return lambda _chain, _data: data


def reverting(_chain: Chain, _data: bytes) -> bytes:
    """A contract that ends every call."""
    raise Revert(bytes.fromhex("08c379a0"))


def multicall(chain: Chain, data: bytes) -> bytes:
    """Multicall3's `aggregate3((address,bool,bytes)[])`, each of whose calls may fail."""
    assert data[:4].hex() == "82ad56cb"
    assert number_at(data, 4) == 32
    heads, results = data[68:], []
    for index in range(number_at(data, 36)):
        call = heads[number_at(heads, 32 * index) :]
        before = dict(chain.contracts)
        assert number_at(call, 32) == 1
        try:
            returned, success = chain.call("0x" + call[12:32].hex(), bytes_at(call, number_at(call, 64))), True
        except Revert as revert:
            chain.contracts, returned, success = before, revert.data, False
        results.append(word(success) + word(64) + tail(returned))
    places = [32 * len(results) + sum(map(len, results[:index])) for index in range(len(results))]
    return word(32) + word(len(results)) + b"".join(map(word, places)) + b"".join(results)
