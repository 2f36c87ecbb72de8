"""Proof that a wallet's owner signed a message: EIP-191 signatures by the wallet's own key.

Where no key proves it, the wallet may be a contract, which is asked (`contract_wallets`).

https://eips.ethereum.org/EIPS/eip-191 · https://eips.ethereum.org/EIPS/eip-2 (low s) ·
https://eips.ethereum.org/EIPS/eip-6492 (the suffix of contract signatures)
"""

import binascii
from base64 import b64decode
from typing import Final

from coincurve import PublicKey
from Crypto.Hash import keccak as _keccak

from domain.commands import WalletProof

LENGTH: Final = 65
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
RECOVERY_IDS: Final = {0: 0, 1: 1, 27: 0, 28: 1}
CONTRACT_SUFFIX: Final = bytes.fromhex("6492") * 16

_DUMMY: Final = (bytes(31) + b"\1") * 2 + b"\0"


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash."""
    return _keccak.new(data=data, digest_bits=256).digest()


def personal_digest(message: bytes) -> bytes:
    """What is signed of a message: the hash of EIP-191, version 0x45."""
    return keccak256(b"\x19Ethereum Signed Message:\n%d%b" % (len(message), message))


def prove(message: bytes, signature: str) -> WalletProof:
    """Recover who signed `message`. The work is the same whether the signature is good, wrong or malformed."""
    raw = read_signature(signature)
    contract = raw is not None and raw.endswith(CONTRACT_SUFFIX)
    sound = raw is not None and _sound(raw)
    signer = _recover(message, raw if sound and raw else _DUMMY)
    if contract:
        return WalletProof(signer=None, fault="unknown_contract")
    if not sound:
        return WalletProof(signer=None, fault="malformed")
    return WalletProof(signer=signer)


def read_signature(signature: str) -> bytes | None:
    """The bytes of a signature as 0x-hex, or as base64 of that or of the bytes; None where it is neither."""
    try:
        if signature.startswith("0x"):
            return binascii.unhexlify(signature[2:])
        raw = b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        return binascii.unhexlify(raw[2:]) if raw.startswith(b"0x") else raw
    except binascii.Error:
        return raw  # one signature in 65,536 begins with these two bytes itself


def _sound(raw: bytes) -> bool:
    """Whether these are 65 bytes with r and s in range, s in the lower half, and a v that says which key."""
    if len(raw) != LENGTH or raw[64] not in RECOVERY_IDS:
        return False
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    return 0 < r < ORDER and 0 < s <= ORDER // 2


def _recover(message: bytes, raw: bytes) -> str | None:
    """The canonical address whose key made the signature, if any key did."""
    compact = raw[:64] + bytes([RECOVERY_IDS[raw[64]]])
    try:
        key = PublicKey.from_signature_and_message(compact, personal_digest(message), hasher=None)
    except Exception:  # noqa: BLE001 -- coincurve raises bare exceptions for points that are not on the curve
        return None
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()
