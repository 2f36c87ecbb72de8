"""Callbacks as the sandbox's KYC provider sends them, sound or not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
from standardwebhooks import Webhook

from infrastructure.sandbox.provider import somebody
from infrastructure.services import callback_path
from tests.support.http import (
    Held,
)
from tests.support.world import World


def body_of(held: Held, answer: str = "approved", **changes: object) -> bytes:
    """What the sandbox says about a customer now."""
    callback: dict[str, Any] = {
        "type": "verification.result",
        "applicant": held.customer["id"],
        "answer": answer,
        "labels": [],
        "reportedAt": datetime.now(UTC).isoformat(),
        "person": somebody(UUID(held.customer["id"])).model_dump(by_alias=True),
    }
    return json.dumps(callback | changes).encode()


def signed(
    world: World, body: bytes, *, secret: bytes | None = None, age: timedelta = timedelta(0), name: str | None = None
) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    sent_at, name = datetime.now(UTC) - age, name or f"msg_{uuid4().hex}"
    signature = Webhook(secret or world.services.keys.callback).sign(name, sent_at, body.decode("utf-8", "replace"))
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": signature,
    }


async def send(world: World, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    """Call back as a vendor does: without a key of ours."""
    async with httpx2.AsyncClient(base_url=world.url, timeout=30) as vendor:
        return await vendor.post(callback_path("sandbox"), content=body, headers=headers)
