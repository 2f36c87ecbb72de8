"""A wallet whose key the demo holds, and what its owner's software does with it."""

from base64 import b64decode

from coincurve import PrivateKey

from domain.wallet import checksum
from infrastructure.wallets.wallet_proof import keccak256


class OwnedWallet:
    """A fresh secp256k1 key and its account on Ethereum's main chain."""

    def __init__(self) -> None:
        self._key = PrivateKey()
        digest = keccak256(self._key.public_key.format(compressed=False)[1:])
        self.address = checksum("0x" + digest[-20:].hex(), keccak256)
        self.account = f"eip155:1:{self.address}"

    def sign(self, challenge: str) -> str:
        """Sign a base64 challenge as wallets do (EIP-191, `personal_sign`); 0x-hex."""
        message = b64decode(challenge)
        digest = keccak256(b"\x19Ethereum Signed Message:\n%d%b" % (len(message), message))
        raw = self._key.sign_recoverable(digest, hasher=None)
        return "0x" + (raw[:64] + bytes([raw[64] + 27])).hex()
