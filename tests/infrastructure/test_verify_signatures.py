"""Ed25519 as an auditor's verifier has it: RFC 8032's vectors, what a library signs, and what must be refused."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from application.transparency.notes import COSIGNS, Note, Signer
from infrastructure.exports.verify import ORDER, Key, Malformed, P, decompressed, ed25519
from infrastructure.exports.verify import Note as Read

# RFC 8032, 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
SECRET = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
PUBLIC = SECRET.public_key().public_bytes_raw()
SIGNATURE = SECRET.sign(b"message")

# The eight points of small order, and ways to write them that are not the only one.
SMALL = [
    (1).to_bytes(32, "little"),
    (P - 1).to_bytes(32, "little"),
    bytes(32),
    bytes(31) + b"\x80",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
]
NO_POINTS = [
    (2).to_bytes(32, "little"),
    (P + 1).to_bytes(32, "little"),
    P.to_bytes(32, "little"),
    b"\xff" * 32,
    (1 | 1 << 255).to_bytes(32, "little"),
    (P + 9).to_bytes(32, "little"),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_hold(secret: str, public: str, message: str, signature: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert key.public_key().public_bytes_raw().hex() == public
    assert ed25519(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))
    assert not ed25519(bytes.fromhex(public), bytes.fromhex(message) + b"\0", bytes.fromhex(signature))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_what_a_library_signs_holds(seed: bytes, message: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    assert ed25519(key.public_key().public_bytes_raw(), message, key.sign(message))


@given(st.integers(0, 64 * 8 - 1))
@settings(max_examples=100, deadline=None)
def test_a_signature_with_another_bit_does_not_hold(bit: int) -> None:
    other = (int.from_bytes(SIGNATURE, "little") ^ 1 << bit).to_bytes(64, "little")
    assert not ed25519(PUBLIC, b"message", other)


def test_a_signature_written_another_way_does_not_hold() -> None:
    s = int.from_bytes(SIGNATURE[32:], "little")
    for other in (s + ORDER, s + 2 * ORDER, s + 3 * ORDER):
        assert not ed25519(PUBLIC, b"message", SIGNATURE[:32] + other.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 32, 63, 65, 96])
def test_a_signature_of_another_length_does_not_hold(length: int) -> None:
    assert not ed25519(PUBLIC, b"message", (SIGNATURE + bytes(64))[:length])


@pytest.mark.parametrize("raw", [*SMALL, *NO_POINTS], ids=bytes.hex)
def test_a_key_that_is_no_point_or_of_small_order_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decompressed(raw)
    vkey = Signer("log.example", b"\1" * 32).public.__class__("log.example", b"\1", raw).vkey
    with pytest.raises(Malformed):
        Key.parse(vkey)


@pytest.mark.parametrize("kind", [b"\1", COSIGNS], ids=["signed", "cosigned"])
def test_notes_of_the_log_and_of_witnesses_are_read(kind: bytes) -> None:
    signer = Signer("log.example", b"\1" * 32, kind)
    text = "log.example\n7\nqqqq\n"
    signature = signer.sign(text) if kind == b"\1" else signer.cosign(text, 1_790_000_000)
    key = Key.parse(signer.public.vkey)
    whole = Note(text, (signature,)).whole.encode()
    assert key.vkey == signer.public.vkey
    assert key.signed(Read.parse(whole))
    assert not key.signed(Read.parse(whole.replace(b"7", b"8", 1)))


def test_a_false_signature_spoils_a_true_one_of_the_same_key() -> None:
    signer = Signer("log.example", b"\1" * 32)
    note = Note("text\n", (signer.sign("text\n"), signer.sign("another\n")))
    assert not Key.parse(signer.public.vkey).signed(Read.parse(note.whole.encode()))


GOOD = Signer("log.example", b"\1" * 32).public.vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "log.example",
        GOOD[:-1],
        GOOD + "=",
        GOOD + "\n",
        GOOD.replace("+", " ", 1),
        GOOD.replace("log", "lag"),
        GOOD.replace("log.example", ""),
        GOOD.replace("log.example", "log example"),
        GOOD.upper(),
        "+" + GOOD,
    ],
)
def test_a_key_that_is_not_written_as_one_is_refused(vkey: str) -> None:
    with pytest.raises(Malformed):
        Key.parse(vkey)
