"""API keys over HTTP: administrators issue, list, rotate and revoke them; whoever has one logs in with it."""

from typing import Final

from starlette.responses import Response

from application.executor import Outcome
from application.handlers import Handler
from infrastructure.api_keys import Role, new_key
from infrastructure.http import key_models as models
from infrastructure.http.authentication import Authentication
from infrastructure.http.idempotency import keep, kept
from infrastructure.http.policies import ADMIN
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.key_changes import IssuedKey, issuing, revoke_key, rotating
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
                safe=True,
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
                render=self._issued,
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
                render=self._rotated,
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
        secret, key_hash = new_key(order.role)
        handler = issuing(self._services, key_hash=key_hash, role=order.role, name=order.name, partner=order.partner)
        outcome = await self._execute(call, handler, secret)
        return await self._issued(call, outcome, secret)

    async def _issued(self, call: Call, outcome: Outcome, secret: str = "") -> Response:
        return answer(_shown(IssuedKey.of(outcome, kept(call, outcome, secret))), status=201)

    async def all(self, call: Call) -> Response:
        """Every key, without its secret."""
        keys = [
            models.ListedApiKey(api_key=caller.key_id, role=caller.role, name=caller.name, partner=caller.partner)
            for caller in await self._services.directory.callers()
        ]
        return answer(models.ApiKeys(keys=keys))

    async def rotate(self, call: Call) -> Response:
        """The key with its new secret, shown this once. By then the one before has ended everywhere."""
        key_id, directory = read_id(call.request, "key_id"), self._services.directory
        try:
            secret, key_hash = new_key((await directory.known(key_id)).role)
            outcome = await self._execute(call, rotating(key_id, key_hash=key_hash), secret)
        except UnknownApiKey:
            raise Problem("key_not_found") from None
        await directory.ended_everywhere()
        return await self._rotated(call, outcome, secret)

    async def _rotated(self, call: Call, outcome: Outcome, secret: str = "") -> Response:
        return answer(_shown(IssuedKey.of(outcome, kept(call, outcome, secret))))

    async def _execute(self, call: Call, handler: Handler, secret: str) -> Outcome:
        """Carry out what a secret was made for, so that a repeat is told the same."""
        keep(call, secret)
        return await self._services.execute_once(handler, actor=call.caller.actor, once=call.once)

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
