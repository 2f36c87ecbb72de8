"""Webhooks: what a partner may decide of its endpoints, and what a history of decisions comes to.

Each webhook has a stream. A second stream per partner says which addresses are taken, so that two callers who want the
same one, or one too many, meet there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from application.handlers import Handling
from application.ports import Fingerprint
from application.streams import webhooks_of
from domain.events import (
    WebhookAddressReleased,
    WebhookAddressTaken,
    WebhookMarkedFailing,
    WebhookRecovered,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
    WebhookType,
    WebhookTypesChanged,
)
from domain.refusals import TooManyWebhooks, UnknownWebhook
from domain.vocabulary import Event, Personal

MOST: Final = 10
"""Webhooks that a partner may have."""
OVERLAP: Final = timedelta(hours=24)
"""How long the secret before still signs after a rotation."""

Cause = Literal["undelivered", "gone"]


class Placed(NamedTuple):
    """A sealed text, and the place that it was sealed for."""

    text: Personal
    version: int
    field: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook as it stands."""

    id: UUID
    partner: UUID
    address: Placed
    types: tuple[WebhookType, ...]
    secret: Placed
    previous: Placed | None
    """The secret before, which signs too until `previous_until`."""
    previous_until: datetime | None
    failing: Cause | None
    registered_at: int
    """The position from which on public events are sent."""
    active_since: datetime
    """Since when it has not been failing, or had not when it began to."""
    created_at: datetime
    updated_at: datetime
    version: int


class Wanted(NamedTuple):
    """What a partner wants registered. Address and secret are clear; the log seals them."""

    partner: UUID
    address: str
    types: tuple[WebhookType, ...]
    secret: str


def fold(history: Sequence[Envelope]) -> Webhook | None:
    """The webhook after its history; None where there is none, or none any more."""
    webhook: Webhook | None = None
    for envelope in history:
        webhook = evolve(webhook, envelope)
    return webhook


def evolve(webhook: Webhook | None, envelope: Envelope) -> Webhook | None:
    """The webhook after one more event."""
    event, at = envelope.event, envelope.recorded_at
    if isinstance(event, WebhookRegistered):
        return _registered(envelope, event)
    if webhook is None or isinstance(event, WebhookRemoved):
        return None
    webhook = replace(webhook, updated_at=at, version=envelope.version)
    match event:
        case WebhookTypesChanged():
            return replace(webhook, types=event.types)
        case WebhookSecretRotated():
            fresh = Placed(event.secret, envelope.version, "secret")
            return replace(webhook, secret=fresh, previous=webhook.secret, previous_until=event.previous_until)
        case WebhookMarkedFailing():
            return replace(webhook, failing=event.cause)
        case WebhookRecovered():
            return replace(webhook, failing=None, active_since=at)
    return webhook


def _registered(envelope: Envelope, event: WebhookRegistered) -> Webhook:
    return Webhook(
        id=envelope.stream,
        partner=event.partner,
        address=Placed(event.address, envelope.version, "address"),
        types=event.types,
        secret=Placed(event.secret, envelope.version, "secret"),
        previous=None,
        previous_until=None,
        failing=None,
        registered_at=envelope.position,
        active_since=envelope.recorded_at,
        created_at=envelope.recorded_at,
        updated_at=envelope.recorded_at,
        version=envelope.version,
    )


def taken(history: Sequence[Envelope]) -> dict[str, UUID]:
    """Which addresses of a partner, by fingerprint, have a webhook, and which one."""
    addresses: dict[str, UUID] = {}
    for envelope in history:
        match envelope.event:
            case WebhookAddressTaken() as event:
                addresses[event.fingerprint] = event.webhook
            case WebhookAddressReleased() as event:
                addresses = {address: webhook for address, webhook in addresses.items() if webhook != event.webhook}
    return addresses


def put(webhook_id: UUID, wanted: Wanted, *, fingerprint: Fingerprint) -> Handling:
    """Register a webhook under a new id, or have the one at this address send other types."""
    index = webhooks_of(wanted.partner)
    place = fingerprint(f"{wanted.partner}/{wanted.address}")
    addresses = taken((yield (index,))[index])
    if known := addresses.get(place):
        return [(known, _retyped(fold((yield (known,))[known]), wanted.types))]
    if len(addresses) >= MOST:
        raise TooManyWebhooks
    registered = WebhookRegistered(**wanted._asdict())
    return [(webhook_id, (registered,)), (index, (WebhookAddressTaken(webhook=webhook_id, fingerprint=place),))]


def remove(webhook_id: UUID, partner: UUID) -> Handling:
    """End a webhook, and have its address free again."""
    index = webhooks_of(partner)
    own(fold((yield (webhook_id, index))[webhook_id]), partner)
    return [(webhook_id, (WebhookRemoved(),)), (index, (WebhookAddressReleased(webhook=webhook_id),))]


def rotate(webhook_id: UUID, partner: UUID, *, secret: str, now: datetime) -> Handling:
    """Sign with a new secret, and for a while with the one before it, too."""
    own(fold((yield (webhook_id,))[webhook_id]), partner)
    return [(webhook_id, (WebhookSecretRotated(secret=secret, previous_until=now + OVERLAP),))]


def mark_failing(webhook_id: UUID, cause: Cause) -> Handling:
    """Send nothing more. Nothing happens where it is failing already, or there is no such webhook any more."""
    webhook = fold((yield (webhook_id,))[webhook_id])
    fails = webhook is not None and webhook.failing is None
    return [(webhook_id, (WebhookMarkedFailing(cause=cause),) if fails else ())]


def recover(webhook_id: UUID, shown_by: Literal["test", "redelivery"]) -> Handling:
    """Send again. Nothing happens where it was not failing."""
    webhook = fold((yield (webhook_id,))[webhook_id])
    failed = webhook is not None and webhook.failing is not None
    return [(webhook_id, (WebhookRecovered(shown_by=shown_by),) if failed else ())]


def own(webhook: Webhook | None, partner: UUID) -> Webhook:
    """The webhook, if it is the partner's; another's does not exist."""
    if webhook is None or webhook.partner != partner:
        raise UnknownWebhook
    return webhook


def _retyped(webhook: Webhook | None, types: tuple[WebhookType, ...]) -> Sequence[Event]:
    if webhook is None:
        raise UnknownWebhook
    return () if webhook.types == types else (WebhookTypesChanged(types=types),)
