"""Webhooks out: a partner's endpoints, their secrets, and a test. Another partner's do not exist."""

from functools import partial
from typing import Final
from uuid import UUID

from starlette.responses import Response

from application.executor import Outcome
from application.streams import webhooks_of
from application.webhooks import Wanted, Webhook, fold, own, put, recover, remove, rotate, taken
from domain.refusals import UnknownWebhook
from infrastructure.http import webhook_models as models
from infrastructure.http.idempotency import keep, kept
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import PARTNER, answer, partner_of
from infrastructure.http.routing import Call, Route
from infrastructure.services import Services
from infrastructure.webhooks.callback_url import BadCallbackUrl, CallbackUrl, parse_callback_url
from infrastructure.webhooks.opening import Endpoint, opened
from infrastructure.webhooks.public_addresses import AddressRefused
from infrastructure.webhooks.queue import hurry
from infrastructure.webhooks.signing import new_secret, signed_headers

TAG: Final = "webhooks"
OF_WEBHOOK: Final = ("malformed_id", "webhook_not_found")


class WebhookRoutes:
    """What is read comes from the log itself, so it is never behind."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tested: set[UUID] = set()

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "PUT",
                "/webhooks",
                self.register,
                PARTNER,
                "Register a webhook, or change its types",
                answer=models.RegisteredWebhook,
                body=models.WebhookRegistration,
                problems=("callback_url_refused", "too_many_webhooks"),
                tag=TAG,
                render=self._registered,
            ),
            Route("GET", "/webhooks", self.all, PARTNER, "List webhooks", answer=models.RegisteredWebhooks, tag=TAG),
            Route(
                "GET",
                "/webhooks/{webhook_id}",
                self.one,
                PARTNER,
                "Read a webhook",
                answer=models.Webhook,
                problems=OF_WEBHOOK,
                tag=TAG,
            ),
            Route(
                "DELETE",
                "/webhooks/{webhook_id}",
                self.remove,
                PARTNER,
                "Remove a webhook",
                status=204,
                problems=OF_WEBHOOK,
                tag=TAG,
                render=_removed,
            ),
            Route(
                "POST",
                "/webhooks/{webhook_id}/secret",
                self.rotate,
                PARTNER,
                "Rotate a webhook's secret",
                answer=models.WebhookSecret,
                problems=OF_WEBHOOK,
                tag=TAG,
                render=self._rotated,
            ),
            Route(
                "POST",
                "/webhooks/{webhook_id}/test",
                self.test,
                PARTNER,
                "Send a test event",
                answer=models.WebhookTest,
                problems=(*OF_WEBHOOK, "test_under_way"),
                tag=TAG,
            ),
        ]

    async def register(self, call: Call) -> Response:
        """One callback URL has one webhook: a repeat changes nothing, other types are taken from then on.

        Public events from here on are sent. The secret is shown once, when the webhook is new.
        """
        body = await read_body(call.request, models.WebhookRegistration)
        url = await self._callable(body.callback_url)
        secret = new_secret()
        wanted = Wanted(partner_of(call), str(url), tuple(sorted(set(body.types))), secret)
        handler = partial(put, self._services.new_id(), wanted, fingerprint=self._services.keys.fingerprint_of)
        keep(call, secret)
        outcome = await self._services.execute_once(handler, actor=call.caller.actor, once=call.once)
        return _registration(call, outcome, url, secret)

    async def _registered(self, call: Call, outcome: Outcome) -> Response:
        """The answer to a repeat, whose body has the address; the log has it sealed."""
        body = await read_body(call.request, models.WebhookRegistration)
        url = parse_callback_url(body.callback_url, allow_loopback=True)  # what was taken, whatever is taken by now
        return _registration(call, outcome, url)

    async def all(self, call: Call) -> Response:
        """All of the caller's webhooks, the oldest first."""
        index = webhooks_of(partner_of(call))
        history = (await self._services.reader.streams([index])).get(index, [])
        streams = await self._services.reader.streams(taken(history).values())
        webhooks = [webhook for stream in streams.values() if (webhook := fold(stream))]
        endpoints = await opened(self._services.keyring, webhooks)
        endpoints.sort(key=lambda endpoint: endpoint.webhook.registered_at)
        return answer(models.RegisteredWebhooks(webhooks=[_resource(endpoint) for endpoint in endpoints]))

    async def one(self, call: Call) -> Response:
        """The webhook, without its secret."""
        return answer(_resource(await self._endpoint(call)))

    async def remove(self, call: Call) -> Response:
        """Nothing is sent any more; address and secrets are destroyed."""
        handler = partial(remove, read_id(call.request, "webhook_id"), partner_of(call))
        outcome = await self._services.execute_once(handler, actor=call.caller.actor, once=call.once)
        return await _removed(call, outcome)

    async def rotate(self, call: Call) -> Response:
        """Both secrets sign for 24 hours, so that receivers can change over; then the new one alone."""
        webhook_id, secret = read_id(call.request, "webhook_id"), new_secret()
        handler = partial(rotate, webhook_id, partner_of(call), secret=secret, now=self._services.clock())
        keep(call, secret)
        outcome = await self._services.execute_once(handler, actor=call.caller.actor, once=call.once)
        return await self._rotated(call, outcome, secret)

    async def _rotated(self, call: Call, outcome: Outcome, secret: str = "") -> Response:
        webhook = own(fold(outcome.history), partner_of(call))
        return answer(models.WebhookSecret(secret=kept(call, outcome, secret), previous_until=webhook.previous_until))

    async def test(self, call: Call) -> Response:
        """Send a `webhook.test` now, once, and say what came of it. A failing webhook that takes it is active again."""
        endpoint = await self._endpoint(call)
        webhook = endpoint.webhook
        if webhook.id in self._tested:
            raise Problem("test_under_way")
        self._tested.add(webhook.id)
        try:
            outcome = await self._services.webhooks.sender.send(endpoint.url, *self._test_event(endpoint))
        finally:
            self._tested.discard(webhook.id)
        if outcome.delivered and webhook.failing:
            await self._services.execute(partial(recover, webhook.id, "test"), actor=call.caller.actor)
            async with self._services.pool.connection() as connection:
                await hurry(connection, [webhook.id], self._services.clock())
        return answer(models.WebhookTest(delivered=outcome.delivered, outcome=outcome.name, status=outcome.status))

    def _test_event(self, endpoint: Endpoint) -> tuple[dict[str, str], bytes]:
        now, event_id = self._services.clock(), self._services.new_id()
        event = models.WebhookTestEvent(event_id=event_id, webhook_id=endpoint.webhook.id, created_at=now)
        body = event.model_dump_json().encode()
        return signed_headers(endpoint.signers(now), message_id=str(event_id), body=body), body

    async def _callable(self, text: str) -> CallbackUrl:
        """The URL, if anything may be sent there."""
        sending = self._services.webhooks
        try:
            url = parse_callback_url(text, allow_loopback=sending.allow_loopback)
            await sending.sender.check(url)
        except BadCallbackUrl as fault:
            code = fault.code
        except AddressRefused:
            code = "address_not_public"
        else:
            return url
        raise Problem("callback_url_refused", errors=[{"pointer": "/callbackUrl", "code": code}])

    async def _endpoint(self, call: Call) -> Endpoint:
        for endpoint in await opened(self._services.keyring, [await own_webhook(self._services, call)]):
            return endpoint
        raise UnknownWebhook  # removed since it was read


async def own_webhook(services: Services, call: Call) -> Webhook:
    """The webhook that the path names, if it is the caller's."""
    webhook_id = read_id(call.request, "webhook_id")
    history = (await services.reader.streams([webhook_id])).get(webhook_id, [])
    return own(fold(history), partner_of(call))


def _registration(call: Call, outcome: Outcome, url: CallbackUrl, secret: str = "") -> Response:
    shown = _shown(own(fold(outcome.history), partner_of(call)), str(url))
    is_new = outcome.new == outcome.version
    return answer(models.RegisteredWebhook(**shown, secret=kept(call, outcome, secret) if is_new else None))


async def _removed(_: Call, __: Outcome) -> Response:
    return Response(status_code=204)


def _resource(endpoint: Endpoint) -> models.Webhook:
    return models.Webhook(**_shown(endpoint.webhook, str(endpoint.url)))


def _shown(webhook: Webhook, callback_url: str) -> dict[str, object]:
    return {
        "id": webhook.id,
        "callback_url": callback_url,
        "types": list(webhook.types),
        "status": "failing" if webhook.failing else "active",
        "cause": webhook.failing,
        "previous_secret_until": webhook.previous_until,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }
