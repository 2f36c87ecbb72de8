"""What is said to contracts, byte by byte, against encodings written by hand and by others."""

from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infrastructure.wallets.contract_calls import (
    MULTICALL,
    VALID,
    NotAbi,
    is_valid_signature,
    one_after_the_other,
    two_results,
    unwrapped,
)
from infrastructure.wallets.wallet_proof import CONTRACT_SUFFIX, keccak256
from tests.support.ethereum import tail, word, wrapped

DIGEST: Final = bytes(range(32))
FACTORY: Final = "0x" + "fa" * 20
WALLET: Final = "0x" + "0a" * 20

# https://viem.sh/docs/utilities/serializeErc6492Signature, the example's result
PUBLISHED: Final = bytes.fromhex(
    "000000000000000000000000cafebabecafebabecafebabecafebabecafebabe"
    "0000000000000000000000000000000000000000000000000000000000000060"
    "00000000000000000000000000000000000000000000000000000000000000a0"
    "0000000000000000000000000000000000000000000000000000000000000004"
    "deadbeef00000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000041"
    "a461f509887bd19e312c0c58467ce8ff8e300d3c1a90b608a760c5b80318eaf1"
    "5fe57c96f9175d6cd4daad4663763baa7e78836e067d0163e9a2ccf2ff753f5b"
    "1b00000000000000000000000000000000000000000000000000000000000000"
    "6492649264926492649264926492649264926492649264926492649264926492"
)


def test_the_selectors_are_the_hashes_of_what_is_called() -> None:
    assert is_valid_signature(DIGEST, b"")[:4] == keccak256(b"isValidSignature(bytes32,bytes)")[:4]
    assert one_after_the_other()[:4] == keccak256(b"aggregate3((address,bool,bytes)[])")[:4]
    assert keccak256(b"isValidSignature(bytes32,bytes)")[:4] + bytes(28) == VALID
    assert "0xcA11bde05977b3631167028862bE2a173976CA11".lower() == MULTICALL


def test_the_question_of_eip_1271_is_exact_to_the_byte() -> None:
    assert is_valid_signature(DIGEST, bytes.fromhex("c0ffee")).hex() == (
        "1626ba7e"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "0000000000000000000000000000000000000000000000000000000000000040"
        "0000000000000000000000000000000000000000000000000000000000000003"
        "c0ffee0000000000000000000000000000000000000000000000000000000000"
    )
    assert is_valid_signature(DIGEST, b"").hex() == (
        "1626ba7e"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "0000000000000000000000000000000000000000000000000000000000000040"
        "0000000000000000000000000000000000000000000000000000000000000000"
    )


def test_two_calls_in_one_are_exact_to_the_byte() -> None:
    both = one_after_the_other((FACTORY, bytes.fromhex("deadbeef")), (WALLET, bytes(range(33))))

    assert both.hex() == (
        "82ad56cb"
        "0000000000000000000000000000000000000000000000000000000000000020"  # the array
        "0000000000000000000000000000000000000000000000000000000000000002"  # has two elements,
        "0000000000000000000000000000000000000000000000000000000000000040"  # the first of which begins here
        "00000000000000000000000000000000000000000000000000000000000000e0"  # and the second there
        "000000000000000000000000fafafafafafafafafafafafafafafafafafafafa"  # to
        "0000000000000000000000000000000000000000000000000000000000000001"  # may fail
        "0000000000000000000000000000000000000000000000000000000000000060"  # data
        "0000000000000000000000000000000000000000000000000000000000000004"
        "deadbeef00000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
        "0000000000000000000000000000000000000000000000000000000000000001"
        "0000000000000000000000000000000000000000000000000000000000000060"
        "0000000000000000000000000000000000000000000000000000000000000021"
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "2000000000000000000000000000000000000000000000000000000000000000"
    )


def test_a_published_eip_6492_signature_is_taken_apart() -> None:
    factory, calldata, signature = unwrapped(PUBLISHED)

    assert (factory, calldata.hex()) == ("0xcafebabecafebabecafebabecafebabecafebabe", "deadbeef")
    assert signature == PUBLISHED[6 * 32 : 6 * 32 + 65]


