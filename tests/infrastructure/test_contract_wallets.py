"""What contracts say of signatures: EIP-1271 and EIP-6492 over JSON-RPC, on a chain in miniature."""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import pytest
from limits import parse

from application.ports import ProviderUnavailable
from domain.commands import WalletProof
from infrastructure.wallets import contract_wallets
from infrastructure.wallets.contract_wallets import LONGEST, ContractWallets
from infrastructure.wallets.ethereum_node import EthereumNode
from infrastructure.wallets.wallet_proof import CONTRACT_SUFFIX
from tests.support.ethereum import (
    IS_VALID_SIGNATURE,
    MAGIC,
    MULTICALL,
    REFUSED,
    Chain,
    Contract,
    deploying,
    multicall,
    owned_by,
    returning,
    reverting,
    word,
    wrapped,
)
from tests.support.rpc_server import SILENCE, Fault, Reply, RpcServer, calling, rpc_server
from tests.support.world import Wallet

pytestmark = pytest.mark.anyio

MESSAGE: Final = b"localhost wants you to sign in with your Ethereum account"
OWNER: Final = Wallet(1)
SIGNATURE: Final = bytes.fromhex(OWNER.sign(MESSAGE)[2:])
STRANGERS: Final = bytes.fromhex(Wallet(2).sign(MESSAGE)[2:])
WALLET: Final = "0x" + "0a" * 20
FACTORY: Final = "0x" + "fa" * 20
PARTNER: Final = UUID(int=1)
TAKEN: Final = WalletProof(WALLET, method="eip1271", block_number=19_000_000, block_hash="0x" + "b10c" * 16)
TAKEN_WRAPPED: Final = WalletProof(WALLET, method="eip6492", block_number=19_000_000, block_hash="0x" + "b10c" * 16)


@pytest.fixture
def chain() -> Chain:
    """A chain with Multicall3, and a factory of the wallet."""
    return Chain(contracts={MULTICALL: multicall, FACTORY: deploying(WALLET, owned_by(OWNER.address))})


@pytest.fixture
async def server(chain: Chain) -> AsyncIterator[RpcServer]:
    async with rpc_server(chain.answer) as server:
        yield server


@pytest.fixture
async def contracts(server: RpcServer) -> AsyncIterator[ContractWallets]:
    async with calling(server.url) as rpc:
        yield ContractWallets({"eip155:1": EthereumNode("1", rpc)})


async def proof(
    contracts: ContractWallets, signature: bytes | str, account: str = f"eip155:1:{WALLET}"
) -> WalletProof | None:
    """What the wallet says of a signature."""
    text = signature if isinstance(signature, str) else "0x" + signature.hex()
    return await contracts.prove(account, MESSAGE, text, partner=PARTNER)


def refused(found: WalletProof | None) -> bool:
    """Whether the wallet was asked, and does not take the signature for its own."""
    return found is not None and found.signer is None and found.fault is None


# EIP-1271.


async def test_a_deployed_wallet_takes_what_its_owner_signed(
    chain: Chain, server: RpcServer, contracts: ContractWallets
) -> None:
    chain.contracts[WALLET] = owned_by(OWNER.address)

    assert await proof(contracts, SIGNATURE) == TAKEN
    assert server.methods == ["eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call"]


async def test_a_deployed_wallet_refuses_what_a_stranger_signed(chain: Chain, contracts: ContractWallets) -> None:
    chain.contracts[WALLET] = owned_by(OWNER.address)

    assert refused(await proof(contracts, STRANGERS))


async def test_the_wallet_is_asked_under_its_address_whatever_its_letters(
    chain: Chain, server: RpcServer, contracts: ContractWallets
) -> None:
    chain.contracts[WALLET] = owned_by(OWNER.address)

    assert await proof(contracts, SIGNATURE, "eip155:1:0x" + "0A" * 20) == TAKEN
    assert server.asked[-1][1][0]["to"] == WALLET


@pytest.mark.parametrize("length", [0, 1, 64, 65, 66, 130, 195, LONGEST])
async def test_a_contract_says_what_its_signatures_are(chain: Chain, contracts: ContractWallets, length: int) -> None:
    """A Safe takes 65 bytes for each of its owners, and none at all where it signed on the chain."""
    chain.contracts[WALLET] = returning(MAGIC)

    assert await proof(contracts, (SIGNATURE * 200)[:length]) == TAKEN


async def test_an_account_that_is_delegated_is_a_contract(chain: Chain, contracts: ContractWallets) -> None:
    """EIP-7702: the account's code says where its contract is."""
    chain.contracts[WALLET] = owned_by(OWNER.address)
    chain.codes[WALLET] = "0xef0100" + "de" * 20

    assert await proof(contracts, SIGNATURE) == TAKEN


async def test_where_there_is_no_contract_the_signature_speaks_for_itself(
    server: RpcServer, contracts: ContractWallets
) -> None:
    assert await proof(contracts, SIGNATURE) is None
    assert server.methods == ["eth_chainId", "eth_getBlockByNumber", "eth_getCode"]


