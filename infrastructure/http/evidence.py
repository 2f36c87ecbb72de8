"""Evidence: what a provider said, byte for byte, for those who decide on it and those who audit them."""

import re
from typing import Final

from starlette.responses import Response

from domain.customer import fold
from domain.refusals import UnknownCustomer
from infrastructure.http.inspection import TAG
from infrastructure.http.officers import INSPECTORS
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_id
from infrastructure.http.routing import Call, Route
from infrastructure.keys.keyring import Destroyed
from infrastructure.services import Services

MEDIA_TYPE: Final = "application/octet-stream"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class EvidenceRoutes:
    """Payloads come from outside: they are handed out as files, never as something to show or run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """The one operation, with who may call it."""
        return [
            Route(
                "GET",
                "/customers/{customer_id}/evidence/{digest}",
                self.evidence,
                INSPECTORS,
                "Read evidence by its SHA-256",
                problems=("malformed_id", "customer_not_found", "evidence_not_found", "evidence_erased"),
                media_type=MEDIA_TYPE,
                example='{"applicantId":"5cb56e8e0a975a35f333cb83","reviewStatus":"completed"}',
                headers=("Content-Disposition",),
                tag=TAG,
            )
        ]

    async def evidence(self, call: Call) -> Response:
        """The raw payload, as the provider sent it; its SHA-256 was checked."""
        customer_id, digest = read_id(call.request), call.request.path_params["digest"]
        history = (await self._services.reader.streams([customer_id])).get(customer_id, [])
        customer = fold(envelope.event for envelope in history)
        if customer is None:
            raise UnknownCustomer
        if customer.erased:
            raise Problem("evidence_erased")
        try:
            payload = await self._services.evidence.read(customer_id, digest) if _DIGEST.fullmatch(digest) else None
        except Destroyed:
            raise Problem("evidence_erased") from None
        if payload is None:
            raise Problem("evidence_not_found")
        disposition = f'attachment; filename="{digest}"'
        return Response(payload, media_type=MEDIA_TYPE, headers={"Content-Disposition": disposition})
