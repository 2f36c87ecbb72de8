"""The challenge: an EIP-4361 message, written by its grammar and never parsed again.

https://eips.ethereum.org/EIPS/eip-4361
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from domain.events import ChallengeIssued
from domain.wallet import Wallet

LIFETIME: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Site:
    """Who asks: the deployment's RFC 3986 authority and URI, as the wallet shows them to its owner."""

    domain: str
    uri: str


def issue(site: Site, wallet: Wallet, *, customer: UUID, nonce: str, now: datetime) -> ChallengeIssued:
    """The challenge for `wallet`, good for an hour. `nonce` is at least 8 alphanumerics, never used before."""
    expires_at = now + LIFETIME
    # Without a statement, two empty lines stand between the address and the URI.
    message = (
        f"{site.domain} wants you to sign in with your Ethereum account:\n"
        f"{wallet.address}\n"
        "\n"
        "\n"
        f"URI: {site.uri}\n"
        "Version: 1\n"
        f"Chain ID: {wallet.chain}\n"
        f"Nonce: {nonce}\n"
        f"Issued At: {_rfc3339(now)}\n"
        f"Expiration Time: {_rfc3339(expires_at)}\n"
        f"Request ID: {customer}"
    )
    return ChallengeIssued(message=message, nonce=nonce, expires_at=expires_at)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
