"""What is said to contract wallets and what they answer, byte by byte.

https://eips.ethereum.org/EIPS/eip-1271 · https://eips.ethereum.org/EIPS/eip-6492 · https://www.multicall3.com
"""

from typing import Any, Final, NamedTuple

from infrastructure.wallets.wallet_proof import CONTRACT_SUFFIX

MULTICALL: Final = "0xca11bde05977b3631167028862be2a173976ca11"
"""Multicall3, at the same address on every chain that has it."""
VALID: Final = bytes.fromhex("1626ba7e") + bytes(28)
"""A wallet's consent, as 32 bytes. Whatever is longer or not padded with zeros is not what EIP-1271 has returned."""

_IS_VALID_SIGNATURE: Final = bytes.fromhex("1626ba7e")
_AGGREGATE3: Final = bytes.fromhex("82ad56cb")
_TWO_RESULTS: Final = (32).to_bytes(32, "big") + (2).to_bytes(32, "big")


class Wrapped(NamedTuple):
    """An EIP-6492 signature: the call that makes the wallet ready, and the signature that it then judges."""

    factory: str
    calldata: bytes
    signature: bytes


class NotAbi(ValueError):
    """Bytes that are not the canonical encoding of what they should be."""


def unwrapped(raw: bytes) -> Wrapped:
    """What an EIP-6492 signature, suffix included, holds. Raises `NotAbi`."""
    return Wrapped(*_decoded(("address", "bytes", "bytes"), raw[: -len(CONTRACT_SUFFIX)]))


def is_valid_signature(digest: bytes, signature: bytes) -> bytes:
    """The question of EIP-1271."""
    return _IS_VALID_SIGNATURE + _encoded(("bytes32", "bytes"), (digest, signature))


def one_after_the_other(*calls: tuple[str, bytes]) -> bytes:
    """Multicall3's `aggregate3`: calls to addresses in one, each of which may fail."""
    return _AGGREGATE3 + _encoded(("(address,bool,bytes)[]",), ([(address, True, data) for address, data in calls],))


def two_results(returned: bytes) -> tuple[bytes | None, bytes | None]:
    """What each of two such calls returned; None for one that failed. Raises `NotAbi`."""
    if not returned.startswith(_TWO_RESULTS):  # before a library makes room for as many as are said to be
        raise NotAbi
    (((first, one), (second, other)),) = _decoded(("(bool,bytes)[]",), returned)
    return one if first else None, other if second else None


def _encoded(types: tuple[str, ...], values: tuple[Any, ...]) -> bytes:
    from eth_abi.abi import encode  # noqa: PLC0415 -- takes 0.15 s, for few wallets

    return encode(types, values)


def _decoded(types: tuple[str, ...], encoded: bytes) -> tuple[Any, ...]:
    """The values, of which `encoded` is the one canonical encoding: no garbage behind, no parts that overlap."""
    from eth_abi.abi import decode  # noqa: PLC0415 -- the same
    from eth_abi.exceptions import DecodingError  # noqa: PLC0415 -- the same

    try:
        values = decode(types, encoded)
    except (DecodingError, OverflowError):
        raise NotAbi from None
    if _encoded(types, values) != encoded:
        raise NotAbi
    return values
