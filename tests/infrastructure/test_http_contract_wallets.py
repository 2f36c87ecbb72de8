"""Contract wallets from registration to screening: a whole service, and a node that says what the test wants."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from io import StringIO
from itertools import count
from typing import Any, Final

import httpx2
import pytest
from limits import parse
from pydantic import SecretStr

from domain.challenge import LIFETIME
from domain.wallet import checksum
from infrastructure.wallets import contract_wallets
from infrastructure.wallets.contract_wallets import LONGEST
from infrastructure.wallets.wallet_proof import CONTRACT_SUFFIX, keccak256
from tests.conftest import Server
from tests.support.ethereum import (
    MULTICALL,
    Chain,
    Contract,
    deploying,
    multicall,
    owned_by,
    wrapped,
)
from tests.support.http import assert_no_canary, assert_problem, fresh_wallet, last_event, service_log, types_of
from tests.support.rpc_server import Fault, Reply, RpcServer, rpc_server
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

FACTORY: Final = "0x" + "fa" * 20
_NUMBERS: Final = count(0xC0DE_0000)


class Contract1271(Wallet):
    """A contract wallet at an address of its own; the key is its owner's."""

    def __init__(self) -> None:
        number = next(_NUMBERS)
        super().__init__(number)
        self.owner = self.address
        self.address = checksum("0x" + keccak256(str(number).encode())[:20].hex(), keccak256)

    def contract(self) -> Contract:
        """What stands at the address once it is deployed."""
        return owned_by(self.owner)


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    with service_log() as written:
        yield written


@pytest.fixture(scope="module")
async def node() -> AsyncIterator[RpcServer]:
    async with rpc_server(Chain().answer) as server:
        yield server