NO_CONSENT: Final = {
    "nothing": b"",
    "the four bytes alone": IS_VALID_SIGNATURE,
    "31 bytes": MAGIC[:-1],
    "33 bytes": MAGIC + b"\0",
    "two words": MAGIC + bytes(32),
    "a bit behind the magic": MAGIC[:-1] + b"\1",
    "padded on the left": word(0x1626BA7E),
    "padded with ones": IS_VALID_SIGNATURE + b"\xff" * 28,
    "the same in text": b"0x1626ba7e".ljust(32, b"\0"),
    "true": word(1),
    "zero": word(0),
    "ones": b"\xff" * 32,
    "a refusal": REFUSED,
    "EIP-1271's first draft": bytes.fromhex("20c13b0b") + bytes(28),
    "as bytes": word(32) + word(4) + MAGIC,
    "a megabyte, nearly": MAGIC * 16_000,
}


@pytest.mark.parametrize("returned", NO_CONSENT.values(), ids=NO_CONSENT)
async def test_only_the_magic_value_padded_with_zeros_is_consent(
    chain: Chain, contracts: ContractWallets, returned: bytes
) -> None:
    chain.contracts[WALLET] = returning(returned)
    assert refused(await proof(contracts, SIGNATURE))
    assert refused(await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)))

    del chain.contracts[WALLET]
    chain.contracts[FACTORY] = deploying(WALLET, returning(returned))
    assert refused(await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)))


def echo(_chain: Chain, data: bytes) -> bytes:
    """The precompiled contract `identity`, at 0x…04: its answer to the question begins with the magic value."""
    return data


@pytest.mark.parametrize("contract", [echo, lambda chain, data: echo(chain, data)[:32], reverting])
async def test_a_contract_that_knows_nothing_of_signatures_consents_to_none(
    chain: Chain, contracts: ContractWallets, contract: Contract
) -> None:
    chain.contracts[WALLET] = contract

    assert refused(await proof(contracts, SIGNATURE))
    assert refused(await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)))


# EIP-6492.


async def test_a_wallet_that_is_not_deployed_yet_is_made_ready_and_asked_in_one_call(
    chain: Chain, server: RpcServer, contracts: ContractWallets
) -> None:
    assert await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)) == TAKEN_WRAPPED

    assert server.methods == ["eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call"]
    assert server.asked[-1][1][0]["to"] == MULTICALL
    assert WALLET not in chain.contracts


async def test_a_wrapped_signature_of_a_stranger_is_refused(contracts: ContractWallets) -> None:
    assert refused(await proof(contracts, wrapped(FACTORY, b"deploy", STRANGERS)))


async def test_a_wrapped_signature_stays_good_once_the_wallet_is_deployed(
    chain: Chain, server: RpcServer, contracts: ContractWallets
) -> None:
    chain.contracts[WALLET] = owned_by(OWNER.address)

    assert await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)) == TAKEN_WRAPPED
    assert server.asked[-1][1][0]["to"] == WALLET


async def test_a_deployed_wallet_whose_owner_changed_is_not_made_anew(chain: Chain, contracts: ContractWallets) -> None:
    chain.contracts[WALLET] = owned_by(Wallet(3).address)

    assert refused(await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)))


@pytest.mark.parametrize("before", [returning(REFUSED), reverting])
async def test_a_deployed_wallet_that_has_to_be_made_ready_is(
    chain: Chain, contracts: ContractWallets, before: Contract
) -> None:
    def migrate(state: Chain, data: bytes) -> bytes:
        assert data == b"migrate"
        state.contracts[WALLET] = owned_by(OWNER.address)
        return b""

    chain.contracts |= {WALLET: before, FACTORY: migrate}

    assert await proof(contracts, wrapped(FACTORY, b"migrate", SIGNATURE)) == TAKEN_WRAPPED


@pytest.mark.parametrize("calldata", [b"", b"deploy something else"])
async def test_a_factory_that_fails_deploys_nothing(contracts: ContractWallets, calldata: bytes) -> None:
    assert refused(await proof(contracts, wrapped(FACTORY, calldata, SIGNATURE)))


async def test_consent_is_worth_nothing_where_making_ready_failed(chain: Chain, contracts: ContractWallets) -> None:
    chain.contracts |= {FACTORY: reverting, MULTICALL: returning(failed_and(MAGIC))}

    assert refused(await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)))


def failed_and(data: bytes) -> bytes:
    """Two results, the first a failure, the second 32 bytes."""
    head = word(32) + word(2) + word(64) + word(160)
    return head + word(0) + word(64) + word(0) + word(1) + word(64) + word(32) + data


async def test_another_contract_than_the_wallet_consents_to_nothing(chain: Chain, contracts: ContractWallets) -> None:
    chain.contracts[FACTORY] = deploying("0x" + "bb" * 20, returning(MAGIC))

    assert refused(await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE)))


async def test_a_chain_without_multicall_cannot_make_wallets_ready(chain: Chain, contracts: ContractWallets) -> None:
    del chain.contracts[MULTICALL]

    found = await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE))

    assert found == WalletProof(signer=None, fault="unknown_contract")


