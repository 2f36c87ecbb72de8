"""Request keys over HTTP, for administrators: from when on an API key's requests must be signed, and with what."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from application.handlers import append
from infrastructure.http import admin_models as models
from infrastructure.http.policies import ADMIN
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.request_keys import (
    Decision,
    MalformedRequestKey,
    UnknownApiKey,
    parse,
    register,
    remove,
)
from infrastructure.services import Services

PATH: Final = "/keys/{key_id}/public-key"


class RequestKeyRoutes:
    """Registering and removing. Repeats change nothing. Every process knows when the answer is given."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Both operations, with who may call them."""
        return [
            Route(
                "PUT",
                PATH,
                self.register,
                ADMIN,
                "Register the public key that an API key's requests must be signed with",
                answer=models.RegisteredRequestKey,
                body=models.RequestKeyRegistration,
                problems=("malformed_id", "key_not_found", "malformed_public_key"),
                tag="administration",
            ),
            Route(
                "DELETE",
                PATH,
                self.remove,
                ADMIN,
                "Remove an API key's public key",
                status=204,
                problems=("malformed_id", "key_not_found"),
                tag="administration",
            ),
        ]

    async def register(self, call: Call) -> Response:
        """From here on every request of the API key must be signed (RFC 9421). It takes the place of the one before."""
        key_id, body = read_id(call.request, "key_id"), await read_body(call.request, models.RequestKeyRegistration)
        try:
            key = parse(body.public_key)
        except MalformedRequestKey:
            raise Problem("malformed_public_key") from None
        await self._decide(call, key_id, lambda history: register(key, history))
        return answer(models.RegisteredRequestKey(key_id=key_id, algorithm=key.algorithm, public_key=key.pem))

    async def remove(self, call: Call) -> Response:
        """From here on the API key is enough again."""
        await self._decide(call, read_id(call.request, "key_id"), remove)
        return Response(status_code=204)

    async def _decide(self, call: Call, key_id: UUID, decide: Decision) -> None:
        try:
            await self._services.execute(lambda: append(key_id, decide), actor=call.caller.actor)
        except UnknownApiKey:
            raise Problem("key_not_found") from None
        await self._services.directory.ended_everywhere()
