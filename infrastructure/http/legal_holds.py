"""Legal holds: an authority forbids that anything of a customer is erased, and allows it again."""

from starlette.responses import Response

from domain.commands import LiftLegalHold, PlaceLegalHold
from infrastructure.http import review_models as models
from infrastructure.http.inspection import OF_CUSTOMER, OFFICER, TAG, Inspection, inspected
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.routing import Call, Route
from infrastructure.services import Services


class LegalHoldRoutes:
    """Each answers with the customer after it. Repeats change nothing."""

    def __init__(self, services: Services) -> None:
        self._inspection = Inspection(services)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "POST",
                f"/customers/{{customer_id}}/{path}",
                handler,
                OFFICER,
                summary,
                answer=models.ReviewedCustomer,
                headers=("ETag",),
                body=models.LegalHold,
                problems=OF_CUSTOMER,
                tag=TAG,
                render=inspected,
            )
            for path, handler, summary in (
                ("hold", self.place_hold, "Put a customer under legal hold"),
                ("hold/lift", self.lift_hold, "Lift a customer's legal hold"),
            )
        ]

    async def place_hold(self, call: Call) -> Response:
        """Nothing of the customer is erased from here on."""
        customer_id, body = read_id(call.request), await read_body(call.request, models.LegalHold)
        command = PlaceLegalHold(body.authority, body.reason)
        return await self._inspection.change(call, customer_id, command)

    async def lift_hold(self, call: Call) -> Response:
        """What its retention allows may be erased again."""
        customer_id, body = read_id(call.request), await read_body(call.request, models.LegalHold)
        command = LiftLegalHold(body.authority, body.reason)
        return await self._inspection.change(call, customer_id, command)
