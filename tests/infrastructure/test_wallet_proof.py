"""Recovering who signed: public vectors, an independent recovery, and everything that must prove nothing."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from coincurve import PrivateKey
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infrastructure.wallets import wallet_proof
from infrastructure.wallets.wallet_proof import CONTRACT_SUFFIX, ORDER, keccak256, prove
from tests.support.world import Wallet

MESSAGE: Final = b"localhost wants you to sign in with your Ethereum account"
OWNER: Final = Wallet(1)
SIGNATURE: Final = bytes.fromhex(OWNER.sign(MESSAGE)[2:])

# The curve secp256k1 (SEC 2, 2.4.1).
FIELD: Final = 2**256 - 2**32 - 977
BASE: Final = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None


@dataclass(frozen=True)
class Vector:
    """A signature that others published."""

    key: str
    text: str
    digest: str
    signature: str
    address: str


VECTORS: Final = {
    # https://eth-account.readthedocs.io/en/stable/eth_account.html
    "eth-account": Vector(
        key="b25c7db31feed9122727bf0939dc769a96564b2de4c4726d035b36ecf1e5b364",
        text="I♥SF",
        digest="1476abb745d423bf09273f1afd887d951181d25adc66c4834a70491911b7f750",
        signature="e6ca9bba58c88611fad66a6ce8f996908195593807c4b38bd528d2cff09d4eb3"
        "3e5bfbbf4d3e39b1a2fd816a7680c19ebebaf3a141b239934ad43cb33fcec8ce1c",
        address="0x5ce9454909639d2d17a3f753ce7d93fa0b9ab12e",
    ),
    # https://web3js.readthedocs.io/en/v1.2.2/web3-eth-accounts.html#sign
    "web3.js": Vector(
        key="4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
        text="Some data",
        digest="1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655",
        signature="b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd"
        "6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
        address="0x2c7536e3605d9c16a7a3d7b1898e529396a65c23",
    ),
    # eth-account's tests: r and s of 31 bytes, and v of 27
    "leading zeros": Vector(
        key="4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318",
        text="10284",
        digest="0a162a5efbba02f38db3114531c8acba39fe676f09f7e471d93e8a06c471821c",
        signature="00515bc8fd32264e21ec0820e8c5123ed58c1195c9ea17cb018b1ad4073cc5a6"
        "0080f5dcec397a5a8c523082bfa41771568903aa554ec06ba8475ca9050fb7d51b",
        address="0x2c7536e3605d9c16a7a3d7b1898e529396a65c23",
    ),
}


def hexadecimal(raw: bytes) -> str:
    return "0x" + raw.hex()


def digest_of(message: bytes) -> bytes:
    """EIP-191, version 0x45."""
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)


def add(one: Point, other: Point) -> Point:
    """The sum of two points."""
    if one is None or other is None:
        return one or other
    (x, y), (u, v) = one, other
    if x == u and (y + v) % FIELD == 0:
        return None
    slope = 3 * x * x * pow(2 * y, -1, FIELD) if one == other else (v - y) * pow(u - x, -1, FIELD)
    sum_x = (slope * slope - x - u) % FIELD
    return sum_x, (slope * (x - sum_x) - y) % FIELD


def times(factor: int, point: Point) -> Point:
    """The point added to itself."""
    total: Point = None
    for bit in f"{factor % ORDER:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def recovered(message: bytes, r: int, s: int, odd: int) -> str | None:
    """Who signed, after SEC 1, 4.1.6, without any library."""
    square = (pow(r, 3, FIELD) + 7) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    if y * y % FIELD != square:
        return None
    nonce: Point = (r, y if y % 2 == odd else FIELD - y)
    z = int.from_bytes(digest_of(message), "big")
    inverse = pow(r, -1, ORDER)
    key = add(times(s * inverse, nonce), times(-z * inverse, BASE))
    if key is None:
        return None
    return "0x" + keccak256(key[0].to_bytes(32, "big") + key[1].to_bytes(32, "big"))[-20:].hex()


def joined(r: int, s: int, v: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


# Vectors.


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_published_signatures_prove_who_made_them(vector: Vector) -> None:
    message = vector.text.encode()

    proof = prove(message, "0x" + vector.signature)

    assert (proof.signer, proof.fault, proof.method) == (vector.address, None, "eip191")
    assert digest_of(message).hex() == vector.digest


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_the_tests_own_wallets_sign_as_others_do(vector: Vector) -> None:
    wallet = Wallet(0)
    wallet.key = PrivateKey.from_hex(vector.key)

    assert wallet.sign(vector.text.encode()) == "0x" + vector.signature


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_keccak_is_the_one_before_the_standard(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest


@settings(derandomize=True, max_examples=50, deadline=None)
@given(key=st.integers(1, ORDER - 1), message=st.binary(max_size=300))
def test_whoever_signs_is_recovered(key: int, message: bytes) -> None:
    wallet = Wallet(key - 1)

    assert prove(message, wallet.sign(message)).signer == wallet.address.lower()


@settings(derandomize=True, max_examples=25, deadline=None)
@given(r=st.integers(1, ORDER - 1), s=st.integers(1, ORDER // 2), odd=st.integers(0, 1), message=st.binary(max_size=99))
@example(r=1, s=1, odd=0, message=b"")
@example(r=5, s=1, odd=0, message=b"")
@example(r=ORDER - 1, s=ORDER // 2, odd=1, message=b"")
def test_recovery_agrees_with_one_without_a_library(r: int, s: int, odd: int, message: bytes) -> None:
    for v in (odd, odd + 27):
        proof = prove(message, hexadecimal(joined(r, s, v)))
        assert (proof.signer, proof.fault) == (recovered(message, r, s, odd), None)


# Forms.


@settings(derandomize=True, max_examples=100, deadline=None)
@given(raw=st.binary(min_size=64, max_size=66) | st.binary(max_size=200))
@example(raw=SIGNATURE)
@example(raw=b"0x" + SIGNATURE[2:])
@example(raw=joined(int.from_bytes(b"0x" + bytes(29) + b"\3", "big"), 1, 27))
@example(raw=SIGNATURE + CONTRACT_SUFFIX)
@example(raw=b"")
def test_every_form_of_the_same_bytes_proves_the_same(raw: bytes) -> None:
    expected = prove(MESSAGE, hexadecimal(raw))

    assert prove(MESSAGE, "0x" + raw.hex().upper()) == expected
    assert prove(MESSAGE, b64encode(hexadecimal(raw).encode()).decode()) == expected
    if not re.fullmatch(b"0x([0-9a-fA-F]{2})*", raw):
        assert prove(MESSAGE, b64encode(raw).decode()) == expected


def test_bytes_that_happen_to_begin_with_0x_are_bytes() -> None:
    """One signature in 65,536 does."""
    nonce = next(r for r in range(int.from_bytes(b"0x" + bytes(30), "big"), ORDER) if recovered(MESSAGE, r, 1, 0))
    raw = joined(nonce, 1, 27)

    assert raw.startswith(b"0x")
    assert prove(MESSAGE, b64encode(raw).decode()).signer == recovered(MESSAGE, nonce, 1, 0)


# What proves nothing.


def flipped(data: bytes) -> Iterator[bytes]:
    """The same with one bit flipped, for each of its bits."""
    number = int.from_bytes(data, "big")
    return ((number ^ 1 << bit).to_bytes(len(data), "big") for bit in range(len(data) * 8))


def test_with_any_bit_of_the_signature_flipped_the_owner_is_not_proved() -> None:
    owner = OWNER.address.lower()

    assert prove(MESSAGE, hexadecimal(SIGNATURE)).signer == owner
    assert owner not in {prove(MESSAGE, hexadecimal(signature)).signer for signature in flipped(SIGNATURE)}


def test_with_any_bit_of_the_message_flipped_the_owner_is_not_proved() -> None:
    signature = hexadecimal(SIGNATURE)

    assert OWNER.address.lower() not in {prove(message, signature).signer for message in flipped(MESSAGE)}


@settings(derandomize=True, max_examples=50, deadline=None)
@given(message=st.binary(max_size=200))
def test_a_signature_of_the_bare_message_is_none_of_ours(message: bytes) -> None:
    """EIP-191's prefix keeps a transaction's signature from being a login."""
    raw = OWNER.key.sign_recoverable(keccak256(message), hasher=None)

    assert prove(message, hexadecimal(raw)).signer != OWNER.address.lower()


def test_the_length_in_the_prefix_is_in_bytes() -> None:
    assert prove("Zoë".encode(), OWNER.sign("Zoë".encode())).signer == OWNER.address.lower()
    assert prove(b"", OWNER.sign(b"")).signer == OWNER.address.lower()


@settings(derandomize=True, max_examples=20, deadline=None)
@given(key=st.integers(1, 2**64), message=st.binary(max_size=99))
def test_the_other_form_of_a_signature_is_refused_though_the_curve_allows_it(key: int, message: bytes) -> None:
    raw = bytes.fromhex(Wallet(key).sign(message)[2:])
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    other = joined(r, ORDER - s, 55 - raw[64])

    assert recovered(message, r, ORDER - s, 28 - raw[64]) == Wallet(key).address.lower()
    assert prove(message, hexadecimal(other)).fault == "malformed"


@pytest.mark.parametrize(
    ("s", "fault"),
    [
        (0, "malformed"),
        (1, None),
        (ORDER // 2 - 1, None),
        (ORDER // 2, None),
        (ORDER // 2 + 1, "malformed"),
        (ORDER - 1, "malformed"),
        (ORDER, "malformed"),
        (ORDER + 1, "malformed"),
        (2**256 - 1, "malformed"),
    ],
)
def test_s_is_taken_up_to_half_of_the_order(s: int, fault: str | None) -> None:
    proof = prove(MESSAGE, hexadecimal(joined(BASE[0], s, 27)))

    assert proof.fault == fault
    assert (proof.signer is None) == (fault is not None)


@pytest.mark.parametrize(
    ("r", "fault"), [(0, "malformed"), (1, None), (ORDER - 1, None), (ORDER, "malformed"), (2**256 - 1, "malformed")]
)
def test_r_is_taken_below_the_order(r: int, fault: str | None) -> None:
    assert prove(MESSAGE, hexadecimal(joined(r, 1, 27))).fault == fault


def test_an_r_that_is_on_no_point_was_signed_by_nobody() -> None:
    nowhere = [r for r in range(1, 16) if recovered(MESSAGE, r, 1, 0) is None]

    assert nowhere[0] == 5
    for r in nowhere:
        proof = prove(MESSAGE, hexadecimal(joined(r, 1, 27)))
        assert (proof.signer, proof.fault) == (None, None)


def test_a_signature_whose_key_is_the_point_at_infinity_was_signed_by_nobody() -> None:
    """With R = G and s = z the key would be r⁻¹(zG - zG). The message is one whose z lies in the lower half."""
    messages = (str(number).encode() for number in range(100))
    message = next(text for text in messages if int.from_bytes(digest_of(text), "big") <= ORDER // 2)
    z = int.from_bytes(digest_of(message), "big")

    proof = prove(message, hexadecimal(joined(BASE[0], z, 27 + BASE[1] % 2)))

    assert (proof.signer, proof.fault) == (None, None)


def test_v_is_one_of_four() -> None:
    proofs = {v: prove(MESSAGE, hexadecimal(SIGNATURE[:64] + bytes([v]))) for v in range(256)}

    assert {v for v, proof in proofs.items() if proof.fault is None} == {0, 1, 27, 28}
    right = {v for v, proof in proofs.items() if proof.signer == OWNER.address.lower()}
    assert right == {SIGNATURE[64], SIGNATURE[64] - 27}


def test_a_signature_has_65_bytes() -> None:
    lengths = [length for length in range(200) if prove(MESSAGE, hexadecimal((SIGNATURE * 4)[:length])).fault is None]

    assert lengths == [65]


@settings(derandomize=True, max_examples=50, deadline=None)
@given(inner=st.binary(max_size=300))
def test_a_signature_with_the_suffix_of_contracts_is_told_apart_whatever_it_wraps(inner: bytes) -> None:
    assert prove(MESSAGE, hexadecimal(inner + CONTRACT_SUFFIX)).fault == "unknown_contract"


def test_the_suffix_is_the_one_of_eip_6492() -> None:
    assert CONTRACT_SUFFIX.hex() == "6492649264926492649264926492649264926492649264926492649264926492"
    almost = SIGNATURE + CONTRACT_SUFFIX[:-1] + b"\x93"
    assert prove(MESSAGE, hexadecimal(almost)).fault == "malformed"


@settings(derandomize=True, max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
@example(text="0x")
@example(text="\ud800")
@example(text="0x\uff11\uff11")
def test_no_text_is_too_strange(text: str) -> None:
    proof = prove(MESSAGE, text)

    assert proof.signer != OWNER.address.lower()
    assert proof.fault in {None, "malformed", "unknown_contract"}


PATHS: Final = {
    "sound": hexadecimal(SIGNATURE),
    "of another wallet": Wallet(2).sign(MESSAGE),
    "in base64": b64encode(SIGNATURE).decode(),
    "on no point": hexadecimal(joined(5, 1, 27)),
    "in the upper half": hexadecimal(joined(BASE[0], ORDER - 1, 27)),
    "with another v": hexadecimal(SIGNATURE[:64] + b"\2"),
    "with r zero": hexadecimal(bytes(32) + SIGNATURE[32:]),
    "too short": hexadecimal(SIGNATURE[:64]),
    "too long": hexadecimal(SIGNATURE * 100),
    "empty": "",
    "no text of ours": "подпись",
    "no hexadecimal": "0xzz",
    "of a contract": hexadecimal(SIGNATURE + CONTRACT_SUFFIX),
    "a contract's suffix alone": hexadecimal(CONTRACT_SUFFIX),
}


@pytest.mark.parametrize("signature", PATHS.values(), ids=PATHS)
def test_the_message_is_hashed_and_a_key_recovered_once_whatever_the_signature_is(
    signature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long the answer takes must not say what was wrong."""
    recover, calls = wallet_proof._recover, []  # noqa: SLF001 -- watched, not replaced

    def watched(message: bytes, raw: bytes) -> str | None:
        calls.append((message, len(raw)))
        return recover(message, raw)

    monkeypatch.setattr(wallet_proof, "_recover", watched)
    prove(MESSAGE, signature)

    assert calls == [(MESSAGE, 65)]


def test_what_is_recovered_from_in_place_of_a_malformed_signature_is_a_sound_one() -> None:
    """Otherwise it would be found out sooner."""
    assert recovered(MESSAGE, 1, 1, 0) is not None
    assert prove(MESSAGE, hexadecimal(wallet_proof._DUMMY)).signer == recovered(MESSAGE, 1, 1, 0)  # noqa: SLF001
