"""API keys over HTTP: administrators issue, list, rotate and revoke them; whoever has one logs in with it."""

from typing import Final

from starlette.responses import Response

from infrastructure.api_keys import Role
from infrastructure.http import key_models as models
from infrastructure.http.authentication import Authentication
from infrastructure.http.policies import ADMIN
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.key_changes import IssuedKey, issue_key, revoke_key, rotate_key
from infrastructure.request_keys import UnknownApiKey
from infrastructure.services import Services

EVERYBODY: Final[frozenset[Role]] = frozenset({"partner", "officer", "auditor", "admin"})


class KeyRoutes:
    """What ends a secret is answered when no process lets it in any more, which takes a second."""

    def __init__(self, services: Services, authentication: Authentication) -> None:
        self._services = services
        self._authentication = authentication

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "POST",
                "/auth/token",
                self.log_in,
                EVERYBODY,
                "Get a bearer token for a key and its secret",
                answer=models.AccessToken,
                body=models.Credentials,
                problems=("invalid_credentials",),
                tag="login",
                authenticate=self._authentication.of_login,
            ),
            Route(
                "POST",
                "/keys",
                self.issue,
                ADMIN,
                "Issue an API key",
                answer=models.ApiKeyWithSecret,
                status=201,
                body=models.KeyOrder,
                tag="keys",
            ),
            Route(
                "GET", "/keys", self.all, ADMIN, "List the API keys that may call", answer=models.ApiKeys, tag="keys"
            ),
            Route(
                "POST",
                "/keys/{key_id}/rotation",
                self.rotate,
                ADMIN,
                "Give an API key another secret",
                answer=models.ApiKeyWithSecret,
                problems=("malformed_id", "key_not_found"),
                tag="keys",
            ),
            Route(
                "DELETE",
                "/keys/{key_id}",
                self.revoke,
                ADMIN,
                "Revoke an API key",
                status=204,
                problems=("malformed_id", "key_not_found"),
                tag="keys",
            ),
        ]

    async def log_in(self, call: Call) -> Response:
        """A token for an hour. It ends sooner if the key is revoked, or given another secret."""
        token, expires_at = self._authentication.tokens.issue(call.caller)
        return answer(models.AccessToken(token=token, expires_at=expires_at))

    async def issue(self, call: Call) -> Response:
        """The key with its secret, which is shown this once and kept as a hash."""
        order = await read_body(call.request, models.KeyOrder)
        if order.partner is not None and order.role != "partner":
            raise Problem("invalid_request", errors=[{"pointer": "/partner", "code": "not_a_partners_key"}])
        issued = await issue_key(
            self._services, role=order.role, name=order.name, partner=order.partner, actor=call.caller.actor
        )
        return answer(_shown(issued), status=201)

    async def all(self, call: Call) -> Response:
        """Every key, without its secret."""
        keys = [
            models.ApiKey(api_key=caller.key_id, role=caller.role, name=caller.name, partner=caller.partner)
            for caller in await self._services.directory.callers()
        ]
        return answer(models.ApiKeys(keys=keys))

    async def rotate(self, call: Call) -> Response:
        """The key with its new secret, shown this once. By then the one before has ended everywhere."""
        try:
            rotated = await rotate_key(self._services, read_id(call.request, "key_id"), actor=call.caller.actor)
        except UnknownApiKey:
            raise Problem("key_not_found") from None
        return answer(_shown(rotated))

    async def revoke(self, call: Call) -> Response:
        """204 once the key, and every token for it, has ended everywhere. A repeat is 204, too."""
        try:
            await revoke_key(self._services, read_id(call.request, "key_id"), actor=call.caller.actor)
        except UnknownApiKey:
            raise Problem("key_not_found") from None
        return Response(status_code=204)


def _shown(key: IssuedKey) -> models.ApiKeyWithSecret:
    return models.ApiKeyWithSecret(
        api_key=key.key_id, role=key.role, name=key.name, partner=key.partner, api_secret=key.key
    )
