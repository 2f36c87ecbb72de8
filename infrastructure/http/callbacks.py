"""Callbacks in: the signature is checked on the raw body first; what is accepted is durable before 200."""

import structlog
from starlette.requests import Request
from starlette.responses import Response

from application.ports import ForgedCallback, MalformedCallback, ProviderUnavailable, VerificationProvider
from domain.refusals import Refused
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_bytes
from infrastructure.metrics import IGNORED_RESULTS
from infrastructure.services import Services

log = structlog.get_logger()


class CallbackRoutes:
    """What KYC providers call."""

    def __init__(self, services: Services, provider: VerificationProvider) -> None:
        self._services = services
        self._provider = provider

    async def receive(self, request: Request) -> Response:
        """200 once it is recorded or known, 202 where it is for nobody, 401 where it is forged or stale."""
        services, provider = self._services, self._provider
        body = await read_bytes(request)
        try:
            reported = await provider.receive(body, request.headers)
        except ForgedCallback:
            raise Problem("callback_signature_invalid") from None
        except MalformedCallback:
            raise Problem("invalid_request") from None
        except ProviderUnavailable:
            raise Problem("unavailable") from None
        if reported is None or not await services.may_be_about(reported.customer):
            return Response(status_code=202)
        try:
            outcome = await services.record(reported)
        except Refused as refusal:
            return self._ignored(refusal.code, 202)
        return Response(status_code=200) if outcome.new else self._ignored("known", 200)

    def _ignored(self, why: str, status: int) -> Response:
        """A late, repeated or misplaced result changes nothing, and leaves a trace."""
        IGNORED_RESULTS.labels(self._provider.name).inc()
        log.info("result_ignored", provider=self._provider.name, why=why)
        return Response(status_code=status)
