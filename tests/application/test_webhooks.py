from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from application.envelope import Context, Envelope
from application.handlers import Handling
from application.streams import webhooks_of
from application.webhooks import MOST, OVERLAP, Wanted, Webhook, fold, mark_failing, put, recover, remove, rotate, taken
from domain.events import (
    WebhookAddressReleased,
    WebhookAddressTaken,
    WebhookMarkedFailing,
    WebhookRecovered,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
    WebhookTypesChanged,
)
from domain.refusals import TooManyWebhooks, UnknownWebhook
from domain.vocabulary import Event

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PARTNER, STRANGER, ID, OTHER = (UUID(int=number) for number in range(1, 5))
WANTED = Wanted(PARTNER, "https://partner.example/", ("customer.created",), "whsec_1")
REGISTERED = WebhookRegistered(**WANTED._asdict())


class Log:
    """Streams in memory, decided on as the executor does."""

    def __init__(self) -> None:
        self.streams: dict[UUID, list[Envelope]] = {}

    def run(self, handling: Handling) -> list[Event]:
        """What a handler came to."""
        added: list[Event] = []
        try:
            asked = next(handling)
            while True:
                asked = handling.send({stream: self.streams.get(stream, []) for stream in asked})
        except StopIteration as done:
            for stream, events in done.value:
                self.append(stream, events)
                added += events
        return added

    def append(self, stream: UUID, events: Sequence[Event]) -> None:
        history = self.streams.setdefault(stream, [])
        for event in events:
            context = Context("partner:test", ID, ID, NOW)
            history.append(Envelope(stream, len(history) + 1, ID, context, event, 1, NOW))

    def webhook(self) -> Webhook | None:
        return fold(self.streams.get(ID, []))


@pytest.fixture
def log() -> Log:
    log = Log()
    log.run(put(ID, WANTED, fingerprint=fingerprint))
    return log


def fingerprint(text: str) -> str:
    return text.encode().hex().rjust(64, "0")[-64:]


def test_a_new_address_is_registered_and_taken() -> None:
    log = Log()

    assert log.run(put(ID, WANTED, fingerprint=fingerprint)) == [
        REGISTERED,
        WebhookAddressTaken(webhook=ID, fingerprint=fingerprint(f"{PARTNER}/https://partner.example/")),
    ]


def test_the_same_again_changes_nothing(log: Log) -> None:
    assert log.run(put(OTHER, WANTED._replace(secret="whsec_2"), fingerprint=fingerprint)) == []


def test_other_types_are_taken_by_the_webhook_there_is(log: Log) -> None:
    wanted = WANTED._replace(types=("customer.updated",))

    assert log.run(put(OTHER, wanted, fingerprint=fingerprint)) == [WebhookTypesChanged(types=("customer.updated",))]


def test_one_too_many_is_refused(log: Log) -> None:
    for number in range(MOST - 1):
        log.run(put(UUID(int=100 + number), WANTED._replace(address=f"https://{number}/"), fingerprint=fingerprint))

    with pytest.raises(TooManyWebhooks):
        log.run(put(OTHER, WANTED._replace(address="https://one.more/"), fingerprint=fingerprint))


def test_a_removed_webhook_frees_its_address_and_is_no_more(log: Log) -> None:
    assert log.run(remove(ID, PARTNER)) == [WebhookRemoved(), WebhookAddressReleased(webhook=ID)]

    assert log.webhook() is None
    assert taken(log.streams[webhooks_of(PARTNER)]) == {}
    assert len(log.run(put(OTHER, WANTED, fingerprint=fingerprint))) == 2


def test_nobody_but_its_partner_removes_or_rotates(log: Log) -> None:
    for handling in (remove(ID, STRANGER), rotate(ID, STRANGER, secret="whsec_2", now=NOW), remove(OTHER, PARTNER)):
        with pytest.raises(UnknownWebhook):
            log.run(handling)


def test_a_rotation_keeps_the_secret_before_for_a_while(log: Log) -> None:
    assert log.run(rotate(ID, PARTNER, secret="whsec_2", now=NOW)) == [
        WebhookSecretRotated(secret="whsec_2", previous_until=NOW + OVERLAP)
    ]

    webhook = log.webhook()
    assert webhook is not None
    assert webhook.previous is not None
    assert (webhook.secret.text, webhook.secret.version) == ("whsec_2", 2)
    assert (webhook.previous.text, webhook.previous.version) == ("whsec_1", 1)
    assert webhook.previous_until == NOW + timedelta(hours=24)


def test_a_webhook_fails_once_and_recovers_once(log: Log) -> None:
    assert log.run(recover(ID, "test")) == []
    assert log.run(mark_failing(ID, "gone")) == [WebhookMarkedFailing(cause="gone")]
    assert log.run(mark_failing(ID, "undelivered")) == []
    assert log.run(recover(ID, "redelivery")) == [WebhookRecovered(shown_by="redelivery")]
    assert log.run(recover(ID, "redelivery")) == []


def test_what_is_removed_neither_fails_nor_recovers(log: Log) -> None:
    log.run(remove(ID, PARTNER))

    assert log.run(mark_failing(ID, "gone")) == []
    assert log.run(recover(ID, "test")) == []
