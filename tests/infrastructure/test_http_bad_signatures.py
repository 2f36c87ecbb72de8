"""Answers to a challenge that prove nothing, and the forms of one that does."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import Any, Final

import httpx2
import pytest

from domain.challenge import LIFETIME
from infrastructure.wallets.wallet_proof import CONTRACT_SUFFIX, ORDER
from tests.support.http import (
    CANARY,
    HEX_CANARY,
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    fresh_wallet,
    last_event,
    service_log,
    types_of,
)
from tests.support.world import Wallet, World

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    with service_log() as written:
        yield written


@pytest.fixture
async def held(world: World) -> Held:
    """A customer that waits for its signature."""
    return (await customers_at(world, "initiating"))[0]


@pytest.fixture(autouse=True)
def _nothing_is_logged(log: StringIO) -> Iterator[None]:
    yield
    assert_no_canary(log.getvalue())


def sound(held: Held) -> bytes:
    """The right signature: r, s, and v in {27, 28}."""
    return bytes.fromhex(held.wallet.sign(b64decode(held.customer["challenge"]))[2:])


async def answer(world: World, held: Held, **changes: str) -> httpx2.Response:
    """Answer the challenge soundly but for `changes`."""
    body = {
        "chainId": held.customer["chainId"],
        "challenge": held.customer["challenge"],
        "signature": "0x" + sound(held).hex(),
    }
    return await world.partner.post(f"{held.path}/challenge/sign", json=body | changes)


async def assert_failed(world: World, held: Held, response: httpx2.Response, reason: str) -> None:
    """The answer is on record as a failure for `reason`, by its digest alone."""
    event = await last_event(world, held.customer)
    assert (event["type"], event["reason"]) == ("ChallengeFailed", reason)
    sent: Any = response.request.content
    body = httpx2.Response(200, content=sent).json()
    assert event["submitted"] == sha256(f"{body['challenge']}\n{body['signature']}".encode()).hexdigest()
    assert set(event) == {"type", "reason", "submitted"}
    assert await world.status(held.customer["id"]) == "initiating"


def with_scalars(signature: bytes, *, r: int | None = None, s: int | None = None, v: int | None = None) -> str:
    """A signature with one part replaced, as 0x-hex."""
    first = signature[:32] if r is None else r.to_bytes(32, "big")
    second = signature[32:64] if s is None else s.to_bytes(32, "big")
    return "0x" + (first + second + bytes([signature[64] if v is None else v])).hex()


def upper_half(signature: bytes) -> str:
    """The same signature's other form: mathematically sound, and refused."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return with_scalars(signature, s=s, v=55 - signature[64])


