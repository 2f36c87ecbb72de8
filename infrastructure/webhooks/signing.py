"""Signatures of deliveries, as Standard Webhooks has them: one for each secret that is good now."""

import secrets
from base64 import b64encode
from collections.abc import Iterable
from typing import Final

from standardwebhooks import Webhook as Signer

from infrastructure import ids

PREFIX: Final = "whsec_"
BYTES: Final = 32


def new_secret() -> str:
    """A fresh secret of 256 random bits, as Standard Webhooks writes it."""
    return PREFIX + b64encode(secrets.token_bytes(BYTES)).decode()


def signed_headers(signers: Iterable[Signer], *, message_id: str, body: bytes) -> dict[str, str]:
    """The three headers. `signers` are those of the webhook's secrets, the newest first."""
    now, text = ids.now(), body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signer.sign(message_id, now, text) for signer in signers),
    }
