"""The challenge all peers answer with: an EIP-4361 message in base64, as long as ours."""

import base64
import secrets
from datetime import datetime

TEMPLATE = """\
gatehouse.example wants you to sign in with your Ethereum account:
{address}

Prove that this wallet is yours.

URI: https://gatehouse.example/onboarding
Version: 1
Chain ID: {chain}
Nonce: {nonce}
Issued At: {issued_at}
Expiration Time: {expires_at}"""


def challenge_message(*, wallet: str, nonce: str, issued_at: datetime, expires_at: datetime) -> str:
    """Return the message to sign for a CAIP-10 account."""
    _, chain, address = wallet.split(":")
    return TEMPLATE.format(
        address=address,
        chain=chain,
        nonce=nonce,
        issued_at=issued_at.isoformat(timespec="seconds"),
        expires_at=expires_at.isoformat(timespec="seconds"),
    )


def new_nonce() -> str:
    """Return 64 random bits in letters and digits."""
    return secrets.token_hex(8)


def encoded(message: str) -> str:
    """Return the message as the API carries it."""
    return base64.b64encode(message.encode()).decode()
