"""What deliveries say of their webhooks: that one is to be given up, or that it takes events again."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from application.webhooks import Cause, Webhook, mark_failing, recover
from infrastructure.services import Services
from infrastructure.webhooks.queue import Settled
from infrastructure.webhooks.retrying import is_given_up

ACTOR: Final = "system:webhooks"

log = structlog.get_logger()


class Verdicts(NamedTuple):
    """Webhooks that were failing and took a redelivery; and those to be given up, and why."""

    recovered: set[UUID]
    failing: dict[UUID, Cause]


def judge(settled: Iterable[Settled], webhooks: Mapping[UUID, Webhook], now: datetime) -> Verdicts:
    """What a round of deliveries says."""
    verdicts = Verdicts(set(), {})
    for each in settled:
        webhook = webhooks.get(each.claimed.webhook)
        if webhook is None:
            continue
        if each.outcome == "delivered":
            if webhook.failing is not None:
                verdicts.recovered.add(webhook.id)
        elif webhook.failing is None and (cause := _cause(each, webhook, now)):
            verdicts.failing[webhook.id] = cause
    return verdicts


async def record(services: Services, verdicts: Verdicts) -> None:
    """Put verdicts on record. Raises `Unavailable`."""
    for webhook in verdicts.recovered:
        await services.execute(partial(recover, webhook, "redelivery"), actor=ACTOR)
    for webhook, cause in verdicts.failing.items():
        await services.execute(partial(mark_failing, webhook, cause), actor=ACTOR)
        log.warning("webhook_failing", webhook=str(webhook), cause=cause)


def _cause(settled: Settled, webhook: Webhook, now: datetime) -> Cause | None:
    """Why a webhook is to be given up, after a delivery that failed; None where it is tried again."""
    claimed = settled.claimed
    if settled.outcome == "gone":
        return "gone"
    over = is_given_up(first_attempt_at=claimed.first_attempt_at, active_since=webhook.active_since, now=now)
    return "undelivered" if over and claimed.delivered_at is None else None
