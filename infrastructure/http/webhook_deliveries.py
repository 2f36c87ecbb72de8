"""A webhook's deliveries: what became of each, and sending one again."""

from starlette.responses import Response

from application.webhooks import Webhook
from infrastructure.http import webhook_models as models
from infrastructure.http.cursor import read_cursor, write_cursor
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_id, read_query
from infrastructure.http.resources import PARTNER, answer
from infrastructure.http.routing import Call, Route
from infrastructure.http.webhooks import OF_WEBHOOK, TAG, own_webhook
from infrastructure.services import Services
from infrastructure.webhooks.past_deliveries import Delivery, deliveries, redeliver


class WebhookDeliveryRoutes:
    """Deliveries appear within a second of their event; what was delivered is shown for 30 days."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "GET",
                "/webhooks/{webhook_id}/deliveries",
                self.page,
                PARTNER,
                "List a webhook's deliveries, newest first",
                answer=models.WebhookDeliveries,
                query=models.DeliveriesQuery,
                problems=(*OF_WEBHOOK, "invalid_cursor"),
                tag=TAG,
            ),
            Route(
                "POST",
                "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
                self.redeliver,
                PARTNER,
                "Send a delivery again",
                answer=models.Redelivery,
                status=202,
                problems=(*OF_WEBHOOK, "delivery_not_found"),
                tag=TAG,
            ),
        ]

    async def page(self, call: Call) -> Response:
        """One page. The feed (`GET /v1/events`) has the events themselves, for good."""
        query = read_query(call.request, models.DeliveriesQuery)
        webhook = await own_webhook(self._services, call)
        key, name = self._services.keys.cursor, f"deliveries/{webhook.id}"
        before = read_cursor(key, name, query.cursor) if query.cursor else None
        rows = await deliveries(self._services.pool, webhook, before=before, limit=query.limit + 1)
        listed = rows[: query.limit]
        cursor = write_cursor(key, name, listed[-1].sequence) if len(rows) > query.limit else None
        shown = [_resource(webhook, row) for row in listed]
        return answer(models.WebhookDeliveries(deliveries=shown, next_cursor=cursor))

    async def redeliver(self, call: Call) -> Response:
        """It is sent again soon, delivered or not, under the same `webhook-id`.

        Where an earlier event of the same customer is not delivered, that one is sent, and the others follow in order.
        A failing webhook that takes it is active again.
        """
        webhook = await own_webhook(self._services, call)
        delivery = read_id(call.request, "delivery_id")
        if not await redeliver(self._services.pool, webhook, delivery, self._services.clock()):
            raise Problem("delivery_not_found")
        return answer(models.Redelivery(), 202)


def _resource(webhook: Webhook, row: Delivery) -> models.WebhookDelivery:
    status = "delivered" if row.delivered_at else "pending" if row.due else "waiting"
    told = row._asdict()
    due = told.pop("due")
    return models.WebhookDelivery(**told, status=status, next_attempt_at=None if webhook.failing else due)