@settings(derandomize=True, max_examples=50, deadline=None)
@given(calldata=st.binary(max_size=100), signature=st.binary(max_size=100))
def test_what_was_wrapped_by_hand_is_unwrapped(calldata: bytes, signature: bytes) -> None:
    assert unwrapped(wrapped(FACTORY, calldata, signature)) == (FACTORY, calldata, signature)


def test_a_wrapped_signature_may_be_wrapped_again() -> None:
    assert unwrapped(wrapped(FACTORY, b"", PUBLISHED)).signature == PUBLISHED


HEAD: Final = bytes(12) + bytes.fromhex(FACTORY[2:])
NOT_WRAPPED: Final = {
    "nothing": b"",
    "an address alone": HEAD,
    "heads alone": HEAD + word(96) + word(128),
    "a bit in the address's padding": b"\x80" + PUBLISHED[1:-32],
    "a bit in the calldata's padding": PUBLISHED[: 5 * 32 - 1] + b"\1" + PUBLISHED[5 * 32 : -32],
    "a bit in the signature's padding": PUBLISHED[:-33] + b"\1",
    "no padding": PUBLISHED[:-63],
    "a word behind": PUBLISHED[:-32] + bytes(32),
    "a byte behind": PUBLISHED[:-32] + b"\0",
    "a byte before": b"\0" + PUBLISHED[:-32],
    "calldata beyond the end": HEAD + word(9999) + word(96) + tail(b""),
    "calldata within the heads": HEAD + word(0) + word(96) + tail(b""),
    "calldata at 2^256 - 1": HEAD + word(2**256 - 1) + word(96) + tail(b""),
    "two in the same place": HEAD + word(96) + word(96) + tail(b"a"),
    "the other way round": HEAD + word(96 + 64) + word(96) + tail(b"a") + tail(b"b"),
    "a gap between": HEAD + word(96) + word(96 + 96) + tail(b"a") + bytes(32) + tail(b"b"),
    "a length beyond the end": HEAD + word(96) + word(128) + word(0) + word(33) + bytes(32),
    "a length of 2^255": HEAD + word(96) + word(128) + word(0) + word(2**255) + bytes(32),
    "a length of 2^64": HEAD + word(96) + word(128) + word(2**64) + word(0),
    "as one tuple": word(32) + PUBLISHED[:-32],
    "words": b"sign me in" * 20,
}


@pytest.mark.parametrize("encoded", NOT_WRAPPED.values(), ids=NOT_WRAPPED)
def test_what_is_not_the_one_encoding_of_a_wrapped_signature_is_refused(encoded: bytes) -> None:
    with pytest.raises(NotAbi):
        unwrapped(encoded + CONTRACT_SUFFIX)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(encoded=st.binary(max_size=400) | st.lists(st.integers(0, 300).map(word), max_size=12).map(b"".join))
@example(encoded=b"")
def test_no_bytes_are_too_strange(encoded: bytes) -> None:
    for read in (lambda: unwrapped(encoded + CONTRACT_SUFFIX), lambda: two_results(encoded)):
        try:
            read()
        except NotAbi:
            continue


def results(*each: tuple[int, bytes]) -> bytes:
    """What `aggregate3` returns, by hand."""
    bodies = [word(success) + word(64) + tail(data) for success, data in each]
    places = [32 * len(bodies) + sum(map(len, bodies[:index])) for index in range(len(bodies))]
    return word(32) + word(len(bodies)) + b"".join(map(word, places)) + b"".join(bodies)


def test_two_results_are_what_was_returned_or_nothing() -> None:
    assert two_results(results((1, b"a"), (1, VALID))) == (b"a", VALID)
    assert two_results(results((0, b"why not"), (1, b""))) == (None, b"")
    assert two_results(results((1, b""), (0, VALID))) == (b"", None)


@pytest.mark.parametrize(
    "returned",
    [
        b"",
        VALID,
        results(),
        results((1, VALID)),
        results((1, VALID), (1, VALID), (1, VALID)),
        results((1, VALID), (2, VALID)),
        results((1, VALID), (1, VALID)) + bytes(32),
        results((1, VALID), (1, VALID))[:-1],
        results((1, VALID), (1, VALID))[32:],
        word(32) + word(2**64),
        word(32) + word(2) + word(2**255) * 2,
    ],
    ids=lambda returned: returned.hex()[-130:],
)
def test_anything_but_two_results_is_refused(returned: bytes) -> None:
    with pytest.raises(NotAbi):
        two_results(returned)
