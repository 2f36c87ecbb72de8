"""The grammar of EIP-4361, strictly, read from its text and not from our code.

https://eips.ethereum.org/EIPS/eip-4361 (ABNF), https://www.rfc-editor.org/rfc/rfc3986#appendix-A,
https://www.rfc-editor.org/rfc/rfc3339#section-5.6
"""

import re
from typing import Final

from infrastructure.wallets.wallet_proof import keccak256

UNRESERVED: Final = r"[A-Za-z0-9\-._~]"
ESCAPED: Final = r"%[0-9A-Fa-f]{2}"
SUB_DELIMS: Final = r"[!$&'()*+,;=]"
PCHAR: Final = rf"(?:{UNRESERVED}|{ESCAPED}|{SUB_DELIMS}|[:@])"
USERINFO: Final = rf"(?:{UNRESERVED}|{ESCAPED}|{SUB_DELIMS}|:)*"
HOST: Final = rf"(?:\[[0-9A-Fa-f:.]+\]|(?:{UNRESERVED}|{ESCAPED}|{SUB_DELIMS})+)"
AUTHORITY: Final = rf"(?:{USERINFO}@)?{HOST}(?::[0-9]*)?"
SCHEME: Final = r"[A-Za-z][A-Za-z0-9+\-.]*"
QUERY: Final = rf"(?:{PCHAR}|[/?])*"
PATH: Final = rf"(?://{AUTHORITY}(?:/{PCHAR}*)*|/(?:{PCHAR}+(?:/{PCHAR}*)*)?|{PCHAR}+(?:/{PCHAR}*)*|)"
URI: Final = rf"{SCHEME}:{PATH}(?:\?{QUERY})?(?:#{QUERY})?"
# Revisions of the EIP disagree on whether a statement may be empty: strictly, it may not.
STATEMENT: Final = rf"(?:{UNRESERVED}|[:/?#\[\]@]|{SUB_DELIMS}| )+"
DATE: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
ZONE: Final = r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
MOMENT: Final = rf"{DATE}T{TIME}{ZONE}"

MESSAGE: Final = re.compile(
    rf"(?:{SCHEME}://)?(?P<domain>{AUTHORITY}) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9A-Fa-f]{40})\n"
    r"\n"
    rf"(?:(?P<statement>{STATEMENT})\n)?"
    r"\n"
    rf"URI: (?P<uri>{URI})\n"
    r"Version: (?P<version>1)\n"
    r"Chain ID: (?P<chain_id>[0-9]+)\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,})\n"
    rf"Issued At: (?P<issued_at>{MOMENT})"
    rf"(?:\nExpiration Time: (?P<expiration_time>{MOMENT}))?"
    rf"(?:\nNot Before: (?P<not_before>{MOMENT}))?"
    rf"(?:\nRequest ID: (?P<request_id>{PCHAR}*))?"
    rf"(?P<resources>\nResources:(?:\n- {URI})*)?"
)


def read(message: str) -> dict[str, str | None]:
    """The fields of a message. Raises `ValueError` where it is not of the grammar, or its address is not EIP-55."""
    match = MESSAGE.fullmatch(message)
    if match is None:
        raise ValueError("not an EIP-4361 message")
    digits = match["address"][2:]
    nibbles = keccak256(digits.lower().encode()).hex()
    if any(
        digit.isalpha() and digit.isupper() != (int(nibble, 16) > 7)
        for digit, nibble in zip(digits, nibbles[:40], strict=True)
    ):
        raise ValueError("not an EIP-55 address")
    return match.groupdict()
