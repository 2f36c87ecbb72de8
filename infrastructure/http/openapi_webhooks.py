"""OpenAPI's `webhooks`: the requests that a partner's own service is sent, and what its answers mean."""

from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from infrastructure.http.examples import example_of
from infrastructure.http.feed_models import PublicEvent
from infrastructure.http.headers import SIGNED
from infrastructure.http.openapi_operations import ref
from infrastructure.http.routing import JSON
from infrastructure.http.webhook_models import WebhookTestEvent


class Sent(NamedTuple):
    """What is sent: in which model, and what sets its example apart."""

    summary: str
    model: type[BaseModel]
    example: dict[str, Any]


SENT: Final = {
    "customer.created": Sent("Be told of a new customer", PublicEvent, {"previousSequence": None}),
    "customer.updated": Sent("Be told what a customer has become", PublicEvent, {"status": "active"}),
    "webhook.test": Sent("Be tested", WebhookTestEvent, {}),
}
"""By its `webhookType`."""
_ANSWERS: Final = {
    "2XX": {"description": "It is the receiver's from here on."},
    "410": {"description": "There is nobody there any more: the webhook is `failing`."},
    "default": {"description": "It is sent again, later and later for three days. `Retry-After` is heeded."},
}


def webhooks() -> dict[str, Any]:
    """All that is sent, by its type."""
    return {name: {"post": _operation(name, sent)} for name, sent in SENT.items()}


def _operation(name: str, sent: Sent) -> dict[str, Any]:
    example = example_of(sent.model) | {"webhookType": name} | sent.example
    return {
        "tags": ["webhooks"],
        "summary": sent.summary,
        "description": "Check the signature over the raw body first, answer within ten seconds, and work later.",
        "operationId": f"webhooks_sent_{name.replace('.', '_')}",
        "parameters": SIGNED,
        "requestBody": {"required": True, "content": {JSON: {"schema": ref(sent.model), "example": example}}},
        "responses": _ANSWERS,
        "security": [],
    }