@pytest.fixture(scope="module")
async def world(server: Server, node: RpcServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    conninfo = server.clone()
    rpc = {"eip155:1": SecretStr(node.url + "/v3/canary7f?key=canary7f")}
    async with running(conninfo, tmp_path_factory.mktemp("service"), rpc=rpc) as world:
        yield world
    server.drop(conninfo)


@pytest.fixture
def chain(node: RpcServer, monkeypatch: pytest.MonkeyPatch) -> Chain:
    """The chain that the node tells of. Nothing has been asked of it, and it may be asked as often as a test likes."""
    monkeypatch.setattr(contract_wallets, "PER_PARTNER", parse("1000/second"))
    chain = Chain(contracts={MULTICALL: multicall})
    node.answer = chain.answer
    node.asked.clear()
    return chain


@pytest.fixture
def wallet() -> Contract1271:
    return Contract1271()


@pytest.fixture(autouse=True)
def _nothing_is_logged(log: StringIO) -> Iterator[None]:
    yield
    assert_no_canary(log.getvalue())


async def signed(world: World, customer: dict[str, Any], signature: bytes | str, **changes: str) -> httpx2.Response:
    """Answer the challenge with a signature."""
    text = signature if isinstance(signature, str) else "0x" + signature.hex()
    body = {"chainId": customer["chainId"], "challenge": customer["challenge"], "signature": text}
    return await world.partner.post(f"/v1/customers/{customer['id']}/challenge/sign", json=body | changes)


def owners(customer: dict[str, Any], wallet: Wallet) -> bytes:
    """What the wallet's owner signed."""
    return bytes.fromhex(wallet.sign(b64decode(customer["challenge"]))[2:])


async def assert_screened(world: World, customer: dict[str, Any], chain: Chain, method: str) -> None:
    """The signature is on record with the block that it was proved at, and screening follows."""
    event = await last_event(world, customer)
    assert (event["type"], event["method"], event["chain"]) == ("ChallengeVerified", method, "eip155:1")
    assert (event["blockNumber"], event["blockHash"]) == (chain.number, chain.hash)
    assert await world.status(customer["id"]) == "screening"
    await world.work()
    assert await world.status(customer["id"]) == "verifying"


async def test_a_contract_wallet_gets_to_screening(world: World, chain: Chain, wallet: Contract1271) -> None:
    chain.contracts[wallet.address.lower()] = wallet.contract()
    customer = await world.register(wallet)

    response = await signed(world, customer, owners(customer, wallet))

    assert response.status_code == 204
    await assert_screened(world, customer, chain, "eip1271")


@pytest.mark.parametrize("form", ["hex", "base64 of hex", "base64"])
async def test_a_wallet_that_is_not_deployed_yet_gets_to_screening(
    world: World, chain: Chain, wallet: Contract1271, form: str
) -> None:
    chain.contracts[FACTORY] = deploying(wallet.address.lower(), wallet.contract())
    customer = await world.register(wallet)
    raw = wrapped(FACTORY, b"deploy", owners(customer, wallet))
    text = {
        "hex": "0x" + raw.hex(),
        "base64 of hex": b64encode(b"0x" + raw.hex().encode()).decode(),
        "base64": b64encode(raw).decode(),
    }

    assert (await signed(world, customer, text[form])).status_code == 204
    await assert_screened(world, customer, chain, "eip6492")
    assert (await last_of(world, customer, "ChallengeVerified"))["signature"] == text[form]


async def last_of(world: World, customer: dict[str, Any], kind: str) -> dict[str, Any]:
    """The data of a customer's newest event of a type."""
    events = (await world.auditor.get(f"/v1/customers/{customer['id']}/events")).json()["events"]
    found: dict[str, Any] = next(event["event"]["data"] for event in reversed(events) if event["type"] == kind)
    return found


async def test_a_contract_that_refuses_is_a_wrong_signer(world: World, chain: Chain, wallet: Contract1271) -> None:
    chain.contracts[wallet.address.lower()] = wallet.contract()
    customer = await world.register(wallet)

    for raw in (owners(customer, Wallet(7)), b"", bytes(130)):
        assert_problem(await signed(world, customer, raw), 401, "signature_invalid")
        event = await last_event(world, customer)
        assert (event["type"], event["reason"]) == ("ChallengeFailed", "wrong_signer")
    assert (await signed(world, customer, owners(customer, wallet))).status_code == 204


@pytest.mark.usefixtures("chain")
async def test_a_wallet_that_is_no_contract_is_judged_by_its_key_alone(world: World, node: RpcServer) -> None:
    customer = await world.register(wallet := fresh_wallet())

    for raw, reason in ((owners(customer, Wallet(7)), "wrong_signer"), (bytes(64), "malformed")):
        assert_problem(await signed(world, customer, raw), 401, "signature_invalid")
        assert (await last_event(world, customer))["reason"] == reason
    assert node.methods[-2:] == ["eth_getBlockByNumber", "eth_getCode"]
    node.asked.clear()
    assert (await signed(world, customer, owners(customer, wallet))).status_code == 204
    assert (await last_event(world, customer))["method"] == "eip191"
    assert node.asked == []


async def test_a_delegated_account_keeps_its_key(world: World, node: RpcServer, chain: Chain) -> None:
    """EIP-7702: it has code, which may say what it likes."""
    customer = await world.register(wallet := fresh_wallet())
    chain.codes[wallet.address.lower()] = "0xef0100" + "de" * 20

    assert (await signed(world, customer, owners(customer, wallet))).status_code == 204
    assert (await last_event(world, customer))["method"] == "eip191"
    assert node.asked == []


OUTAGES: Final = {
    "no answer": Reply(b""),
    "a block that is gone": Fault(-32000, "header not found"),
    "another status": Reply(b"", 403),
    "an answer that makes no sense": "0x2",
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_records_nothing_and_later_the_same_answer_is_taken(
    world: World, node: RpcServer, chain: Chain, wallet: Contract1271, outage: object
) -> None:
    chain.contracts[wallet.address.lower()] = wallet.contract()
    customer = await world.register(wallet)
    raw = owners(customer, wallet)

    def away(_method: str, _params: list[Any]) -> object:
        if isinstance(outage, Fault):
            raise outage
        return outage

    node.answer = away
    response = await signed(world, customer, raw)
    assert_problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert await types_of(world, customer) == ["CustomerRegistered", "ChallengeIssued"]

    node.answer = chain.answer
    assert (await signed(world, customer, raw)).status_code == 204
    await assert_screened(world, customer, chain, "eip1271")


async def test_without_multicall_a_wallet_that_is_not_deployed_is_refused_clearly(
    world: World, chain: Chain, wallet: Contract1271
) -> None:
    chain.contracts.clear()
    customer = await world.register(wallet)

    response = await signed(world, customer, wrapped(FACTORY, b"deploy", owners(customer, wallet)))

    assert_problem(response, 422, "contract_wallet_unsupported")
    assert (await last_event(world, customer))["reason"] == "unknown_contract"


@pytest.mark.usefixtures("chain")
async def test_a_chain_without_a_node_is_refused_clearly(world: World, node: RpcServer) -> None:
    wallet = Contract1271()
    response = await world.partner.post(
        "/v1/customers", json={"chainId": f"eip155:10:{wallet.address}", "externalId": "user-1"}
    )
    customer = response.json()
    raw = owners(customer, wallet)

    assert_problem(await signed(world, customer, raw + CONTRACT_SUFFIX), 422, "contract_wallet_unsupported")
    assert (await last_event(world, customer))["reason"] == "unknown_contract"
    assert_problem(await signed(world, customer, raw), 401, "signature_invalid")
    other_chain = f"eip155:1:{wallet.address}"
    assert_problem(await signed(world, customer, raw, chainId=other_chain), 401, "signature_invalid")
    assert node.asked == []


async def test_nobody_is_asked_about_an_answer_that_fails_anyhow(
    world: World, node: RpcServer, chain: Chain, wallet: Contract1271
) -> None:
    chain.contracts[wallet.address.lower()] = wallet.contract()
    customer = await world.register(wallet)
    raw = owners(customer, wallet)
    another = b64encode(b64decode(customer["challenge"]) + b" ").decode()

    assert_problem(await signed(world, customer, raw, challenge=another), 401, "signature_invalid")
    assert_problem(await signed(world, customer, raw, challenge="!"), 401, "signature_invalid")
    assert_problem(await signed(world, customer, raw, chainId=Wallet(7).account), 401, "signature_invalid")
    assert_problem(await signed(world, customer, raw, chainId="eip155:1:0x"), 422, "malformed_account")
    assert_problem(await signed(world, customer, CONTRACT_SUFFIX), 401, "signature_invalid")
    assert_problem(await signed(world, customer, "0xzz"), 401, "signature_invalid")
    assert_problem(await signed(world, customer, bytes(LONGEST + 1)), 401, "signature_invalid")
    assert_problem(await signed(world, customer, "0x" + "00" * 10_000), 422, "invalid_request")
    path = f"/v1/customers/{customer['id']}/challenge/sign"
    body = {"chainId": customer["chainId"], "challenge": customer["challenge"], "signature": "0x" + raw.hex()}
    assert_problem(await world.other.post(path, json=body), 404, "customer_not_found")
    assert_problem(await world.officer.post(path, json=body), 403, "forbidden")
    missing = path.replace(customer["id"], "01930000-0000-7000-8000-000000000000")
    assert_problem(await world.partner.post(missing, json=body), 404, "customer_not_found")
    with world.clock.moved(LIFETIME + timedelta(seconds=1)):
        assert_problem(await signed(world, customer, raw), 410, "challenge_expired")
    assert node.asked == []

    assert (await signed(world, customer, raw)).status_code == 204
    asked = len(node.asked)
    assert_problem(await signed(world, customer, raw), 409, "challenge_already_signed")
    assert len(node.asked) == asked


async def test_a_partner_that_keeps_guessing_is_asked_for_patience(
    world: World, chain: Chain, wallet: Contract1271, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_wallets, "PER_PARTNER", parse("3/minute"))
    chain.contracts[wallet.address.lower()] = wallet.contract()
    customer = await world.register(wallet)
    raw = owners(customer, Wallet(7))

    answers = [await signed(world, customer, raw) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 503, 503]
    assert {answer.headers["retry-after"] for answer in answers[3:]} == {"1"}
    assert (await types_of(world, customer)).count("ChallengeFailed") == 3