@pytest.mark.parametrize("returned", [word(32), failed_and(MAGIC)[:-1], failed_and(MAGIC) + bytes(32), MAGIC])
async def test_a_multicall_that_makes_no_sense_is_an_outage(
    chain: Chain, contracts: ContractWallets, returned: bytes
) -> None:
    chain.contracts[MULTICALL] = returning(returned)

    with pytest.raises(ProviderUnavailable):
        await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE))


async def test_a_multicall_that_fails_as_a_whole_is_an_outage(chain: Chain, contracts: ContractWallets) -> None:
    chain.contracts[MULTICALL] = reverting

    with pytest.raises(ProviderUnavailable):
        await proof(contracts, wrapped(FACTORY, b"deploy", SIGNATURE))


# What nobody is asked.


@pytest.mark.parametrize(
    "signature",
    ["0xzz", "0x1", "!", "подпись", bytes(LONGEST + 1), CONTRACT_SUFFIX, SIGNATURE + CONTRACT_SUFFIX],
    ids=lambda signature: str(signature)[:20],
)
async def test_nobody_is_asked_about_a_malformed_signature(
    server: RpcServer, contracts: ContractWallets, signature: bytes | str
) -> None:
    assert await proof(contracts, signature) == WalletProof(signer=None, fault="malformed")
    assert server.asked == []


async def test_nobody_is_asked_about_another_chain(server: RpcServer, contracts: ContractWallets) -> None:
    assert await proof(contracts, SIGNATURE, f"eip155:10:{WALLET}") is None
    assert server.asked == []


async def test_a_partner_asks_so_often_and_no_oftener(
    chain: Chain, server: RpcServer, contracts: ContractWallets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_wallets, "PER_PARTNER", parse("2/minute"))
    chain.contracts[WALLET] = owned_by(OWNER.address)
    assert refused(await proof(contracts, STRANGERS))
    assert refused(await proof(contracts, STRANGERS))
    asked = len(server.asked)

    with pytest.raises(ProviderUnavailable) as raised:
        await proof(contracts, SIGNATURE)

    assert (raised.value.retry_after, len(server.asked)) == (1, asked)
    other = await contracts.prove(f"eip155:1:{WALLET}", MESSAGE, OWNER.sign(MESSAGE), partner=UUID(int=2))
    assert other == TAKEN


# Outages.


class Away:
    """Nothing is said from one method on."""

    def __init__(self, chain: Chain, method: str, reply: Reply | Fault) -> None:
        self._chain, self._method, self._reply = chain, method, reply

    def answer(self, method: str, params: list[Any]) -> object:
        if method != self._method:
            return self._chain.answer(method, params)
        if isinstance(self._reply, Fault):
            raise self._reply
        return self._reply


METHODS: Final = ("eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_call")
REPLIES: Final = {
    "an empty answer": Reply(b""),
    "a page": Reply(b"<html>"),
    "another status": Reply(b"{}", 403),
    "patience asked for": Reply(b"", 429, {"retry-after": "3"}),
    "an error of the server's": Fault(-32603, "Internal error"),
    "a limit": Fault(-32005, "limit exceeded"),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("signature", [SIGNATURE, wrapped(FACTORY, b"deploy", SIGNATURE)], ids=["plain", "wrapped"])
async def test_a_node_that_fails_on_the_way_neither_takes_nor_refuses(  # noqa: PLR0913, PLR0917 -- fixtures
    chain: Chain, server: RpcServer, contracts: ContractWallets, method: str, reply: Reply | Fault, signature: bytes
) -> None:
    chain.contracts[WALLET] = owned_by(OWNER.address)
    server.answer = Away(chain, method, reply).answer

    with pytest.raises(ProviderUnavailable):
        await proof(contracts, signature)


@pytest.mark.parametrize("method", METHODS)
async def test_a_node_that_falls_silent_is_waited_for_so_long_and_no_longer(
    chain: Chain, server: RpcServer, contracts: ContractWallets, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_wallets, "DEADLINE", 0.2)
    chain.contracts[WALLET] = owned_by(OWNER.address)
    server.answer = Away(chain, method, SILENCE).answer

    with pytest.raises(ProviderUnavailable):
        await proof(contracts, SIGNATURE)


async def test_a_block_that_leaves_the_chain_meanwhile_is_an_outage_and_the_next_one_is_asked(
    chain: Chain, server: RpcServer, contracts: ContractWallets
) -> None:
    chain.contracts[WALLET] = owned_by(OWNER.address)

    def reorganised(method: str, params: list[Any]) -> object:
        result = chain.answer(method, params)
        if method == "eth_getCode":
            chain.hash = "0x" + "0b" * 32
        return result

    server.answer = reorganised
    with pytest.raises(ProviderUnavailable):
        await proof(contracts, SIGNATURE)
    server.answer = chain.answer

    found = await proof(contracts, SIGNATURE)
    assert found is not None
    assert (found.signer, found.block_hash) == (WALLET, "0x" + "0b" * 32)