MALFORMED: Final[dict[str, Callable[[bytes], str]]] = {
    "s in the upper half": upper_half,
    "r is zero": lambda signature: with_scalars(signature, r=0),
    "s is zero": lambda signature: with_scalars(signature, s=0),
    "r is the group's order": lambda signature: with_scalars(signature, r=ORDER),
    "s is the group's order": lambda signature: with_scalars(signature, s=ORDER),
    "r is as large as 32 bytes can be": lambda signature: with_scalars(signature, r=2**256 - 1),
    "v is 2": lambda signature: with_scalars(signature, v=2),
    "v is 26": lambda signature: with_scalars(signature, v=26),
    "v is 29": lambda signature: with_scalars(signature, v=29),
    "v is 37, as EIP-155 has it in transactions": lambda signature: with_scalars(signature, v=37),
    "v is 255": lambda signature: with_scalars(signature, v=255),
    "no v": lambda signature: "0x" + signature[:64].hex(),
    "a compact EIP-2098 signature": lambda signature: "0x" + signature[:64].hex(),
    "a byte too many": lambda signature: "0x" + signature.hex() + "00",
    "twice": lambda signature: "0x" + signature.hex() * 2,
    "empty": lambda _: "",
    "0x": lambda _: "0x",
    "half a byte": lambda signature: "0x" + signature.hex()[:-1],
    "no hexadecimal": lambda signature: "0x" + signature.hex()[:-1] + "g",
    "hexadecimal in other digits": lambda signature: "0x" + signature.hex()[:-1] + "\uff11",
    "a space within": lambda signature: "0x" + signature.hex()[:2] + " " + signature.hex()[2:],
    "0x twice": lambda signature: "0x0x" + signature.hex(),
    "0X": lambda signature: "0X" + signature.hex(),
    "hexadecimal without 0x": lambda signature: signature.hex(),
    "base64 of nonsense": lambda _: b64encode(CANARY.encode()).decode(),
    "base64 of 0x and nonsense": lambda _: b64encode(b"0x" + CANARY.encode()).decode(),
    "base64 of 0x and bytes that are no text": lambda _: b64encode(b"0x\xff\xfe").decode(),
    "base64 without its padding": lambda signature: b64encode(b"0x" + signature.hex().encode() + b"0").decode()[:-1],
    "no base64": lambda _: f"{CANARY}!",
    "words": lambda _: CANARY,
    "nonsense of the right length": lambda _: "0x" + HEX_CANARY + "00" * (65 - len(HEX_CANARY) // 2),
    "another script": lambda _: "подпись",
    "a NUL": lambda signature: "0x" + signature.hex() + "\0",
}


@pytest.mark.parametrize("broken", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_signature_proves_nothing(world: World, held: Held, broken: Callable[[bytes], str]) -> None:
    response = await answer(world, held, signature=broken(sound(held)))

    assert_problem(response, 401, "signature_invalid")
    await assert_failed(world, held, response, "malformed")


NOT_THE_OWNERS: Final[dict[str, Callable[[Held], str]]] = {
    "another wallet's": lambda held: fresh_wallet().sign(b64decode(held.customer["challenge"])),
    "the owner's, of another message": lambda held: held.wallet.sign(CANARY.encode()),
    "v flipped": lambda held: with_scalars(sound(held), v=55 - sound(held)[64]),
    "r that is on no point": lambda held: with_scalars(sound(held), r=5),
    "r = s = 1": lambda held: with_scalars(sound(held), r=1, s=1),
}


@pytest.mark.parametrize("signature", NOT_THE_OWNERS.values(), ids=NOT_THE_OWNERS)
async def test_a_signature_that_is_not_the_owners_proves_nothing(
    world: World, held: Held, signature: Callable[[Held], str]
) -> None:
    response = await answer(world, held, signature=signature(held))

    assert_problem(response, 401, "signature_invalid")
    await assert_failed(world, held, response, "wrong_signer")


async def test_another_customers_challenge_proves_nothing_though_the_owner_signed_it(world: World, held: Held) -> None:
    foreign = (await world.register(fresh_wallet()))["challenge"]

    response = await answer(world, held, challenge=foreign, signature=held.wallet.sign(b64decode(foreign)))

    assert_problem(response, 401, "signature_invalid")
    await assert_failed(world, held, response, "other_message")


EDITED: Final[dict[str, Callable[[bytes], bytes]]] = {
    "another nonce": lambda text: text.replace(b"Nonce: ", b"Nonce: 0"),
    "a later end": lambda text: text.replace(b"Expiration Time: 2", b"Expiration Time: 3"),
    "no request": lambda text: text.rpartition(b"\nRequest ID: ")[0],
    "a newline at the end": lambda text: text + b"\n",
    "a canary at the end": lambda text: text + CANARY.encode(),
    "Windows line ends": lambda text: text.replace(b"\n", b"\r\n"),
    "the address in lower case": lambda text: text.replace(text.split(b"\n")[1], text.split(b"\n")[1].lower()),
    "cut short": lambda text: text[:-1],
    "empty": lambda _: b"",
    "bytes that are no text": lambda _: b"\xff\xfe\xfd",
}


@pytest.mark.parametrize("edit", EDITED.values(), ids=EDITED)
async def test_an_edited_challenge_proves_nothing_though_the_owner_signed_it(
    world: World, held: Held, edit: Callable[[bytes], bytes]
) -> None:
    edited = edit(b64decode(held.customer["challenge"]))

    response = await answer(world, held, challenge=b64encode(edited).decode(), signature=held.wallet.sign(edited))

    assert_problem(response, 401, "signature_invalid")
    await assert_failed(world, held, response, "other_message")


@pytest.mark.parametrize("challenge", ["", "!", CANARY, "====", "YQ", "YWI\n", " ", "Zoë", "\0"], ids=repr)
async def test_a_challenge_that_is_no_base64_proves_nothing(world: World, held: Held, challenge: str) -> None:
    response = await answer(world, held, challenge=challenge)

    assert_problem(response, 401, "signature_invalid")
    await assert_failed(world, held, response, "other_message")


async def test_a_challenge_is_gone_after_an_hour(world: World, held: Held) -> None:
    with world.clock.moved(LIFETIME):
        response = await answer(world, held)

    assert_problem(response, 410, "challenge_expired")
    await assert_failed(world, held, response, "expired")


async def test_a_challenge_is_good_until_it_expires(world: World, held: Held) -> None:
    with world.clock.moved(LIFETIME - timedelta(minutes=1)):
        assert (await answer(world, held)).status_code == 204


async def test_another_wallets_account_beside_a_sound_signature_proves_nothing(world: World, held: Held) -> None:
    response = await answer(world, held, chainId=fresh_wallet().account)

    assert_problem(response, 401, "signature_invalid")
    await assert_failed(world, held, response, "other_message")


async def test_a_malformed_account_beside_a_sound_signature_is_refused_and_fails_nothing(
    world: World, held: Held
) -> None:
    assert_problem(await answer(world, held, chainId=f"eip155:{CANARY}:0x"), 422, "malformed_account")
    assert_problem(await answer(world, held, chainId="eip155:1:0x" + "aA" * 20), 422, "invalid_checksum")
    assert await types_of(world, held.customer) == ["CustomerRegistered", "ChallengeIssued"]


CONTRACTS: Final[dict[str, Callable[[bytes], str]]] = {
    "hexadecimal": lambda wrapped: "0x" + wrapped.hex(),
    "base64 of hexadecimal": lambda wrapped: b64encode(b"0x" + wrapped.hex().encode()).decode(),
    "base64": lambda wrapped: b64encode(wrapped).decode(),
}


@pytest.mark.parametrize("form", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("length", [0, 33, 65, 600])
async def test_a_contracts_signature_is_refused_clearly(
    world: World, held: Held, form: Callable[[bytes], str], length: int
) -> None:
    wrapped = (sound(held) * 10)[:length] + CONTRACT_SUFFIX

    response = await answer(world, held, signature=form(wrapped))

    assert_problem(response, 422, "contract_wallet_unsupported")
    await assert_failed(world, held, response, "unknown_contract")


async def test_an_overlong_answer_is_refused_and_fails_nothing(world: World, held: Held) -> None:
    for field, length in (("signature", 20_001), ("challenge", 8001)):
        response = await answer(world, held, **{field: "a" * length})
        errors = [{"pointer": f"/{field}", "code": "string_too_long"}]
        assert assert_problem(response, 422, "invalid_request")["errors"] == errors
    assert await types_of(world, held.customer) == ["CustomerRegistered", "ChallengeIssued"]


SOUND: Final[dict[str, Callable[[bytes], str]]] = {
    "0x-hex with v in {27, 28}": lambda raw: "0x" + raw.hex(),
    "0x-hex with v in {0, 1}": lambda raw: with_scalars(raw, v=raw[64] - 27),
    "0x-hex in capitals": lambda raw: "0x" + raw.hex().upper(),
    "base64 of 0x-hex": lambda raw: b64encode(b"0x" + raw.hex().encode()).decode(),
    "base64 of 0x-hex with v in {0, 1}": lambda raw: b64encode(with_scalars(raw, v=raw[64] - 27).encode()).decode(),
    "base64 of the bytes": lambda raw: b64encode(raw).decode(),
}


@pytest.mark.parametrize("form", SOUND.values(), ids=SOUND)
async def test_the_owners_signature_is_taken_in_each_of_its_forms(
    world: World, held: Held, form: Callable[[bytes], str]
) -> None:
    signature = form(sound(held))

    response = await answer(world, held, signature=signature)

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["etag"] == (await world.partner.get(held.path)).headers["etag"]
    event = await last_event(world, held.customer)
    assert (event["type"], event["method"], event["chain"]) == ("ChallengeVerified", "eip191", "eip155:1")
    assert event["signature"] == signature
    assert event["message"].encode() == b64decode(held.customer["challenge"])


async def test_the_account_may_be_named_on_any_chain_and_in_any_case(world: World) -> None:
    for chain, address in (("10", str.lower), ("137", lambda text: "0x" + text[2:].upper()), ("1", str)):
        held = (await customers_at(world, "initiating"))[0]
        account = f"eip155:{chain}:{address(held.wallet.address)}"
        assert (await answer(world, held, chainId=account)).status_code == 204


async def test_after_a_failure_the_open_challenge_may_still_be_signed(world: World, held: Held) -> None:
    assert (await answer(world, held, signature=Wallet(1).sign(b"no"))).status_code == 401

    assert (await answer(world, held)).status_code == 204


async def test_a_challenge_is_signed_once(world: World, held: Held) -> None:
    assert (await answer(world, held)).status_code == 204

    for response in (await answer(world, held), await answer(world, held, signature="0x", challenge="")):
        assert_problem(response, 409, "challenge_already_signed")
