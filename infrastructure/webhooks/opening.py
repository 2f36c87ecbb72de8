"""Webhooks with their sealed texts opened: where to send, and what to sign with. Held in memory by who sends, only."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from standardwebhooks import Webhook as Signer

from application.webhooks import Placed, Webhook
from domain.vocabulary import Sealed
from infrastructure.keys.keyring import Keyring
from infrastructure.keys.sealing import SubjectKey, open_text
from infrastructure.webhooks.callback_url import CallbackUrl, parse_callback_url


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """A webhook that can be sent to."""

    webhook: Webhook
    url: CallbackUrl
    current: Signer
    previous: Signer | None

    def signers(self, now: datetime) -> list[Signer]:
        """Those of the secrets that are good now, the newest first."""
        until = self.webhook.previous_until
        overlaps = self.previous is not None and until is not None and now < until
        return [self.current, self.previous] if overlaps and self.previous else [self.current]


async def opened(keyring: Keyring, webhooks: Iterable[Webhook]) -> list[Endpoint]:
    """The webhooks opened; those whose key was destroyed meanwhile are left out."""
    wanted = {webhook.id: webhook for webhook in webhooks}
    async with keyring.keys(wanted.keys()) as keys:
        return [_opened(webhook, keys[webhook.id]) for webhook in wanted.values() if webhook.id in keys]


def _opened(webhook: Webhook, key: SubjectKey) -> Endpoint:
    previous = webhook.previous
    return Endpoint(
        webhook=webhook,
        # Which hosts may be called is asked anew for each delivery; here the URL is only taken to its parts.
        url=parse_callback_url(_text(webhook.id, webhook.address, key), allow_loopback=True),
        current=Signer(_text(webhook.id, webhook.secret, key)),
        previous=Signer(_text(webhook.id, previous, key)) if previous else None,
    )


def _text(stream: UUID, placed: Placed, key: SubjectKey) -> str:
    if not isinstance(placed.text, Sealed):
        raise TypeError("what was read from the log is sealed")
    return open_text(key, placed.text, stream=stream, version=placed.version, field=placed.field)
