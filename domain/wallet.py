"""Wallets as CAIP-10 accounts, and the EIP-55 form of their addresses.

https://chainagnostic.org/CAIPs/caip-10 · https://eips.ethereum.org/EIPS/eip-55
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Keccak256 = Callable[[bytes], bytes]
"""Ethereum's hash, 32 bytes. It is not in the standard library, so it is passed in."""

ACCOUNT: Final = re.compile(r"eip155:([1-9][0-9]{0,31}):(0x[0-9a-fA-F]{40})", re.ASCII)


class MalformedAccount(ValueError):
    """Not a CAIP-10 account of an EVM chain (`malformed_account`), or its checksum does not hold."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wallet:
    """An EVM account: `chain` as a decimal number, `address` in EIP-55 form."""

    chain: str
    address: str


def parse_account(account: str, keccak: Keccak256) -> Wallet:
    """Read `eip155:<chain>:0x<40 hex>`; letters of mixed case must carry the EIP-55 checksum.

    Raises `MalformedAccount`, which does not repeat the account.
    """
    match = ACCOUNT.fullmatch(account)
    if match is None:
        raise MalformedAccount("malformed_account")
    chain, address = match.groups()
    checked = checksum(address, keccak)
    digits = address[2:]
    if address != checked and not digits.islower() and not digits.isupper():
        raise MalformedAccount("invalid_checksum")
    return Wallet(chain, checked)


# The bit that makes a letter a capital, for every letter and for every nibble from 8 on.
_CASE: Final = 0x20
_LETTERS: Final = bytes(_CASE if chr(code) in "abcdef" else 0 for code in range(256))
_FROM_8: Final = str.maketrans({digit: chr(_CASE if digit >= "8" else 0) for digit in "0123456789abcdef"})


def checksum(address: str, keccak: Keccak256) -> str:
    """The EIP-55 form of a `0x` address of any letter case."""
    digits = address[2:].lower().encode()
    asked = keccak(digits).hex()[:40].translate(_FROM_8)
    capitals = int.from_bytes(digits.translate(_LETTERS)) & int.from_bytes(asked.encode())
    return "0x" + (int.from_bytes(digits) ^ capitals).to_bytes(40).decode()


def canonical(account: str) -> str:
    """What a wallet is compared by: the same EVM address is one wallet on every chain, in any case.

    Takes an account or a bare address; both have been parsed before.
    """
    return "eip155:" + account.rpartition(":")[2].lower()


def same_wallet(one: str, other: str) -> bool:
    """Whether two accounts or addresses are one wallet."""
    return canonical(one) == canonical(other)
