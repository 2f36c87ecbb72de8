"""Erasure over HTTP, for administrators, who are shown nothing of the customer."""

from starlette.responses import Response

from application.executor import Outcome
from infrastructure.erasure import erase_subject, erased_at
from infrastructure.http import admin_models as models
from infrastructure.http.policies import ADMIN
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.services import Services


class ErasureRoutes:
    """The one operation. A repeat changes nothing and answers the same."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """It, with who may call it."""
        return [
            Route(
                "POST",
                "/customers/{customer_id}/erasure",
                self.erase,
                ADMIN,
                "Erase a customer's personal data for good",
                answer=models.ErasedCustomer,
                body=models.Erasure,
                problems=(
                    "malformed_id",
                    "customer_not_found",
                    "wrong_status",
                    "legal_hold",
                    "retention_period",
                    "partner_request_alone",
                ),
                tag="administration",
                render=_erased,
            )
        ]

    async def erase(self, call: Call) -> Response:
        """200 once the key is destroyed and no process has it any more; what was sealed with it never opens again."""
        customer_id, body = read_id(call.request), await read_body(call.request, models.Erasure)
        outcome = await erase_subject(
            self._services, customer_id, body.legal_basis, actor=call.caller.actor, once=call.once
        )
        return await _erased(call, outcome)


async def _erased(_: Call, outcome: Outcome) -> Response:
    return answer(models.ErasedCustomer(id=outcome.stream, erased_at=erased_at(outcome)))
