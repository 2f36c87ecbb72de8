"""What partners send and are answered of their webhooks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from application.webhooks import Cause
from domain.events import WebhookType
from infrastructure.http.models import Body, Resource
from infrastructure.webhooks.sender import OutcomeName

URL_EXAMPLE = "https://partner.example/gatehouse"
SECRET_EXAMPLE = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 -- Standard Webhooks' own example


class WebhookRegistration(Body):
    """`PUT /v1/webhooks`: where public events go, and which. One callback URL has one webhook."""

    callback_url: Annotated[
        str,
        Field(
            max_length=2048,
            examples=[URL_EXAMPLE],
            description="https, a public host by its name, port 443 or above 1023. Redirects are not followed.",
        ),
    ]
    types: Annotated[
        list[WebhookType], Field(min_length=1, max_length=2, examples=[["customer.created", "customer.updated"]])
    ]


class Webhook(Resource):
    """A webhook. While it is `failing`, nothing is sent; a test or a redelivery that is taken ends that."""

    id: UUID
    callback_url: Annotated[str, Field(examples=[URL_EXAMPLE])]
    types: Annotated[list[WebhookType], Field(examples=[["customer.created", "customer.updated"]])]
    status: Literal["active", "failing"]
    cause: Cause | None = None
    """Why it is failing: an event could not be delivered for 3 days, or the receiver answered 410."""
    previous_secret_until: datetime | None = None
    """Until when the secret before the last rotation signs, too."""
    created_at: datetime
    updated_at: datetime


class RegisteredWebhook(Webhook):
    """The answer to a registration. A new webhook's `secret` is shown this once."""

    secret: Annotated[str | None, Field(examples=[SECRET_EXAMPLE])] = None


class RegisteredWebhooks(Resource):
    """All of a partner's webhooks."""

    webhooks: list[Webhook]


class WebhookSecret(Resource):
    """A fresh secret, shown this once. Until `previousUntil`, deliveries carry a signature of the one before, too."""

    secret: Annotated[str, Field(examples=[SECRET_EXAMPLE])]
    previous_until: datetime


class WebhookTestEvent(Resource):
    """What a test sends; it has no place in the feed."""

    webhook_type: Literal["webhook.test"] = "webhook.test"
    event_id: UUID
    webhook_id: UUID
    created_at: datetime


class WebhookTest(Resource):
    """What came of a test."""

    delivered: bool
    outcome: OutcomeName
    status: Annotated[int | None, Field(examples=[204])] = None
    """The HTTP status that the receiver answered."""


class DeliveriesQuery(BaseModel):
    """`GET …/deliveries`: how many at a time."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=100)] | None = None


class WebhookDelivery(Resource):
    """One public event on its way to one webhook. `id` is the `webhook-id` of every attempt.

    It is `waiting` while an earlier event of the same customer is not delivered.
    """

    id: UUID
    event_id: UUID
    sequence: int
    customer_id: UUID
    status: Literal["pending", "waiting", "delivered"]
    attempts: int
    last_outcome: OutcomeName | None = None
    last_status: Annotated[int | None, Field(examples=[204])] = None
    last_attempt_at: datetime | None = None
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None


class WebhookDeliveries(Resource):
    """One page of deliveries, newest first. `nextCursor` is absent on the last page."""

    deliveries: list[WebhookDelivery]
    next_cursor: str | None = None


class Redelivery(Resource):
    """The delivery will be sent again."""

    accepted: bool = True
